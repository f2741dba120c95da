/**
 * Sends, edits and regenerations: how a turn begins, and how a second call with the same key finds
 * its turn.
 *
 * Without an idempotency key the turn begins in the tick of the call, so a cancel that follows
 * finds it. With a key, the live turns are searched first, then the store. Later calls for the same
 * conversation wait meanwhile, which keeps the order of the calls. If two calls race for a key that
 * neither found, the schema refuses the second one. Knows nothing of how a turn runs.
 */
import { isDeepStrictEqual } from 'node:util'
import type { Viewer } from '../../../persistence/ports/conversation-store.ts'
import type { QueueStore } from '../../../persistence/ports/queue-store.ts'
import type { StoredTurnParts, TurnStore } from '../../../persistence/ports/turn-store.ts'
import { ColloquyError, hasCode } from '../../../protocol/errors.ts'
import type { Message } from '../../../protocol/message.ts'
import { Registry } from '../../../registry.ts'
import type { Actors } from '../../actors/actors.ts'
import type { Turn } from '../../api/turn.ts'
import { onAbort } from '../../host-signal.ts'
import type { ResolvedOptions } from '../../options/resolve-options.ts'
import { TurnHandle } from '../handle/handle.ts'
import { StoredTurn } from '../handle/stored-turn.ts'
import { type CancelCall, cancelTurn } from '../live-turn/cancel.ts'
import type { LiveTurn } from '../live-turn/live-turn.ts'
import type { TurnRequest } from '../request/turn-request.ts'
import type { Turns } from '../turns.ts'

/** An input, or the message that was made of it. A turn on a stored input has none. */
type InputLike = Pick<Message, 'role' | 'parts'>

type SendRequest = Omit<TurnRequest, 'turnId' | 'replyId'>

interface SendsParts {
  readonly store: TurnStore & QueueStore
  readonly turns: Turns
  readonly actors: Actors
  readonly options: ResolvedOptions
  /** @throws `engine-closed` */
  readonly assertOpen: () => void
  readonly cancel: CancelCall
}

export class Sends {
  readonly #parts: SendsParts
  /** The live turns that have an idempotency key, until they are over. */
  readonly #keyed = new Registry<string, LiveTurn>()
  /** The key lookups under way in the store, by conversation id. */
  readonly #lookups = new Map<string, Promise<void>>()

  constructor(parts: SendsParts) {
    this.#parts = parts
  }

  /** Settles when the key lookup of a conversation ends; `undefined` if none is under way. */
  pendingLookup(conversationId: string): Promise<void> | undefined {
    return this.#lookups.get(conversationId)
  }

  async send(request: SendRequest): Promise<Turn> {
    const { idempotencyKey } = request.options
    for (;;) {
      for (
        let before = this.#before(request.conversationId);
        before !== undefined;
        before = this.#before(request.conversationId)
      ) {
        await before
        this.#parts.assertOpen()
      }
      if (idempotencyKey === undefined)
        return await this.#accepted(this.#begin(request), request.viewer)
      const turn = await this.#keyedTurn(request, idempotencyKey)
      if (turn !== undefined) return turn
    }
  }

