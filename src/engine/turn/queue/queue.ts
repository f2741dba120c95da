/**
 * The queued turns of all conversations, as live turns: how they come into a queue, and how one ends
 * before its start.
 *
 * The conversation machine decides which turn starts, and when. After an opening of the database, a
 * queued turn is made live from its row when somebody asks for it. Knows nothing of how a turn runs.
 */
import type { Feed } from '../../../feed/feed.ts'
import type { QueueReport } from '../../../machines/conversation-events.ts'
import type { PlacedTurn, StoredQueuedTurn } from '../../../persistence/ports/placement.ts'
import type { QueueStore } from '../../../persistence/ports/queue-store.ts'
import type { TurnStore } from '../../../persistence/ports/turn-store.ts'
import {
  ColloquyError,
  conversationNotFound,
  errorRecord,
  hasCode,
} from '../../../protocol/errors.ts'
import type { TurnHappening } from '../../../protocol/event.ts'
import type { TurnRecord } from '../../../protocol/turn.ts'
import { recordFault } from '../../options/logging.ts'
import type { ResolvedOptions } from '../../options/resolve-options.ts'
import { endingError } from '../handle/stored-turn.ts'
import { type CancelCause, cancelError } from '../live-turn/cancel-cause.ts'
import type { LiveTurn } from '../live-turn/live-turn.ts'
import type { LiveTurns } from '../live-turn/live-turns.ts'
import { fromStored, type Sealer } from '../request/stored-options.ts'
import type { TurnRequest } from '../request/turn-request.ts'
import { forgetQueue } from './deletion.ts'
import { QueueInputs, takesPart } from './inputs.ts'

interface QueueParts {
  readonly store: QueueStore & Pick<TurnStore, 'getTurn'>
  readonly feed: Feed
  readonly options: ResolvedOptions
  readonly sealer: Sealer
  readonly live: LiveTurns
  readonly onIdle: (conversationId: string) => void
  readonly isClosing: () => boolean
  readonly cancel: (live: LiveTurn, cause: CancelCause) => void
}

export class TurnQueue {
  readonly #parts: QueueParts
  /** The turns whose end before their start was told. */
  readonly #finished = new WeakSet<LiveTurn>()
  /** The inputs of turns that have several. */
  readonly inputs: QueueInputs

  constructor(parts: QueueParts) {
    this.#parts = parts
    this.inputs = new QueueInputs({
      ...parts,
      restore: (stored) => this.restore(stored),
      ahead: (live) => this.waitingIn(live.conversationId).indexOf(live),
    })
  }

  /** Makes queued turns live, as their rows have them. Returns their ids, in the same order. */
  restore(stored: readonly StoredQueuedTurn[]): readonly string[] {
    const ids: string[] = []
    for (const queued of stored) {
      const live = this.#parts.live.get(queued.turn.id) ?? this.#restored(queued)
      // A stored list may be older than a withdrawal or a start.
      if (live.isQueued && !live.isWithdrawn) ids.push(live.turnId)
    }
    return ids
  }

  /**
   * Makes the turns live that came with a placed one, and returns the ids of the turns that wait, in
   * order. The turn of the send itself does not wait yet.
   */
  othersOf({ queue, turns }: PlacedTurn): readonly string[] {
    this.restore(turns)
    return this.stillQueued(queue)
  }

  /** Those that are still queued. While a queue is read, a turn of it may be cancelled. */
  stillQueued(turnIds: readonly string[]): readonly string[] {
    return turnIds.filter((turnId) => {
      const live = this.#parts.live.get(turnId)
      return live !== undefined && live.isQueued && !live.isWithdrawn
    })
  }

  /** The live queued turns of a conversation, in order. */
  waitingIn(conversationId: string): readonly LiveTurn[] {
    return this.#parts.live
      .in(conversationId)
      .filter(({ isQueued }) => isQueued)
      .toSorted((one, other) => placeOf(one) - placeOf(other))
  }

