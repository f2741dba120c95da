/** The end of a turn: what is written of it, and what readers are told once it is written. */
import type { Outcome, TurnReport, TurnResult } from '../../machines/turn-events.ts'
import type { Store, TurnEnd } from '../../persistence/store.ts'
import { ColloquyError, errorRecord } from '../../protocol/errors.ts'
import type { TurnHappening } from '../../protocol/event.ts'
import { type Message, type MessageStatus, textOf } from '../../protocol/message.ts'
import type { TerminalStatus, TurnRecord } from '../../protocol/turn.ts'
import { recordFault } from '../options/logging.ts'
import type { ResolvedOptions } from '../options/resolve-options.ts'
import type { Run } from './live-turn.ts'
import { endingError } from './stored-turn.ts'
import { UsageEstimate } from './usage-estimate.ts'

export class TurnEnding {
  readonly #store: Store
  readonly #options: ResolvedOptions
  readonly #estimate: UsageEstimate

  constructor(store: Store, options: ResolvedOptions) {
    this.#store = store
    this.#options = options
    this.#estimate = new UsageEstimate(store, options)
  }

  /** Writes the sealed reply and the end of its turn. Never rejects. */
  async save(run: Run): Promise<TurnReport> {
    await this.#estimate.complete(run)
    try {
      run.ended = await this.#store.endTurn(this.#end(run))
      return { type: run.ended.written ? 'turn.saved' : 'turn.lost' }
    } catch (error) {
      run.saveFailure = recordFault(error, this.#options.logger, 'A reply could not be saved yet.')
      const { code } = run.saveFailure
      // The conversation was deleted: trying again would go on for ever.
      return code === 'turn-not-found' ? { type: 'turn.lost' } : { type: 'turn.save-failed', code }
    }
  }

  reportFailure(run: Run, failures: number, retryInMs: number): void {
    const error = run.saveFailure ?? errorRecord(undefined)
    const { turnId } = run
    this.#options.logger.warn(
      { turnId, code: error.code },
      `A reply could not be saved yet: ${error.message}`,
    )
    run.lane.publish({ type: 'turn.save-failed', error, failures, retryInMs })
  }

  /** Tells readers how the turn ended. Returns what `reply` rejects with. */
  publish(run: Run, result: TurnResult): ColloquyError | undefined {
    if (result === 'rejected') return undefined
    if (run.ended === undefined) return this.#publishUnsaved(run, result)
    const { turn, message, written } = run.ended
    const status = turn.status as TerminalStatus
    this.#tell(run, { type: `turn.${status}`, turn, ...(message && { message }) })
    if (!written) return lost(message)
    return endingError(turn, message, run.cause)
  }

  #publishUnsaved(run: Run, result: TurnResult): ColloquyError {
    const partial = this.#unsavedMessage(run)
    const why = run.saveFailure?.message ?? 'The write did not end.'
    const error =
      result === 'unsaved'
        ? new ColloquyError(
            'save-failed',
            `The reply could not be saved before the engine closed. ${why} Its text is on this error.`,
            { partial },
          )
        : lost(partial)
    const turn = this.#unsavedTurn(run, error)
    this.#tell(run, { type: 'turn.failed', turn, ...(partial && { message: partial }) })
    return error
  }

  /** Nobody is to wait for a reply in vain because a host's clock throws. */
  #tell(run: Run, end: TurnHappening): void {
    try {
      run.lane.publish(end)
    } catch (error) {
      recordFault(
        error,
        this.#options.logger,
        'The end of a turn could not be told to its readers.',
      )
    }
  }

  #end(run: Run): TurnEnd {
    const { outcome, end } = run
    const parts = run.lane.parts()
    run.endedAt ??= new Date(this.#options.clock.now())
    run.replyId ??= this.#options.newId()
    // A finished reply is kept even if the model said nothing: its usage is real.
    const isKept = parts.length > 0 || outcome === 'done'
    return {
      turnId: run.turnId,
      conversationId: run.conversationId,
      status: outcome,
      attempts: run.attempts,
      failedAttempts: run.failedAttempts,
      movedTo: run.movedTo,
      hasCheckpoints: run.hasCheckpoints,
      error: outcome === 'failed' ? run.failure : undefined,
      usage: end.usage,
      reply: isKept
        ? {
            messageId: run.replyId,
            parts,
            // A reply that was stopped did not finish, whatever was under way when it was.
            finishReason: outcome === 'cancelled' ? undefined : end.finishReason,
            model: end.model ?? run.asked?.model,
          }
        : undefined,
      at: run.endedAt,
    }
  }

  #unsavedTurn(run: Run, error: ColloquyError): TurnRecord {
    return {
      id: run.turnId,
      conversationId: run.conversationId,
      status: 'failed',
      ...(run.asked ?? { endpoint: '', model: '' }),
      attempts: run.attempts,
      ...(run.failedAttempts && { failedAttempts: run.failedAttempts }),
      error: errorRecord(error),
      startedAt: run.userMessage?.createdAt ?? new Date(this.#options.clock.now()),
    }
  }

  #unsavedMessage(run: Run): Message | undefined {
    const { reply, at } = this.#end(run)
    if (reply === undefined || run.userMessage === undefined) return undefined
    return {
      id: reply.messageId,
      conversationId: run.conversationId,
      turnId: run.turnId,
      position: run.userMessage.position + 1,
      createdAt: at,
      role: 'assistant',
      parts: reply.parts,
      text: textOf(reply.parts),
      status: statusOf(run.outcome),
      ...(run.end.usage && { usage: run.end.usage }),
    }
  }
}

export function statusOf(outcome: Outcome): MessageStatus {
  return outcome === 'done' ? 'complete' : outcome
}

function lost(message: Message | undefined): ColloquyError {
  return new ColloquyError(
    'turn-lost',
    'The turn was ended or deleted by someone else; what was received after that is not saved.',
    { partial: message },
  )
}