  /**
   * Settles when an earlier key lookup, or the ending of an abandoned turn, is over. `undefined` if
   * a send need not wait.
   */
  #before(conversationId: string): Promise<void> | undefined {
    const running = this.#parts.turns.runningIn(conversationId)
    if (running?.isAbandoned === true) return running.over.promise
    return this.pendingLookup(conversationId)
  }

  #begin(request: SendRequest): LiveTurn {
    const { actors, turns, options } = this.#parts
    assertWanted(request)
    let live: LiveTurn | undefined
    // Before the turn exists, because a signal may throw.
    const stopListening = this.#abortOn(request, () => live)
    const [replyId, turnId] = [options.newId(), options.newId()]
    live = turns.create({ ...request, turnId, replyId })
    void live.left.promise.then(stopListening)
    const type = this.#mayQueue(request) ? 'conversation.queue' : 'conversation.send'
    actors.send(live.conversationId, { type, turnId: live.turnId })
    return live
  }

  /** Listens to the signal of a send. The returned function stops listening. */
  #abortOn({ options }: SendRequest, send: () => LiveTurn | undefined): () => void {
    const { actors, turns } = this.#parts
    return onAbort(options.signal, () => {
      const live = send()
      if (live === undefined) return
      const turn = live.mergedInto ?? live
      if (turn.isResting)
        void turns.waiting.cancel(turn.turnId, { cause: 'signal' }).catch(() => {})
      else if (turn.isQueued && turn.queued !== undefined)
        void turns.queue.inputs.abort(live, 'signal')
      else void cancelTurn(actors, turn, { cause: 'signal' })
    })
  }

  /**
   * Returns true if the policy of the send may be one that does not refuse it where a turn runs. Where
   * none is known to run, the machine may still be about to end one.
   */
  #mayQueue({ conversationId, isBeside, options }: SendRequest): boolean {
    const { turns, options: engine } = this.#parts
    const running = turns.runningIn(conversationId)
    // Before the running turn is accepted, only the database knows the policy of the conversation.
    if (options.sendPolicy === undefined && running !== undefined && !running.hasPolicy) return true
    const policy = options.sendPolicy ?? running?.sendPolicy ?? engine.sendPolicy
    return isBeside === true ? policy === 'replace' : policy !== 'reject'
  }

  async #accepted(live: LiveTurn, viewer: Viewer | undefined, isRepeat = false): Promise<Turn> {
    const message = await live.accepted.promise
    const { conversationId, placed } = live
    const turn = live.mergedInto ?? live
    return new TurnHandle(
      turn,
      message,
      { placed, isRepeat },
      () => this.#parts.cancel(conversationId, turn.turnId, viewer),
      live.ownEnd?.promise,
    )
  }

  /** The turn with this key: the first one or a new one. `undefined` if the first was rejected. */
  async #keyedTurn(request: SendRequest, key: string): Promise<Turn | undefined> {
    const name = JSON.stringify([request.conversationId, key])
    const running = this.#keyed.get(name)
    if (running !== undefined) return await this.#join(running, request)
    const found = await this.#lookUp(request, key, () => {
      const live = this.#begin(request)
      this.#keyed.set(name, live)
      // A refused send ends a moment after its refusal. By then, another send may have its key.
      const forget = () => this.#keyed.remove(name, live)
      live.accepted.promise.catch(forget)
      void live.left.promise.then(forget)
      return live
    })
    if (!('turnId' in found)) return await this.#ended(found, request)
    try {
      return await this.#accepted(found, request.viewer)
    } catch (error) {
      // Another writer may have used the key first: then the schema refused this turn.
      const first = hasCode(error, 'database-failed') && (await this.#stored(request, key))
      if (!first) throw error
      return await this.#ended(first, request)
    }
  }

  async #join(live: LiveTurn, request: SendRequest): Promise<Turn | undefined> {
    assertWanted(request)
    assertSame(live.request.input, request.input)
    assertSameMessage(live.request.inputMessageId, request.inputMessageId)
    const stopListening = this.#abortOn(request, () => live)
    void live.over.promise.then(stopListening)
    try {
      return await this.#accepted(live, request.viewer, true)
    } catch {
      return undefined
    }
  }

  /** The stored turn with this key. If there is none, begins a turn in the same tick. */
  async #lookUp(
    request: SendRequest,
    key: string,
    begin: () => LiveTurn,
  ): Promise<StoredTurnParts | LiveTurn> {
    const { conversationId } = request
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#lookups.set(conversationId, promise)
    try {
      const stored = await this.#stored(request, key)
      this.#parts.assertOpen()
      return stored ?? begin()
    } finally {
      this.#lookups.delete(conversationId)
      resolve()
    }
  }

  #stored(
    { conversationId, viewer }: SendRequest,
    key: string,
  ): Promise<StoredTurnParts | undefined> {
    return this.#parts.store.keyedTurn(conversationId, key, viewer)
  }

  async #ended(first: StoredTurnParts, request: SendRequest): Promise<Turn> {
    const { id, conversationId } = first.turn
    const isOnStored = first.input.turnId !== id
    assertSame(isOnStored ? undefined : first.input, request.input)
    assertSameMessage(first.input.id, request.inputMessageId)
    const cancel = () => this.#parts.cancel(conversationId, id, request.viewer)
    if (first.turn.status === 'queued') {
      const { turns, store } = this.#parts
      turns.queue.restore(await store.listQueue(conversationId, request.viewer))
      const live = turns.find(id)
      if (live !== undefined) {
        const placed = live.isQueued ? 'queued' : 'started'
        return new TurnHandle(live, first.input, { placed, isRepeat: true }, cancel)
      }
    }
    if (first.turn.status === 'waiting' || first.turn.endedAt === undefined) {
      const { turns } = this.#parts
      const live = turns.find(id) ?? (await turns.waiting.reach(id, request.viewer))
      if (live !== undefined) {
        return new TurnHandle(live, first.input, { placed: 'started', isRepeat: true }, cancel)
      }
    }
    return new StoredTurn(first, cancel, true)
  }
}

/** @throws `cancelled` */
function assertWanted({ options }: SendRequest): void {
  if (options.signal?.aborted === true) throw notSent()
}

/** @throws `idempotency-conflict` */
function assertSame(first: InputLike | undefined, second: InputLike | undefined): void {
  if (first?.role === second?.role && isDeepStrictEqual(asStored(first), asStored(second))) return
  throw conflict()
}

/**
 * Compares the stored inputs that two calls name; `undefined` names none.
 *
 * @throws `idempotency-conflict`
 */
function assertSameMessage(first: string | undefined, second: string | undefined): void {
  if (first !== undefined && second !== undefined && first !== second) throw conflict()
}

function notSent(): ColloquyError {
  return new ColloquyError(
    'cancelled',
    'The send was cancelled before it was accepted; nothing was stored.',
  )
}

function conflict(): ColloquyError {
  return new ColloquyError(
    'idempotency-conflict',
    'Another input was sent, or answered again, under this idempotency key. Take a new key for a new input.',
  )
}

/** The parts as a database returns them: without the fields that JSON omits. */
function asStored(input: InputLike | undefined): unknown {
  return input && JSON.parse(JSON.stringify(input.parts))
}
