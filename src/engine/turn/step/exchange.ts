/**
 * The exchange of a step with its provider: the request under way, how far its answer has come, and what
 * the provider reported besides the content.
 *
 * Where an attempt fails, the request of the next one takes its place. Knows nothing of HTTP, of routes,
 * and of how a request is built.
 */
import type { TransportFigures } from '../../../machines/transport-actor.ts'
import type { ProviderDelta, ReplyEnd, ReplySink } from '../../../protocol/delta.ts'
import type { ErrorRecord } from '../../../protocol/errors.ts'
import type { Usage } from '../../../protocol/message.ts'
import type { ReplyFigures, ReplyHandle, ReplyRequest } from '../../../transport/reply-request.ts'
import type { TransportReports } from '../../actors/transport-actor.ts'
import { recordFault } from '../../options/logging.ts'
import type { StepPort, SteppedTurn } from './port.ts'

type Report = Parameters<TransportReports['report']>[0]

/** What the end of an answer means for the turn. */
interface Meaning {
  readonly ofFinish: () => Report
  /** @param hasContent - true if content was delivered, so that nothing can be asked again */
  readonly ofFailure: (failure: ErrorRecord, hasContent: boolean) => Report
}

const NO_FIGURES: ReplyFigures = { bytes: 0, events: 0 }

export class StepExchange {
  readonly #turn: SteppedTurn
  readonly #port: StepPort
  /** The request under way, from the moment it is made until its end. */
  #handle: ReplyHandle | undefined
  #phase: TransportFigures['phase'] = 'preparing'
  /** The figures of a request that is over. */
  #figures = NO_FIGURES
  #deltas = 0
  #end: ReplyEnd
  #failure: ErrorRecord | undefined
  #wasAborted = false

  /** @param end - the end of a step that has finished */
  constructor(turn: SteppedTurn, port: StepPort, end?: ReplyEnd) {
    this.#turn = turn
    this.#port = port
    this.#end = end ?? {}
    if (end !== undefined) this.#phase = 'finished'
  }

  /** The facts that the provider reported besides the content. */
  get end(): ReplyEnd {
    return this.#end
  }

  /** The failure of the newest attempt. */
  get failure(): ErrorRecord | undefined {
    return this.#failure
  }

  /** True if a request that had been sent was aborted. */
  get wasAborted(): boolean {
    return this.#wasAborted
  }

  /** The figures of the newest attempt. */
  get figures(): Omit<TransportFigures, 'attempt' | 'endpoint' | 'model'> {
    const { status, bytes, events } = this.#handle?.figures() ?? this.#figures
    return {
      phase: this.#phase,
      ...(status !== undefined && { status }),
      bytes,
      events,
      deltas: this.#deltas,
      characters: this.#turn.replyFeed.characters,
    }
  }

  /** An attempt begins, whose request is not made yet. */
  prepare(): void {
    this.#phase = 'preparing'
    this.#figures = NO_FIGURES
  }

  send(request: ReplyRequest, reports: TransportReports, meaning: Meaning): void {
    this.#phase = 'requesting'
    this.#turn.onAsking()
    this.#handle = this.#port.transport.reply(request, this.#sink(reports, meaning))
  }

  /** The attempt failed before its request was made. */
  fail(failure: ErrorRecord): void {
    this.#phase = 'failed'
    this.#failure = failure
  }

  /** The step ends without a request. */
  skip(): void {
    this.#phase = 'finished'
  }

  /** Another attempt follows the failed one, whose end does not count. */
  forget(): void {
    this.#failure = undefined
    this.#end = {}
  }

  /** Adds the usage that was estimated for an aborted request. */
  estimated(usage: Usage): void {
    this.#end = { ...this.#end, usage }
  }

  /** Delivers the deltas that were read from the socket. */
  flush(): void {
    this.#handle?.flush()
  }

  /** Aborts the request under way, if any. Keeps the facts that the provider reported by then. */
  abort(): void {
    const handle = this.#handle
    if (handle === undefined) return
    this.#over(handle.endSoFar(), 'aborted')
    if (handle.abort()) this.#wasAborted = true
  }

  /**
   * Hands the request over to a drain, which reads its answer on.
   *
   * @param take - returns true if it takes the request
   */
  handOver(take: (handle: ReplyHandle, known: ReplyEnd) => boolean): boolean {
    const handle = this.#handle
    if (handle === undefined) return false
    const known = handle.endSoFar()
    if (!take(handle, known)) return false
    this.#over(known, 'aborted')
    return true
  }

  /** The request is over, and its facts are final. */
  #over(end: ReplyEnd, phase: TransportFigures['phase']): void {
    this.#figures = this.#handle?.figures() ?? this.#figures
    this.#handle = undefined
    this.#end = end
    this.#phase = phase
  }

  #sink({ report, emit }: TransportReports, meaning: Meaning): ReplySink {
    return {
      started: () => {
        this.#phase = 'awaiting'
        report({ type: 'reply.started' })
      },
      deltas: (batch) => {
        if (this.#phase !== 'receiving') {
          this.#phase = 'receiving'
          this.#turn.onContent()
          report({ type: 'reply.first-delta' })
        }
        this.#deltas += batch.length
        this.#turn.replyFeed.deltas(batch)
        this.#emit(emit, batch)
      },
      finished: (end) => {
        this.#over(end, 'finished')
        report(meaning.ofFinish())
      },
      failed: (failure, end) => {
        const hasContent = this.#phase === 'receiving'
        this.#over(end, 'failed')
        this.#failure = failure
        report(meaning.ofFailure(failure, hasContent))
      },
    }
  }

  /** A listener that throws must not change how the turn ends. */
  #emit(emit: TransportReports['emit'], deltas: readonly ProviderDelta[]): void {
    try {
      emit({ type: 'reply.deltas', deltas })
    } catch (error) {
      recordFault(error, this.#port.options.logger, 'A listener of a transport actor threw.')
    }
  }
}

/** The figures of an attempt that ended with its turn long ago. */
export function noFigures(attempt: number): TransportFigures {
  return { phase: 'aborted', attempt, bytes: 0, events: 0, deltas: 0, characters: 0 }
}