  /** The first queued turn of a conversation, if it was sent to take over. */
  steering(conversationId: string): string | undefined {
    if (this.#parts.isClosing()) return undefined
    const [first] = this.waitingIn(conversationId)
    if (first === undefined || first.isWithdrawn || first.queued === undefined) return undefined
    return first.queued.turn.sendPolicy === 'steer' ? first.turnId : undefined
  }

  /** The input is on disk in a queue: tells subscribers and the caller of its send. */
  placed(live: LiveTurn, placed: PlacedTurn): void {
    if (placed.place === 'joined') return this.inputs.joined(live, placed)
    const { input, queue, turns, created } = placed
    if (created !== undefined) {
      const told = {
        type: 'conversation.changed',
        change: 'created',
        conversation: created,
      } as const
      this.#parts.feed.announce(live.conversationId, told)
    }
    this.restore(turns)
    live.queued = turns.find(({ turn }) => turn.id === live.turnId)
    live.isQueued = true
    live.placed = 'queued'
    this.#parts.feed.openQueued(live.replyFeed, live.bound?.conversation.ownerId)
    live.bound = undefined
    live.replyFeed.wait()
    const ahead = queue.indexOf(live.turnId)
    live.replyFeed.publish({ type: 'turn.queued', messages: [input], ahead })
    const { turnId, conversationId } = live
    if (input.turnId === turnId) takesPart(live, input.id)
    this.#parts.options.logger.debug({ turnId, conversationId }, 'A turn was queued.')
    live.accepted.resolve(input)
  }

  tell({ conversationId, turnIds, isHeld }: QueueReport): void {
    const report = {
      type: 'queue.changed',
      turnIds,
      isHeld: isHeld && turnIds.length > 0,
    } as const
    // The end of the turn before is told in a microtask that is queued already.
    queueMicrotask(() => {
      const told = this.#parts.live.in(conversationId).find(({ replyFeed }) => replyFeed.hasOwner)
      this.#parts.feed.announce(conversationId, report, told?.replyFeed.ownerId)
    })
  }

  /**
   * Ends a turn before its start. Its inputs come back on the receipt and on `turn.cancelled`.
   *
   * @param putBack - called if that could not be written: the turn is still queued
   */
  async withdraw(live: LiveTurn, putBack: () => void): Promise<void> {
    const { store, options } = this.#parts
    try {
      await live.recording
    } catch {
      // It was never queued, and its send is rejected.
      if (live.queued === undefined) return live.cancels.settle()
    }
    if (live.mergedInto !== undefined) return this.retract(live)
    const { cause } = live.cancels
    if (cause === 'signal' && (await this.inputs.leave(live, live, cause))) {
      live.isWithdrawn = false
      live.cancels.settle()
      return putBack()
    }
    try {
      const ended = await store.endQueued({
        turnId: live.turnId,
        error: cancelError(live.cancels.cause),
        lastSeqs: live.replyFeed.lastSeqs,
        at: new Date(options.steadyClock.now()),
      })
      if (ended === undefined) return await this.#miss(live)
      const { turn, messages } = ended
      live.withdrawn = messages
      this.#finish(live, endingError(turn, undefined), {
        type: 'turn.cancelled',
        turn,
        withdrawn: messages,
      })
    } catch (error) {
      recordFault(error, options.logger, 'A queued turn could not be cancelled.')
      live.isWithdrawn = false
      live.isQueued = true
      live.cancels.reject(error)
      putBack()
    }
  }

  /** A send whose input joined a turn was cancelled meanwhile. */
  retract(live: LiveTurn): void {
    void this.inputs
      .abort(live, live.cancels.cause ?? 'signal')
      .then(() => live.cancels.settle())
      .then(() => this.#parts.onIdle(live.conversationId))
  }

  /** The start of a turn failed, or was withdrawn: nothing of it is on disk. */
  notStarted(live: LiveTurn, putBack: () => void): void {
    // It ends before its start: that is being written, and tells its end.
    if (live.isWithdrawn) return
    live.replyFeed.wait()
    if (hasCode(live.refusal, 'conversation-not-found')) return this.#forget(live)
    if (live.cancels.tookEffect) return void this.withdraw(live, putBack)
    if (hasCode(live.refusal, 'turn-not-found')) return this.#lose(live)
    recordFault(live.refusal, this.#parts.options.logger, 'A queued turn could not be started.')
    live.refusal = undefined
    live.recording = undefined
    live.isQueued = true
    putBack()
  }

  /** Rejects the replies of a deleted conversation's queued turns; see `forgetQueue`. */
  forgetConversation(conversationId: string, lost: (turnIds: readonly string[]) => void): void {
    const { store, live } = this.#parts
    const forget = (turn: LiveTurn) => this.#forget(turn)
    forgetQueue(live.in(conversationId), { store, forget, lost })
  }

  /** Rejects the replies of all queued turns, which stay queued in the database. */
  async close(): Promise<void> {
    const writing = this.#parts.live.values().filter(({ isWriting }) => isWriting)
    await Promise.allSettled(writing.map(async ({ recording }) => await recording))
    const queued = this.#parts.live.values().filter(({ isQueued }) => isQueued)
    const error = new ColloquyError(
      'engine-closed',
      'The engine was closed before this turn started. It is still queued: open the database again and call engine.resumeQueue().',
    )
    for (const live of queued) if (live.isQueued && !live.isWithdrawn) this.#finish(live, error)
    await Promise.all(queued.map(({ over }) => over.promise))
  }

  #restored(queued: StoredQueuedTurn): LiveTurn {
    const { turn, messages, options } = queued
    const { id: turnId, replyId, conversationId, metadata } = turn
    let given: TurnRequest['options'] = {}
    let unusable: unknown
    try {
      given = fromStored(options, turnId, this.#parts.sealer)
    } catch (error) {
      unusable = error
    }
    const input = messages.at(-1)
    const live = this.#parts.live.create({
      turnId,
      replyId,
      conversationId,
      inputMessageId: input?.id,
      options: { ...given, ...(metadata !== undefined && { metadata }) },
    })
    live.queued = queued
    live.isQueued = true
    live.placed = 'queued'
    live.unusable = unusable
    this.#parts.feed.openQueued(live.replyFeed, queued.ownerId)
    live.replyFeed.wait()
    if (input !== undefined) live.accepted.resolve(input)
    return live
  }

  /** The turn went with its conversation. */
  #forget(live: LiveTurn): void {
    const error = conversationNotFound(live.conversationId)
    const turn = this.#endedRecord(live, 'cancelled', error)
    this.#finish(live, error, turn && { type: 'turn.cancelled', turn })
  }

  /** There is no such queued turn any more: it went with its conversation, or another writer has it. */
  async #miss(live: LiveTurn): Promise<void> {
    if ((await this.#parts.store.getTurn(live.turnId)) !== undefined) this.#lose(live)
    else this.#forget(live)
  }

  /** Another writer ended the turn. */
  #lose(live: LiveTurn): void {
    const error = new ColloquyError(
      'turn-lost',
      'Another engine ended this queued turn. Read it with engine.getTurn().',
    )
    const turn = this.#endedRecord(live, 'failed', error)
    this.#finish(live, error, turn && { type: 'turn.failed', turn })
  }

  #endedRecord(
    { queued }: LiveTurn,
    status: 'failed' | 'cancelled',
    error: ColloquyError,
  ): TurnRecord | undefined {
    const endedAt = new Date(this.#parts.options.steadyClock.now())
    return queued && { ...queued.turn, status, error: errorRecord(error), endedAt }
  }

  /** Tells the end of a turn, once: its conversation may be deleted while the end is being written. */
  #finish(live: LiveTurn, error: ColloquyError | undefined, end?: TurnHappening): void {
    live.isQueued = false
    if (this.#finished.has(live)) return
    this.#finished.add(live)
    if (end !== undefined) live.replyFeed.publish(end, this.#parts.options.steadyClock)
    // The events are delivered by then.
    setImmediate(() => {
      this.#parts.live.remove(live)
      live.reply.reject(error)
      live.started.reject(error)
      live.replyFeed.end(error)
      live.cancels.settle()
      live.over.resolve()
      this.#parts.onIdle(live.conversationId)
    })
  }
}

/** A turn that is still being written into the queue comes last. */
function placeOf({ queued }: LiveTurn): number {
  return queued?.place ?? Number.MAX_SAFE_INTEGER
}
