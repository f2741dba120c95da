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
import { byteString } from './events/byte-string.ts'
import type { AnswerReader, Exchange } from './http/exchange.ts'
import { AFTER_ERROR_MS, BYTES_OF_UNIT } from './limits.ts'
import type { ProviderTarget } from './provider-target.ts'
import { redacted } from './redaction.ts'
import type { AnsweredError } from './refusal.ts'
import { ReplyDecoder } from './reply-decoder.ts'
import type { DecoderOptions } from './reply-decoder.ts'
import { ReplyDraft } from './reply-draft.ts'
import type { DrainLimits, ReplyFigures, ReplyHandle } from './reply-request.ts'
import { timeoutError } from './timeouts.ts'
import type { Timeouts } from './timeouts.ts'

/** Ends a drain at its limits. The sink of a drain passes on no errors. */
const DRAINED: ErrorRecord = { code: 'cancelled', message: 'Nobody waits for this answer.' }

interface ReplyStreamOptions extends DecoderOptions {
  readonly logger: Logger | undefined
  readonly clock: Clock
  readonly timeouts: Timeouts
  /** How long to wait for usage after a finish reason. */
  readonly usageMs: number
  /** Acquires slot and key before the request is sent. `undefined` if it needs neither. */
  readonly admission: Admission | undefined
}

/** Makes the exchanges of one request. It holds all messages, so it is freed early. */
export interface AttemptSource {
  /** Makes an exchange of the request with `target`, which has the key. */
  open(target: ProviderTarget): Exchange
  /** Returns true if the same request, sent once more at once, may be accepted. */
  retryWithQuirks(error: AnsweredError): boolean
}

export class ReplyStream implements AnswerReader, ReplyHandle {
  #sink: ReplySink
  readonly #options: ReplyStreamOptions
  readonly #draft = new ReplyDraft()
  #target: ProviderTarget
  /** Freed when an answer begins. */
  #source: AttemptSource | undefined
  #exchange: Exchange | undefined
  #decoder: ReplyDecoder | undefined
  #unread: Buffer[] = []
  #isScheduled = false
  #isOver = false
  #isFinished = false
  /** True if the end of the reply is known and the sink is about to be told. */
  #isConcluding = false
  #hasContent = false
  #isWaitingForUsage = false
  /** Waits for the first delta; after the content, for usage. */
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

  /** Delivers the content that was read. Returns true if there was any. */
  #handOn(): boolean {
    if (this.#isOver) return false
    this.#decode()
    const batch = this.#draft.take()
    if (batch.length === 0) return false
    try {
      if (!this.#hasContent) this.#options.clock.clearTimeout(this.#timer)
      this.#hasContent = true
      this.#sink.deltas(batch)
    } catch (error) {
      this.#sinkThrew(error)
    }
    return true
  }

  endSoFar(): ReplyEnd {
    return this.#decoder?.replyEnd() ?? {}
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
    this.#drainTimer = startTimer(this.#options.clock, ms, () => this.failed(DRAINED))
    return true
  }

  abort(): boolean {
    // A finished reply has released its exchange, whose connection may serve the next request.
    if (this.#isFinished) return false
    const wasOver = this.#isOver
    this.#over()
    return (this.#exchange?.cut() ?? false) && !wasOver
  }

  started(contentType: string): void {
    const { clock, timeouts, target } = this.#options
    this.#source = undefined
    this.#decoder = new ReplyDecoder(this.#draft, contentType, this.#options)
    this.#tell(() => {
      this.#timer = startTimer(clock, timeouts.firstDeltaMs, () =>
        this.failed(timeoutError('timeout-first-delta', timeouts, target)),
      )
      this.#sink.started()
    })
  }

