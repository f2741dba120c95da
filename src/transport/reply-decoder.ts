/**
 * Decodes the body of a good answer: bytes in, deltas out.
 *
 * The first characters of a body decide whether it is an event stream or JSON,
 * even against the content type and the form that was asked for. Knows when a
 * reply is complete: a reply that only went quiet is not. Knows nothing of
 * HTTP, time or the sink.
 */
import type { ReplyEnd, ProviderDelta } from '../protocol/delta.ts'
import type { ErrorRecord } from '../protocol/errors.ts'
import { ContentEnd } from './content-end.ts'
import type { DialectReader, TextOnlyEvent, WireDialect } from './dialects/dialect.ts'
import type { ByteString } from './events/byte-string.ts'
import { BLANKS, EVENT_STREAM, SNIFF_LENGTH } from './events/event-stream-start.ts'
import { EventStream } from './events/event-stream.ts'
import { isLifeSign, withoutComments } from './events/life-signs.ts'
import type { EventTemplates } from './events/shortcut/templates.ts'
import { GrowingBytes } from './growing-bytes.ts'
import { BYTES_OF_UNIT } from './limits.ts'
import type { ReplyLimits } from './limits.ts'
import type { ProviderError } from './provider-error.ts'
import type { ProviderTarget } from './provider-target.ts'
import { ReplyDraft } from './reply-draft.ts'
import { isObject, parsedJson } from './wire-value.ts'
import type { WireObject } from './wire-value.ts'

const END_MARKER = '[DONE]'

/** As many characters are looked at: the start of an event stream may be a field and blanks. */
const SNIFF_HELD = 64

export interface DecoderOptions {
  readonly dialect: WireDialect
  /** The templates learned from streams of the dialect. */
  readonly templates: EventTemplates
  readonly limits: ReplyLimits
  readonly target: ProviderTarget
  readonly model: string
  readonly newId: () => string
}

export class ReplyDecoder {
  readonly #draft: ReplyDraft
  readonly #dialect: WireDialect
  readonly #reader: DialectReader
  readonly #contentType: string
  readonly #limits: ReplyLimits
  readonly #templates: EventTemplates
  readonly #end: ContentEnd
  #events: EventStream | undefined
  #kind: 'unknown' | 'events' | 'json' = 'unknown'
  /** The start of a body of unknown kind, or all of a JSON body so far. */
  readonly #held = new GrowingBytes()
  #hasEvents = false
  #eventCount = 0
  /** True once no more bytes come. */
  #isEnding = false
  /** True if the body ended inside an event. */
  #isCut = false

  constructor(contentType: string, options: DecoderOptions) {
    this.#draft = new ReplyDraft(options.limits)
    this.#dialect = options.dialect
    this.#reader = options.dialect.reader(this.#draft, options.newId, options)
    this.#end = new ContentEnd(options.target)
    this.#templates = options.templates
    this.#contentType = contentType.toLowerCase()
    this.#limits = options.limits
  }

  /** How the reply ended, once that is known. Bytes that follow are ignored. */
  get ending(): 'finished' | ErrorRecord | undefined {
    return this.#end.result
  }

