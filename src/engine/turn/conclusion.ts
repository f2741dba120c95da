/**
 * The conclusion of a turn: its reply is sealed, and once its end is on disk, subscribers and callers
 * are told.
 *
 * The turn machine decides how a turn ends, and when each of this happens. A turn whose machine failed
 * is concluded without it. Knows nothing of how a turn begins or goes on.
 */
import type { Feed } from '../../feed/feed.ts'
import type { Outcome, TurnResult } from '../../machines/turn-events.ts'
import type { TurnStore } from '../../persistence/ports/turn-store.ts'
import {
  type ColloquyError,
  type ColloquyErrorCode,
  errorFromRecord,
  errorRecord,
} from '../../protocol/errors.ts'
import type { MessageStatus } from '../../protocol/message.ts'
import { messageStatusOf } from '../../protocol/turn.ts'
import type { Binder } from '../endpoints/binding.ts'
import { recordFault } from '../options/logging.ts'
import type { ResolvedOptions } from '../options/resolve-options.ts'
import type { LiveTurn } from './live-turn/live-turn.ts'
import type { LiveTurns } from './live-turn/live-turns.ts'
import type { TurnQueue } from './queue/queue.ts'
import type { QueueWrites } from './queue/writes.ts'
import type { Checkpoints } from './record/checkpointer.ts'
import type { Drains } from './record/drains.ts'
import type { TurnEnding } from './record/ending.ts'
import { turnTimeout } from './turn-timeout.ts'
import type { WaitingTurns } from './wait/waiting-turns.ts'

interface ConclusionParts {
  readonly store: Pick<TurnStore, 'withdrawTurn'>
  readonly feed: Feed
  readonly binder: Binder
  readonly drains: Drains
  readonly options: ResolvedOptions
  readonly live: LiveTurns
  readonly checkpoints: Checkpoints
  readonly ending: TurnEnding
  readonly queue: TurnQueue
  readonly queueWrites: QueueWrites
  readonly waiting: WaitingTurns
  /** Called when a turn has ended and its conversation may rest. */
  readonly onSettled: (live: LiveTurn, result: TurnResult) => void
  /** Called when a conversation may rest, though no turn of it has ended. */
  readonly onIdle: (conversationId: string) => void
}

export class TurnConclusion {
  readonly #parts: ConclusionParts

  constructor(parts: ConclusionParts) {
    this.#parts = parts
  }

  /** Ends what runs of a turn: nothing is added to its reply afterwards. */
  seal(live: LiveTurn, outcome: Outcome, code: ColloquyErrorCode | undefined): void {
    const { options, checkpoints } = this.#parts
    // A clock of the host that cannot stop the timer fails the machine while nothing is sealed yet.
    if (outcome === 'cancelled') options.clock.clearTimeout(live.timer)
    live.outcome = outcome
    stopCalls(live)
    checkpoints.end(live)
    if (code === 'timeout-turn') live.fault = turnTimeout(options.timeouts.turnMs)
    if (outcome !== 'cancelled' || !this.#drain(live)) live.step?.abort()
    this.#sealFeed(live, messageStatusOf(outcome))
  }

  #drain(live: LiveTurn): boolean {
    const { binder, drains } = this.#parts
    const endpoint = live.asked?.endpoint
    return endpoint !== undefined && binder.allows(endpoint) && drains.take(live)
  }

