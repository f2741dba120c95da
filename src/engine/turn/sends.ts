/**
 * Sends and retries: how a turn begins, and how a second one under the same key finds the first.
 *
 * Without a key the turn begins in the tick of the call, so that a cancel which follows finds it.
 * With one, those that run are looked at, then the store; what comes to the same conversation
 * meanwhile waits, so the order of the calls holds. Two that race for a key which neither found
 * are kept apart by the schema.
 */
import { isDeepStrictEqual } from 'node:util'
import type { KeyedTurn, Store } from '../../persistence/store.ts'
import { ColloquyError, hasCode } from '../../protocol/errors.ts'
import type { Message } from '../../protocol/message.ts'
import type { Receipt } from '../../protocol/turn.ts'
import { Registry } from '../../registry.ts'
import type { Actors } from '../actors/actors.ts'
import type { Turn } from '../api.ts'
import type { ResolvedOptions } from '../options/resolve-options.ts'
import { cancelOn } from './cancel.ts'
import { TurnHandle } from './handle.ts'
import type { LiveTurn, TurnRequest } from './live-turn.ts'
import { StoredTurn } from './stored-turn.ts'
import { notSent } from './turns.ts'
import type { Turns } from './turns.ts'

/** An input, or the message that was made of one. A retry has none. */
type InputLike = Pick<Message, 'role' | 'parts'>

export type SendRequest = Omit<TurnRequest, 'turnId'>

export interface SendsParts {
  readonly store: Store
  readonly turns: Turns
  readonly actors: Actors
  readonly options: ResolvedOptions
  /** @throws `engine-closed` */
  readonly assertOpen: () => void
  readonly cancel: (conversationId: string, turnId: string) => Promise<Receipt>
}

export class Sends {
  readonly #parts: SendsParts
  /** The runs that have a key, until they are over. */
  readonly #keyed = new Registry<string, LiveTurn>()
  /** The conversations in which the store is asked for a key. */
  readonly #lookups = new Map<string, Promise<void>>()

  constructor(parts: SendsParts) {
    this.#parts = parts
  }

  /** Settles when a send to this conversation is further; `undefined` when none is looked up. */
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
      if (idempotencyKey === undefined) return await this.#accepted(this.#begin(request))
      const turn = await this.#keyedTurn(request, idempotencyKey)
      if (turn !== undefined) return turn
    }
  }

  /** What a send has to wait for: an earlier one, or a turn that lost its machine and is being ended. */
  #before(conversationId: string): Promise<void> | undefined {
    const running = this.#parts.turns.runningIn(conversationId)
    if (running?.isAbandoned === true) return running.over.promise
    return this.pendingLookup(conversationId)
  }

  #begin(request: SendRequest): LiveTurn {
    const { actors, turns, options } = this.#parts
    assertWanted(request)
    const live = turns.create({ ...request, turnId: options.newId() })
    cancelOn(actors, live, request.options.signal)
    actors.send(live.conversationId, { type: 'conversation.send', turnId: live.turnId })
    return live
  }

  async #accepted(live: LiveTurn): Promise<Turn> {
    const message = await live.accepted.promise
    return new TurnHandle(live, message, () => this.#parts.cancel(live.conversationId, live.turnId))
  }

  /** The turn under a key: the first one's or a new one. `undefined` when the first was rejected. */
  async #keyedTurn(request: SendRequest, key: string): Promise<Turn | undefined> {
    const name = JSON.stringify([request.conversationId, key])
    const running = this.#keyed.get(name)
    if (running !== undefined) return await this.#join(running, request)
    const found = await this.#lookUp(request.conversationId, key, () => {
      const live = this.#begin(request)
      this.#keyed.set(name, live)
      const forget = () => this.#keyed.delete(name)
      live.accepted.promise.catch(forget)
      void live.over.promise.then(forget)
      return live
    })
    if (!('turnId' in found)) return this.#ended(found, request)
    try {
      return await this.#accepted(found)
    } catch (error) {
      // Another writer may have come first; then the schema refused this one.
      const first =
        hasCode(error, 'database-failed') && (await this.#stored(request.conversationId, key))
      if (!first) throw error
      return this.#ended(first, request)
    }
  }

  async #join(live: LiveTurn, request: SendRequest): Promise<Turn | undefined> {
    assertWanted(request)
    assertSame(live.request.input, request.input)
    cancelOn(this.#parts.actors, live, request.options.signal)
    try {
      return await this.#accepted(live)
    } catch {
      return undefined
    }
  }

  /** The stored turn with this key; if there is none, what `begin` makes in the same step. */
  async #lookUp(
    conversationId: string,
    key: string,
    begin: () => LiveTurn,
  ): Promise<KeyedTurn | LiveTurn> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#lookups.set(conversationId, promise)
    try {
      const stored = await this.#stored(conversationId, key)
      this.#parts.assertOpen()
      return stored ?? begin()
    } finally {
      this.#lookups.delete(conversationId)
      resolve()
    }
  }

  #stored(conversationId: string, key: string): Promise<KeyedTurn | undefined> {
    return this.#parts.store.keyedTurn(conversationId, key)
  }

  #ended(first: KeyedTurn, request: SendRequest): Turn {
    const { id, conversationId } = first.turn
    const isRetry = first.input.turnId !== id
    assertSame(isRetry ? undefined : first.input, request.input)
    return new StoredTurn(first, () => this.#parts.cancel(conversationId, id))
  }
}

/** @throws `cancelled` */
function assertWanted({ options }: SendRequest): void {
  if (options.signal?.aborted === true) throw notSent()
}

/** @throws `idempotency-conflict` */
function assertSame(first: InputLike | undefined, second: InputLike | undefined): void {
  if (first?.role === second?.role && isDeepStrictEqual(asStored(first), asStored(second))) return
  throw new ColloquyError(
    'idempotency-conflict',
    'Another input was sent, or retried, under this idempotency key. Take a new key for a new input.',
  )
}

/** The parts as they come back from a database: without what JSON leaves out. */
function asStored(input: InputLike | undefined): unknown {
  return input && JSON.parse(JSON.stringify(input.parts))
}
