/**
 * The end of a turn: writes the sealed reply and the end, then tells subscribers.
 *
 * The turn machine decides when to save, retry and publish; nothing here knows its states.
 */
import type { TurnReport, TurnResult } from '../../../machines/turn-events.ts'
import type { EndedSteps, TurnEnd, TurnStore } from '../../../persistence/ports/turn-store.ts'
import { ColloquyError, type ErrorRecord, errorRecord } from '../../../protocol/errors.ts'
import type { TurnHappening } from '../../../protocol/event.ts'
import { type FinishReason, type Message, textOf } from '../../../protocol/message.ts'
import { messageStatusOf, type TerminalStatus, type TurnRecord } from '../../../protocol/turn.ts'
import { recordFault } from '../../options/logging.ts'
import type { ResolvedOptions } from '../../options/resolve-options.ts'
import { endingError } from '../handle/stored-turn.ts'
import { cancelError } from '../live-turn/cancel-cause.ts'
import type { LiveTurn } from '../live-turn/live-turn.ts'
import { UsageEstimate } from './usage-estimate.ts'

export class TurnEnding {
  readonly #store: TurnStore
  readonly #options: ResolvedOptions
  readonly #estimate: UsageEstimate

  constructor(store: TurnStore, options: ResolvedOptions) {
    this.#store = store
    this.#options = options
    this.#estimate = new UsageEstimate(options)
  }

  /** Writes the sealed reply and the end of its turn. Never rejects. */
  async save(live: LiveTurn): Promise<TurnReport> {
    await this.#estimate.complete(live)
    try {
      live.ended = await this.#store.endTurn(this.#end(live))
      this.#options.warnings.over('save')
      return { type: live.ended.written ? 'turn.saved' : 'turn.lost' }
    } catch (error) {
      live.saveFailure = recordFault(error, this.#options.logger, 'A reply could not be saved yet.')
      const { code } = live.saveFailure
      // The conversation was deleted: retries would go on for ever.
      return code === 'turn-not-found' ? { type: 'turn.lost' } : { type: 'turn.save-failed', code }
    }
  }

  reportFailure(live: LiveTurn, failures: number, retryInMs: number): void {
    const error = live.saveFailure ?? errorRecord(undefined)
    const { turnId } = live
    this.#options.warnings.warn(
      'save',
      { turnId, code: error.code },
      `A reply could not be saved yet: ${error.message}`,
    )
    try {
      live.replyFeed.publish({ type: 'turn.save-failed', error, failures, retryInMs })
    } catch (fault) {
      // The machine that saves the turn must not fail by this.
      recordFault(fault, this.#options.logger, 'A failed save could not be told to readers.')
    }
  }

  /** Tells subscribers how the turn ended. Returns the error that `reply` rejects with, if any. */
  publish(live: LiveTurn, result: TurnResult): ColloquyError | undefined {
    if (result === 'rejected') return undefined
    if (live.ended === undefined) return this.#publishUnsaved(live, result)
    const { turn, message, written } = live.ended
    const status = turn.status as TerminalStatus
    this.#tell(live, { type: `turn.${status}`, turn, ...(message && { message }) })
    if (!written) return lost(message)
    return endingError(turn, message, live.step?.cause)
  }

  #publishUnsaved(live: LiveTurn, result: TurnResult): ColloquyError {
    const partial = this.#unsavedMessage(live)
    const why = live.saveFailure?.message ?? 'The write did not end.'
    const error =
      result === 'unsaved'
        ? new ColloquyError(
            'save-failed',
            `The reply could not be saved before the engine closed. ${why} Its text is on this error.`,
            { partial },
          )
        : lost(partial)
    const turn = this.#unsavedTurn(live, error)
    this.#tell(live, { type: 'turn.failed', turn, ...(partial && { message: partial }) })
    return error
  }