  /** A last snapshot that cannot be told must not change how the turn ends. */
  #sealFeed(live: LiveTurn, status: MessageStatus): void {
    try {
      live.replyFeed.seal(status)
    } catch (error) {
      const { logger } = this.#parts.options
      recordFault(error, logger, 'A last snapshot could not be told to its readers.')
    }
  }

  /**
   * Tells subscribers and callers that the turn is over. Its machine is still in the transition to
   * the end, so they are told after it.
   */
  settle(live: LiveTurn, result: TurnResult): void {
    const { live: all, queue, queueWrites, waiting, ending, onIdle, onSettled } = this.#parts
    all.stop(live)
    if (result === 'queued') {
      const { placing } = live
      // By this microtask the conversation rests.
      if (placing !== undefined) queueMicrotask(() => waiting.placedBehind(live, placing))
      return
    }
    if (result === 'kept') return onIdle(live.conversationId)
    if (result === 'waiting') return queueMicrotask(() => waiting.rest(live))
    if (live.mergedInto !== undefined) return queue.retract(live)
    if (result === 'rejected' && live.queued !== undefined) {
      return queue.notStarted(live, () => queueWrites.putBack(live, 0))
    }
    queueMicrotask(() => {
      // The conversation rests by this microtask: a subscriber may send when it gets the end.
      this.#announceSwitch(live)
      const error = ending.publish(live, result)
      this.#log(live, result, error)
      // By this macrotask the events are delivered, and a snapshot reader that waited in `next()`
      // has the last snapshot. Only then does `reply` settle.
      setImmediate(() => {
        all.remove(live)
        if (error !== undefined) {
          live.reply.reject(error)
          live.started.reject(error)
        } else if (live.ended?.message !== undefined) {
          live.reply.resolve({ message: live.ended.message, turn: live.ended.turn })
        }
        live.replyFeed.end(error)
        live.cancels.settle()
        live.left.resolve()
        live.over.resolve()
        onSettled(live, result)
      })
    })
  }

  /** A second reply to an input brings the conversation to another line. */
  #announceSwitch({ conversationId, ended }: LiveTurn): void {
    if (ended?.switchedTo === undefined) return
    this.#parts.feed.announce(conversationId, {
      type: 'conversation.changed',
      change: 'switched',
      conversation: ended.switchedTo,
    })
  }

  /** Never text: messages of errors quote providers. */
  #log(live: LiveTurn, result: TurnResult, error: ColloquyError | undefined): void {
    const { turnId, conversationId, asked, step } = live
    const { logger, failureLog } = this.#parts.options
    const ids = { turnId, conversationId, ...asked, attempts: step?.attempts ?? 0 }
    if (result === 'failed' || result === 'unsaved') {
      const { code = 'internal', status } = error ?? {}
      const details = { ...ids, code, ...(status !== undefined && { status }) }
      failureLog.warn(details, `A turn failed: ${code}.`)
    } else if (result === 'rejected') {
      const { code } = errorRecord(live.refusal)
      logger.debug({ turnId, conversationId, code }, 'A send was refused.')
    } else {
      logger.debug({ ...ids, result }, 'A turn ended.')
    }
  }

  /**
   * Ends a turn whose machine failed, so that it does not stay open for ever. Its request is
   * aborted. Only a bug or a host's own clock can make a machine fail.
   */
  async abandon(live: LiveTurn, cause: unknown): Promise<void> {
    if (live.isAbandoned) return
    const { store, options, checkpoints, ending } = this.#parts
    live.isAbandoned = true
    live.outcome = 'failed'
    live.fault = recordFault(cause, options.logger, 'A turn machine failed.')
    store.withdrawTurn(live.turnId)
    options.steadyClock.clearTimeout(live.timer)
    live.step?.abort()
    stopCalls(live)
    checkpoints.end(live)
    this.#sealFeed(live, 'failed')
    const failure = errorFromRecord(live.fault)
    live.accepted.reject(failure)
    try {
      await live.recording
    } catch {
      // The turn was never accepted: there is nothing to end.
      return this.settle(live, 'rejected')
    }
    const report = await ending.save(live)
    this.settle(live, report.type === 'turn.save-failed' ? 'unsaved' : 'failed')
  }
}

/** Every call gets a result, before the reply is sealed. */
function stopCalls(live: LiveTurn): void {
  const { calls } = live
  if (calls === undefined) return
  live.stoppedCalls = calls.stop()
  void live.over.promise.then(() => calls.ended())
}
