/**
 * The beginning of a turn: its input comes to disk, and subscribers and the caller of its send are
 * told; or the send is refused.
 *
 * The turn machine decides when each of this happens, and gets every result as an event. Knows nothing
 * of how a turn goes on or ends.
 */
import type { Feed } from '../../feed/feed.ts'
import type { TurnReport } from '../../machines/turn-events.ts'
import type { PlacedTurn } from '../../persistence/ports/placement.ts'
import type { ContinuedTurn } from '../../persistence/ports/turn-store.ts'
import { ColloquyError, errorFromRecord, errorRecord, turnRunning } from '../../protocol/errors.ts'
import type { Message } from '../../protocol/message.ts'
import { deltaOf } from '../../reply/part-delta.ts'
import { recordFault } from '../options/logging.ts'
import type { ResolvedOptions } from '../options/resolve-options.ts'
import type { StepCallsPort } from './calls/port.ts'
import { StepCalls } from './calls/step-calls.ts'
import { cancelError } from './live-turn/cancel-cause.ts'
import type { LiveTurn } from './live-turn/live-turn.ts'
import type { LiveTurns } from './live-turn/live-turns.ts'
import type { TurnQueue } from './queue/queue.ts'
import type { TurnRecording } from './record/recording.ts'
import type { Step } from './step/step.ts'

/** Sends a result to the machine of the turn. */
type Report = (report: TurnReport) => void

interface BeginningParts {
  readonly feed: Feed
  readonly options: ResolvedOptions
  readonly live: LiveTurns
  readonly recording: TurnRecording
  readonly queue: TurnQueue
  readonly calls: StepCallsPort
}

export class TurnBeginning {
  readonly #parts: BeginningParts

  constructor(parts: BeginningParts) {
    this.#parts = parts
  }

  /**
   * Writes the input of a send, or the start of a queued turn. A turn that is gone, or that ends before its
   * start, is refused: something must answer the machine.
   */
  record(turnId: string, report: Report): void {
    const live = this.#parts.live.get(turnId)
    if (live === undefined || live.isWithdrawn) {
      return report({ type: 'input.refused', code: 'turn-not-found' })
    }
    if (live.isQueued) this.#start(live, report)
    else this.#write(live, report)
  }

  #write(live: LiveTurn, report: Report): void {
    this.#parts.live.run(live)
    const recording = this.#parts.recording.write(live, false)
    live.recording = recording
    live.isWriting = true
    recording.then(
      (recorded) => {
        live.isWriting = false
        if ('queue' in recorded) {
          live.placing = recorded
          return report({
            type: 'input.queued',
            queue: this.#queueWith(live, recorded),
            replaces: recorded.place === 'replacing',
            ...(recorded.waiting !== undefined && { waiting: recorded.waiting }),
          })
        }
        live.step = recorded
        report(onItsLine(live))
      },
      (error: unknown) => {
        live.isWriting = false
        live.refusal = error
        report({ type: 'input.refused', code: errorRecord(error).code })
      },
    )
  }

  /** The ids of a queue that a turn came into, or whose turn an input joined. */
  #queueWith({ turnId }: LiveTurn, placed: PlacedTurn): readonly string[] {
    const others = this.#parts.queue.othersOf(placed)
    if (placed.place === 'joined') return others
    return placed.place === 'last' ? [...others, turnId] : [turnId, ...others]
  }

  #start(live: LiveTurn, report: Report): void {
    live.isQueued = false
    this.#parts.live.run(live)
    const recording = this.#parts.recording.start(live)
    live.recording = recording
    recording.then(
      (step) => {
        live.step = step
        live.replyFeed.start()
        report(step === undefined ? { type: 'input.unbound' } : onItsLine(live))
      },
      (error: unknown) => {
        live.refusal = error
        report({ type: 'input.refused', code: errorRecord(error).code })
      },
    )
  }

  /** The input is on its line: tells subscribers and the caller of its send. */
  accept(live: LiveTurn): void {
    const { feed, options } = this.#parts
    const message = live.input as Message
    feed.openReply(live.replyFeed, live.bound?.conversation.ownerId)
    const { turnId, replyId, conversationId, asked, changed, inputs } = live
    const { parentId } = inputs?.[0] ?? message
    if (changed !== undefined) {
      feed.announce(conversationId, { type: 'conversation.changed', ...changed })
    }
    live.replyFeed.publish({
      type: 'turn.accepted',
      message,
      ...(inputs && { messages: inputs }),
      replyId,
      ...(parentId !== undefined && { parentId }),
    })
    if (live.continued !== undefined) this.#continue(live, live.continued)
    options.logger.debug({ turnId, conversationId, ...asked }, 'A turn was accepted.')
    live.accepted.resolve(message)
  }

  /** The reply begins with the steps of another turn, which are on disk. */
  #continue(live: LiveTurn, continued: ContinuedTurn): void {
    const { calls } = this.#parts
    live.replyFeed.deltas(continued.parts.map(deltaOf))
    live.replyFeed.endStep()
    calls.checkpoints.beginAfter(live)
    if (continued.again.length === 0) return
    live.calls = StepCalls.again({ live, step: live.step as Step, port: calls }, continued)
  }

  /** The input is on no line and in no queue. */
  refuse(live: LiveTurn): void {
    const { refusal } = live
    // The start of a queued turn: its send resolved long ago.
    if (live.queued !== undefined) return
    if (live.cancels.cause === 'replacement') {
      return live.accepted.reject(errorFromRecord(cancelError('replacement')))
    }
    if (refusal instanceof ColloquyError) return live.accepted.reject(refusal)
    const fault = recordFault(
      refusal,
      this.#parts.options.logger,
      'An input could not be recorded.',
    )
    live.accepted.reject(new ColloquyError(fault.code, fault.message, { cause: refusal }))
  }

  /** Another turn runs in the conversation. */
  refuseSecond(live: LiveTurn): void {
    this.#parts.live.remove(live)
    live.accepted.reject(turnRunning())
    live.over.resolve()
  }
}

/** The report that the input of a turn is on its line. */
function onItsLine({ continued }: LiveTurn): TurnReport {
  const runsAgain = (continued?.again.length ?? 0) > 0
  return { type: 'input.recorded', ...(runsAgain && { runsAgain }) }
}