  /**
   * A host clock that throws must leave neither `reply` unsettled nor subscribers without the end.
   * They are then told at the system's time.
   */
  #tell(live: LiveTurn, end: TurnHappening): void {
    const { logger, steadyClock } = this.#options
    try {
      live.replyFeed.publish(end)
    } catch (error) {
      recordFault(error, logger, 'The end of a turn could not be published.')
      live.replyFeed.publish(end, steadyClock)
    }
  }

  #end(live: LiveTurn): TurnEnd {
    const { outcome, step } = live
    const { attempts = 0, failedAttempts, fallbackAsked, end = {} } = step ?? {}
    const steps = endedSteps(live)
    const parts = live.replyFeed.parts()
    live.endedAt ??= new Date(this.#options.steadyClock.now())
    // A finished reply is kept even if the model said nothing: its usage is real.
    const isKept = parts.length > 0 || outcome === 'done'
    return {
      turnId: live.turnId,
      conversationId: live.conversationId,
      status: outcome,
      attempts,
      failedAttempts,
      fallbackAsked,
      hasCheckpoints: live.hasCheckpoints,
      replyId: live.replyId,
      lastSeqs: live.replyFeed.lastSeqs,
      error: errorOf(live),
      usage: live.usage,
      steps,
      endedBy: outcome === 'done' ? live.endedBy : undefined,
      reply: isKept
        ? {
            parts,
            // A cancelled reply did not finish, even if a finish reason was known by then.
            finishReason: outcome === 'cancelled' ? undefined : finishReasonOf(live),
            model: end.model ?? live.asked?.model,
          }
        : undefined,
      at: live.endedAt,
    }
  }

  #unsavedTurn(live: LiveTurn, error: ColloquyError): TurnRecord {
    const { input } = live
    const { attempts = 0, failedAttempts } = live.step ?? {}
    return {
      id: live.turnId,
      conversationId: live.conversationId,
      status: 'failed',
      inputMessageId: input?.id ?? '',
      replyId: live.replyId,
      ...(live.asked ?? { endpoint: '', model: '' }),
      attempts,
      ...(failedAttempts && { failedAttempts }),
      error: errorRecord(error),
      startedAt: input?.createdAt ?? new Date(this.#options.steadyClock.now()),
    }
  }

  #unsavedMessage(live: LiveTurn): Message | undefined {
    const { reply, at } = this.#end(live)
    const { step, usage } = live
    if (reply === undefined || step === undefined) return undefined
    return {
      id: live.replyId,
      conversationId: live.conversationId,
      turnId: live.turnId,
      parentId: step.input.id,
      position: step.input.position + 1,
      createdAt: at,
      role: 'assistant',
      parts: reply.parts,
      text: textOf(reply.parts),
      status: messageStatusOf(live.outcome),
      ...(usage && { usage }),
    }
  }
}

function errorOf({ outcome, failure, cancels }: LiveTurn): ErrorRecord | undefined {
  if (outcome === 'cancelled') return cancelError(cancels.cause)
  return outcome === 'failed' ? failure : undefined
}

/** What is left to write of the steps. `undefined` for a turn that ran no tool: it has none. */
function endedSteps(live: LiveTurn): EndedSteps | undefined {
  const { step, calls, outcome } = live
  if (!live.hasSteps || step === undefined) return undefined
  const isOpen = step.hasAsked && !(calls?.step === step && calls.isRecorded && !calls.isContinued)
  const last = isOpen ? step.record(outcome === 'done' ? 'done' : 'failed') : undefined
  const steps = step.hasAsked ? step.number : step.number - 1
  return { steps, last, calls: calls?.unsaved ?? [] }
}

/** Why the model stopped, as far as it decided that itself. */
function finishReasonOf({ step, calls, replyFeed, endedBy }: LiveTurn): FinishReason | undefined {
  if (step === undefined) return undefined
  if (step.isEndedByHost || endedBy !== undefined) return 'other'
  const { finishReason } = step.end
  // Calls of a request that allowed none did not run: what the model said is the answer.
  const isAnswer = calls?.step === step && step.isWithoutCalls && finishReason === 'tool-calls'
  return isAnswer && textOf(replyFeed.stepParts()).trim() !== '' ? 'stop' : finishReason
}

function lost(message: Message | undefined): ColloquyError {
  return new ColloquyError(
    'turn-lost',
    'Another engine ended this turn, or its conversation was deleted, while it ran. Text that came after that is not saved.',
    { partial: message },
  )
}
