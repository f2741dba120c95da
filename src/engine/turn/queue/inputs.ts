/**
 * The inputs of queued turns that have several: how one joins a turn of another send, and how it leaves
 * it alone.
 *
 * Knows nothing of which turn an input may join, or of when a turn starts.
 */
import type { PlacedTurn, StoredQueuedTurn } from '../../../persistence/ports/placement.ts'
import type { QueueStore } from '../../../persistence/ports/queue-store.ts'
import { ColloquyError, errorFromRecord } from '../../../protocol/errors.ts'
import { recordFault } from '../../options/logging.ts'
import type { ResolvedOptions } from '../../options/resolve-options.ts'
import { type CancelCause, cancelError } from '../live-turn/cancel-cause.ts'
import type { LiveTurn } from '../live-turn/live-turn.ts'
import type { LiveTurns } from '../live-turn/live-turns.ts'

interface QueueInputsParts {
  readonly store: QueueStore
  readonly options: ResolvedOptions
  readonly live: LiveTurns
  readonly restore: (stored: readonly StoredQueuedTurn[]) => unknown
  /** The number of queued turns before this one. */
  readonly ahead: (live: LiveTurn) => number
  /** Cancels a whole turn. */
  readonly cancel: (live: LiveTurn, cause: CancelCause) => void
}

export class QueueInputs {
  readonly #parts: QueueInputsParts

  constructor(parts: QueueInputsParts) {
    this.#parts = parts
  }

  /** The input of a send is on disk, in a turn that was queued before: its caller gets that turn. */
  joined(live: LiveTurn, { turnId, input, turns }: PlacedTurn): void {
    const { live: all, restore } = this.#parts
    restore(turns)
    live.isQueued = false
    all.remove(live)
    const turn = all.get(turnId)
    if (turn === undefined) {
      live.accepted.reject(unreadable())
      live.over.resolve()
      return
    }
    live.placed = 'merged'
    live.mergedInto = turn
    live.bound = undefined
    turn.queued = turns.find((queued) => queued.turn.id === turnId) ?? turn.queued
    void turn.over.promise.then(() => live.over.resolve())
    takesPart(live, input.id)
    this.#tell(turn)
    live.accepted.resolve(input)
  }

  /** The signal of a send aborted: its own input is taken back, or its turn is cancelled. */
  async abort(live: LiveTurn, cause: CancelCause): Promise<void> {
    const turn = live.mergedInto ?? live
    if (turn.queued === undefined || !(await this.leave(turn, live, cause))) {
      this.#parts.cancel(turn, cause)
    }
  }

  /**
   * Takes the input of a send out of a queued turn, if others stay in it. Returns true if nothing else
   * is to be done.
   */
  async leave(turn: LiveTurn, live: LiveTurn, cause: CancelCause): Promise<boolean> {
    const { store, options } = this.#parts
    // What is being written may join the turn.
    for (
      let writing = this.#writingIn(turn);
      writing.length > 0 && turn.isQueued;
      writing = this.#writingIn(turn)
    ) {
      await Promise.allSettled(writing.map(async ({ recording }) => await recording))
    }
    const { turnId, leaving } = turn
    const messageId = live.ownInputId
    const others = turn.queued?.messages.filter(({ id }) => id !== messageId && !leaving.has(id))
    if (!turn.isQueued || messageId === undefined || !others?.length) return false
    leaving.add(messageId)
    try {
      const at = new Date(options.steadyClock.now())
      const messages = await store.withdrawInput({ turnId, messageId, at })
      if (messages !== undefined && turn.queued !== undefined) {
        live.withdrawn = turn.queued.messages.filter(({ id }) => id === messageId)
        turn.queued = { ...turn.queued, messages }
        live.ownEnd?.reject(errorFromRecord(cancelError(cause)))
        this.#tell(turn)
      }
    } catch (error) {
      recordFault(error, options.logger, 'An input could not be taken out of a queued turn.')
    }
    leaving.delete(messageId)
    return true
  }

  #tell(turn: LiveTurn): void {
    if (!turn.isQueued || turn.queued === undefined) return
    const { messages } = turn.queued
    turn.replyFeed.publish({ type: 'turn.queued', messages, ahead: this.#parts.ahead(turn) })
  }

  #writingIn({ conversationId }: LiveTurn): readonly LiveTurn[] {
    return this.#parts.live.in(conversationId).filter(({ isWriting }) => isWriting)
  }
}

/** Notes which input of a queued turn came with this send. */
export function takesPart(live: LiveTurn, messageId: string): void {
  live.ownInputId = messageId
  live.ownEnd = Promise.withResolvers()
  // An unhandled rejection would end the host's process. Callers that await still get the error.
  live.ownEnd.promise.catch(() => {})
}

function unreadable(): ColloquyError {
  return new ColloquyError(
    'database-failed',
    'The queued turn that this input joined cannot be read: another program changed its row, or the file is damaged. Cancel it, and send the input again.',
  )
}
