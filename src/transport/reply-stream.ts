/**
 * Carries one reply from its exchange to its sink.
 *
 * undici calls back once for each chunk frame. Frames that arrive together are
 * gathered in a microtask, decoded at once, and delivered as one batch. Knows
 * nothing of the wire format or of sockets.
 */
import type { Clock } from '../protocol/clock.ts'
import { startTimer } from '../protocol/clock.ts'
import type { ReplyEnd, ReplySink } from '../protocol/delta.ts'
import { ColloquyError, errorRecord } from '../protocol/errors.ts'
import type { ErrorRecord } from '../protocol/errors.ts'
import type { Logger } from '../protocol/logger.ts'
import type { Admission } from './admission/admission.ts'
import type { AttemptSource } from './attempt-source.ts'
import { byteString } from './events/byte-string.ts'
import type { AnswerReader } from './http/answer-reader.ts'
import type { Exchange } from './http/exchange.ts'
import { AFTER_ERROR_MS } from './limits.ts'
import type { ProviderTarget } from './provider-target.ts'
import { redacted } from './redaction.ts'
import { ReplyDecoder } from './reply-decoder.ts'
import type { DecoderOptions } from './reply-decoder.ts'
import type { DrainLimits, ReplyFigures, ReplyHandle } from './reply-request.ts'
import { timeoutError } from './timeouts.ts'
import type { Timeouts } from './timeouts.ts'

/**
 * Ends a drain at its limits, and the wait for usage. Nobody is told: the sink of a drain passes on
 * no errors, and a reply that waits for usage has ended by itself.
 */
const UNAWAITED: ErrorRecord = { code: 'cancelled', message: 'Nobody waits for this answer.' }

interface ReplyStreamOptions extends DecoderOptions {
  readonly logger: Logger | undefined
  readonly clock: Clock
  readonly timeouts: Timeouts
  /** How long to wait for usage after a finish reason. */
  readonly usageMs: number
  /** Acquires slot and key before the request is sent. `undefined` if it needs neither. */
  readonly admission: Admission | undefined
}

/**
 *   asking ── answer ──▶ awaiting ── content ──▶ receiving ◀──▶ settling: usage may still come
 *
 *   any of them ── end known ──▶ concluding ──▶ finished
 *   any of them ── failed or aborted ──▶ over
 */
type Phase = 'asking' | 'awaiting' | 'receiving' | 'settling' | 'concluding' | 'finished' | 'over'

export class ReplyStream implements AnswerReader, ReplyHandle {
  #sink: ReplySink
  readonly #options: ReplyStreamOptions
  #phase: Phase = 'asking'
  #target: ProviderTarget
  /** Freed when an answer begins. */
  #source: AttemptSource | undefined
  #exchange: Exchange | undefined
  /** Made when an answer begins. */
  #decoder: ReplyDecoder | undefined
  /** What was read since the last microtask. */
  #unread: Buffer[] = []
  /** In `awaiting`, for the first delta; in `settling`, for usage. */
  #timer: unknown
  #drainTimer: unknown
  /** How many more bytes are read before a drain ends. */
  #bytesLeft = Infinity
  #bytesRead = 0

  constructor(sink: ReplySink, options: ReplyStreamOptions) {
    this.#sink = sink
    this.#options = options
    this.#target = options.target
  }

  /** Sends the request as soon as it is admitted, unless it was aborted before. */
  start(source: AttemptSource): void {
    if (this.#isOver) return
    this.#source = source
    const { admission } = this.#options
    if (admission === undefined) return this.#send()
    admission.acquire({
      granted: (target) => {
        this.#target = target
        this.#send()
      },
      failed: (error) => this.#fail(error),
    })
  }

  #send(): void {
    const source = this.#source
    if (source === undefined) return
    try {
      this.#exchange = source.open(this.#target)
      this.#exchange.start()
    } catch (error) {
      if (!(error instanceof ColloquyError)) this.#log(error)
      this.#fail(errorRecord(error))
    }
  }

  flush(): void {
    this.#handOn()
  }