  data(bytes: Buffer): void {
    this.#bytesRead += bytes.length
    this.#bytesLeft -= bytes.length
    if (this.#bytesLeft < 0) return this.failed(DRAINED)
    // An array literal of one element allocates no spare capacity; `push` would. Most reads come
    // alone.
    if (this.#unread.length === 0) this.#unread = [bytes]
    else this.#unread.push(bytes)
    if (this.#isScheduled) return
    this.#isScheduled = true
    queueMicrotask(this.#gathered)
  }

  accounted(): number {
    return this.#draft.size * BYTES_OF_UNIT + (this.#decoder?.unfinished ?? 0)
  }

  ended(): void {
    this.#decode((decoder) => decoder.end())
    this.#settle()
  }

  failed(error: ErrorRecord): void {
    if (error.code === 'connection-lost') {
      this.#decode((decoder) => decoder.lost(error))
      return this.#settle()
    }
    if (!this.#isOver && this.#source?.retryWithQuirks(error) === true) {
      return this.#send()
    }
    // A reply with complete content stays complete, even if the wait for its usage fails.
    this.#decode((decoder) => decoder.expire())
    this.#handOn()
    this.#conclude(this.#decoder?.ending ?? error)
  }

  readonly #gathered = (): void => {
    this.#isScheduled = false
    if (this.#isOver) return
    this.#decode()
    this.#settle()
  }

  /**
   * Decodes the bytes that were read. A decoder should never throw, whatever its input. If it does,
   * the reply fails here: undici would swallow the error and leave the reply open for ever.
   */
  #decode(next?: (decoder: ReplyDecoder) => void): void {
    const decoder = this.#decoder
    const unread = this.#unread
    if (decoder === undefined) return
    this.#unread = []
    try {
      if (unread.length > 0) decoder.read(byteString(unread))
      next?.(decoder)
    } catch (error) {
      this.#log(error)
      this.#fail(errorRecord(error))
    }
  }

  /** Delivers the decoded content, and the end if it is known. */
  #settle(): void {
    const hasNews = this.#handOn()
    const ending = this.#decoder?.ending
    if (this.#isOver) return
    this.#waitForUsage(this.#decoder?.contentEnd)
    if (ending === undefined || this.#isConcluding) return
    this.#isConcluding = true
    // The end starts much work. Snapshot readers that wait for this batch take it first.
    if (hasNews) queueMicrotask(() => this.#conclude(ending))
    else this.#conclude(ending)
  }

  #conclude(ending: 'finished' | ErrorRecord): void {
    if (this.#isOver) return
    if (ending !== 'finished') return this.#fail(ending)
    const end = this.endSoFar()
    this.#over()
    this.#isFinished = true
    this.#exchange?.complete()
    this.#tellEnd(() => this.#sink.finished(end))
  }

  /**
   * Waits a short time for usage, which some servers report after the last content. Content that
   * comes instead ends the wait.
   */
  #waitForUsage(over: 'finished' | 'failed' | undefined): void {
    if ((over !== undefined) === this.#isWaitingForUsage) return
    const { clock, usageMs } = this.#options
    this.#isWaitingForUsage = over !== undefined
    // More content came after the finish reason.
    if (over === undefined) return clock.clearTimeout(this.#timer)
    clock.clearTimeout(this.#timer)
    const waitMs = over === 'failed' ? AFTER_ERROR_MS : usageMs
    this.#timer = clock.setTimeout(() => {
      this.#decode((decoder) => decoder.expire())
      this.#settle()
    }, waitMs)
  }

  #fail(error: ErrorRecord): void {
    if (this.#isOver) return
    const end = this.endSoFar()
    this.#over()
    this.#exchange?.cut()
    const { requestId } = this.#exchange ?? {}
    const failure = redacted(error, this.#target, requestId)
    this.#tellEnd(() => this.#sink.failed(failure, end))
  }

  #over(): void {
    this.#isOver = true
    this.#unread = []
    this.#source = undefined
    this.#options.admission?.release()
    this.#options.clock.clearTimeout(this.#timer)
    this.#options.clock.clearTimeout(this.#drainTimer)
  }

  #tell(call: () => void): void {
    if (this.#isOver) return
    try {
      call()
    } catch (error) {
      this.#sinkThrew(error)
    }
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