  /**
   * How the content ended, by an error or by a finish reason that can be believed, while only usage
   * may still come.
   */
  get contentEnd(): 'finished' | 'failed' | undefined {
    if (this.#end.isOver) return undefined
    if (this.#end.hasFailed) return 'failed'
    return this.#reader.isCertain ? 'finished' : undefined
  }

  /** How many bytes of the body brought content, or may bring some once they are complete. */
  get accounted(): number {
    const unfinished = this.#events?.unfinished ?? this.#held.length
    return this.#draft.size * BYTES_OF_UNIT + unfinished
  }

  /** The number of events that were decoded. */
  get events(): number {
    return this.#eventCount
  }

  /** Finish reason, usage and model, as far as they are known. */
  facts(): ReplyEnd {
    return this.#reader.facts()
  }

  /** Returns the deltas that were decoded since the last call. */
  take(): readonly ProviderDelta[] {
    return this.#draft.take()
  }

  data(bytes: ByteString): void {
    if (!this.#end.isOver && bytes !== '') this.#take(bytes)
  }

  /** The body ended. `ending` is set afterwards. */
  ended(): void {
    this.#endBody()
    const isWhole = this.#reader.isWhole && !this.#isCut && !this.#end.hasFailed
    if (!this.#end.isOver && (this.#reader.isFinished || isWhole)) this.#close()
    if (this.#end.isOver) return
    if (this.#hasEvents) this.#end.truncated()
    else this.#end.empty()
  }

  /**
   * The body broke off, or it is waited for no longer. A reply whose content has ended is complete
   * all the same. Any other ends with the error that the provider reported, or else with `error`.
   * `ending` is set afterwards.
   */
  failed(error: ErrorRecord): void {
    if (error.code === 'connection-lost') this.#lost()
    else if (this.#end.hasFailed || this.#reader.isFinished) this.#close()
    this.#end.failed(error)
  }

  #lost(): void {
    if (this.#kind !== 'json') this.#endBody()
    if (this.#end.isOver || !this.#reader.isFinished) return
    // A finish reason that came before all content is not enough.
    this.#reader.ended()
    if (this.#draft.hasContent) this.#close()
  }

  #endBody(): void {
    if (this.#end.isOver) return
    this.#isEnding = true
    if (this.#kind === 'unknown' && this.#held.length > 0) this.#recognise(true)
    if (!this.#end.isOver) this.#events?.ended()
    if (this.#kind === 'json') this.#answer()
  }

  #take(bytes: ByteString): void {
    if (this.#kind === 'events') return this.#feed(bytes)
    // Servers send blank lines to keep a connection alive, even before JSON. A BOM is dropped too.
    const rest = this.#held.length === 0 ? bytes.replace(BLANKS, '') : bytes
    if (rest.length === 0) return
    if (this.#held.length === 0 && this.#kindOf(rest.slice(0, SNIFF_HELD)) === 'events') {
      this.#kind = 'events'
      return this.#feed(rest)
    }
    this.#held.addString(rest)
    if (this.#kind === 'unknown') this.#recognise(false)
    // After the kind is known, so that a body that came in one read is checked too.
    if (this.#kind === 'json' && this.#held.length > this.#limits.replyBytes) {
      this.#replyTooLarge('bytes')
    }
  }

  /** Finds the kind of the body by its first characters, which are never blank. */
  #recognise(isAll: boolean): void {
    if (this.#held.length === 0) return
    const start = this.#held.view().toString('latin1', 0, SNIFF_HELD)
    const kind = this.#kindOf(start)
    if (kind === 'json') {
      this.#kind = 'json'
    } else if (kind === 'page') {
      this.#fail('invalid-response', 'a web page instead of a reply. Check the url')
    } else if (kind === 'events') {
      this.#kind = 'events'
      const all = this.#held.view().toString('latin1')
      this.#held.clear()
      this.#feed(all)
    } else if (isAll || start.length >= SNIFF_LENGTH) {
      this.#fail('invalid-response', 'something that is neither JSON nor an event stream')
    }
  }

  #kindOf(start: ByteString): 'json' | 'page' | 'events' | undefined {
    if (start.startsWith('{') || start.startsWith('[')) return 'json'
    if (start.startsWith('<')) return 'page'
    const isStream = this.#contentType.includes('event-stream') || EVENT_STREAM.test(start)
    return isStream ? 'events' : undefined
  }

  #feed(bytes: ByteString): void {
    this.#events ??= this.#openEvents()
    this.#events.data(bytes)
  }

  #openEvents(): EventStream {
    const { eventBytes } = this.#limits
    const reader = {
      event: (data: string, name: string | undefined) => this.#event(data, name),
      textOnly: (text: string, type: TextOnlyEvent['type']) => {
        this.#eventCount += 1
        this.#draft.nextEvent()
        if (type === 'text') this.#draft.text(text)
        else this.#draft.reasoning(text)
        this.#checkSize()
      },
      failed: (code: 'event-too-large', what: string) => this.#fail(code, what),
      isOver: () => this.#end.isOver,
    }
    return new EventStream(reader, this.#templates, eventBytes)
  }

  #event(data: string, name: string | undefined): TextOnlyEvent | undefined {
    if (this.#end.isOver) return undefined
    this.#eventCount += 1
    if (data.startsWith(END_MARKER)) {
      this.#marker()
      return undefined
    }
    const value = parsedJson(data)
    if (value === undefined) this.#noJson(data, name)
    else if (isObject(value)) return this.#read(value, name)
    return undefined
  }

  #read(event: WireObject, name: string | undefined): TextOnlyEvent | undefined {
    const { size } = this.#draft
    this.#draft.nextEvent()
    this.#hasEvents = true
    const told = this.#reader.event(event, name)
    if (typeof told === 'object') this.#failing(told)
    else if (told === 'another') this.#fail('invalid-response', 'two replies in one stream')
    this.#end.noted(this.#draft.hasContent ? undefined : event)
    // Before the end, so that an event which is both is checked too.
    this.#checkSize()
    if (told === 'end') this.#marker()
    const textOnly = this.#dialect.textOnly(event)
    // `textOnly` looks at this event alone, but the text that an event adds may depend on earlier
    // events.
    return textOnly !== undefined && this.#draft.size - size === textOnly.text.length
      ? textOnly
      : undefined
  }

  #checkSize(): void {
    const limit = this.#draft.exceeded
    if (limit !== undefined) this.#replyTooLarge(limit)
  }

  #noJson(data: string, name: string | undefined): void {
    const text = withoutComments(data)
    if (text === '' || isLifeSign(name)) return
    if (text !== data.trim()) return void this.#event(text, name)
    this.#hasEvents = true
    if (text.startsWith(END_MARKER)) this.#marker()
    else if (name === 'error') this.#failing({ message: text, kinds: '' })
    // Half an event at the end is no error of its own: the stream was cut.
    else if (this.#isEnding) this.#isCut = true
    else this.#fail('invalid-response', 'an event that is no JSON')
  }

  #answer(): void {
    if (this.#end.isOver) return
    const value = parsedJson(this.#held.view().toString())
    this.#held.clear()
    // Some servers wrap an error in a list. None wraps a reply.
    const answer: unknown = Array.isArray(value) ? value[0] : value
    if (!isObject(answer)) return this.#fail('invalid-response', 'JSON that is broken or no reply')
    const error = this.#reader.answer(answer)
    if (error !== undefined) this.#failing(error)
    this.#checkSize()
    // A JSON answer is a complete reply even if it does not say why the model stopped.
    this.#marker()
  }

  /** The provider sent an end marker, or a JSON answer: nothing more comes. */
  #marker(): void {
    if (this.#end.hasFailed || this.#reader.isFinished) return this.#close()
    // Content that was held back is content too.
    const error = this.#reader.ended()
    if (this.#draft.hasContent || error !== undefined) this.#close()
    else this.#end.empty()
  }

  #close(): void {
    const error = this.#end.hasFailed ? undefined : this.#reader.ended()
    if (error !== undefined) this.#end.unusable(error)
    // Calls that were held back are handed on as the reader ends.
    this.#checkSize()
    this.#end.finished()
  }

  /** An error inside a stream ends the content, but some servers report usage after it. */
  #failing(error: ProviderError): void {
    this.#end.reported(error)
    this.#draft.freeze()
  }

  #fail(code: ErrorRecord['code'], what: string): void {
    this.#end.answeredWith(code, what)
    this.#held.clear()
  }

  #replyTooLarge(unit: 'bytes' | 'parts'): void {
    const { replyBytes, replyParts } = this.#limits
    const most = unit === 'bytes' ? replyBytes : replyParts
    this.#fail('reply-too-large', `a reply of more than ${most} ${unit}`)
  }
}