  get #isOver(): boolean {
    return this.#phase === 'over' || this.#phase === 'finished'
  }

  /** Delivers the content that was read. Returns true if there was any. */
  #handOn(): boolean {
    this.#decode()
    const decoder = this.#decoder
    if (decoder === undefined || this.#isOver) return false
    const batch = decoder.take()
    if (batch.length === 0) return false
    try {
      if (this.#phase === 'awaiting') {
        this.#options.clock.clearTimeout(this.#timer)
        this.#phase = 'receiving'
      }
      this.#sink.deltas(batch)
    } catch (error) {
      this.#sinkThrew(error)
    }
    return true
  }

  endSoFar(): ReplyEnd {
    return this.#decoder?.facts() ?? {}
  }

  figures(): ReplyFigures {
    const events = this.#decoder?.events ?? 0
    return { status: this.#exchange?.status, bytes: this.#bytesRead, events }
  }

  drain({ ms, bytes }: DrainLimits, done: (end: ReplyEnd) => void): boolean {
    if (this.#isOver || this.#decoder === undefined) return false
    this.#sink = {
      started() {},
      deltas() {},
      finished: done,
      failed: (_, end) => done(end),
    }
    this.#bytesLeft = bytes
    this.#drainTimer = startTimer(this.#options.clock, ms, () => this.failed(UNAWAITED))
    return true
  }

  abort(): boolean {
    // A finished reply has released its exchange, whose connection may serve the next request.
    if (this.#phase === 'finished') return false
    const wasOver = this.#isOver
    this.#over('over')
    return (this.#exchange?.cut() ?? false) && !wasOver
  }

  started(contentType: string): void {
    if (this.#isOver) return
    const { clock, timeouts, target } = this.#options
    this.#phase = 'awaiting'
    this.#source = undefined
    this.#decoder = new ReplyDecoder(contentType, this.#options)
    try {
      this.#timer = startTimer(clock, timeouts.firstDeltaMs, () =>
        this.failed(timeoutError('timeout-first-delta', timeouts, target)),
      )
      this.#sink.started()
    } catch (error) {
      this.#sinkThrew(error)
    }
  }

  data(bytes: Buffer): void {
    this.#bytesRead += bytes.length
    this.#bytesLeft -= bytes.length
    if (this.#bytesLeft < 0) return this.failed(UNAWAITED)
    // An array literal of one element allocates no spare capacity; `push` would. Most reads come
    // alone.
    if (this.#unread.length > 0) return void this.#unread.push(bytes)
    this.#unread = [bytes]
    queueMicrotask(this.#gathered)
  }

  accounted(): number {
    return this.#decoder?.accounted ?? 0
  }

  ended(): void {
    this.#decode((decoder) => decoder.ended())
    this.#settle()
  }

  failed(error: ErrorRecord): void {
    if (this.#isOver) return
    if (this.#source?.retryWithQuirks(error) === true) return this.#send()
    if (this.#decoder === undefined) return this.#fail(error)
    // A reply with complete content stays complete, even if the wait for its usage fails.
    this.#decode((decoder) => decoder.failed(error))
    this.#settle()
  }

  readonly #gathered = (): void => this.#settle()

  /**
   * Decodes the bytes that were read. A decoder should never throw, whatever its input. If it does,
   * the reply fails here: undici would swallow the error and leave the reply open for ever.
   */
  #decode(end?: (decoder: ReplyDecoder) => void): void {
    const decoder = this.#decoder
    const unread = this.#unread
    if (decoder === undefined || this.#isOver) return
    try {
      if (unread.length > 0) {
        this.#unread = []
        decoder.data(byteString(unread))
      }
      end?.(decoder)
    } catch (error) {
      this.#log(error)
      this.#fail(errorRecord(error))
    }
  }

  /** Delivers the decoded content, and the end if it is known. */
  #settle(): void {
    const hasNews = this.#handOn()
    const decoder = this.#decoder
    if (decoder === undefined || this.#isOver || this.#phase === 'concluding') return
    const { ending } = decoder
    if (ending === undefined) return this.#waitForUsage(decoder.contentEnd)
    this.#phase = 'concluding'
    // The end starts much work. Snapshot readers that wait for this batch take it first.
    if (hasNews) queueMicrotask(() => this.#conclude(ending))
    else this.#conclude(ending)
  }

  #conclude(ending: 'finished' | ErrorRecord): void {
    if (this.#isOver) return
    if (ending !== 'finished') return this.#fail(ending)
    const end = this.endSoFar()
    this.#over('finished')
    this.#exchange?.complete()
    this.#tellEnd(() => this.#sink.finished(end))
  }

  /**
   * Waits a short time for usage, which some servers report after the last content. Content that
   * comes instead ends the wait.
   */
  #waitForUsage(contentEnd: 'finished' | 'failed' | undefined): void {
    if ((contentEnd !== undefined) === (this.#phase === 'settling')) return
    const { clock, usageMs } = this.#options
    clock.clearTimeout(this.#timer)
    this.#phase = contentEnd === undefined ? 'receiving' : 'settling'
    if (contentEnd === undefined) return
    const waitMs = contentEnd === 'failed' ? AFTER_ERROR_MS : usageMs
    this.#timer = clock.setTimeout(() => {
      this.#decode()
      // Content that was read just now ends the wait when it is delivered.
      if (this.#decoder?.contentEnd !== undefined) this.failed(UNAWAITED)
    }, waitMs)
  }

  #fail(error: ErrorRecord): void {
    if (this.#isOver) return
    const end = this.endSoFar()
    this.#over('over')
    this.#exchange?.cut()
    const { requestId } = this.#exchange ?? {}
    const failure = redacted(error, this.#target, requestId)
    this.#tellEnd(() => this.#sink.failed(failure, end))
  }

  #over(phase: 'finished' | 'over'): void {
    this.#phase = phase
    this.#unread = []
    this.#source = undefined
    this.#options.admission?.release()
    this.#options.clock.clearTimeout(this.#timer)
    this.#options.clock.clearTimeout(this.#drainTimer)
  }

  /** A sink should never throw. If it does, its reply fails, and nothing else does. */
  #sinkThrew(error: unknown): void {
    this.#log(error)
    this.#fail(errorRecord(error))
  }

  #tellEnd(call: () => void): void {
    try {
      call()
    } catch (error) {
      this.#log(error)
    }
  }

  #log(error: unknown): void {
    this.#options.logger?.error({ err: error }, 'A reply failed inside Colloquy')
  }
}
