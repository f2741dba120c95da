/**
 * Splits a stream of server-sent events into events.
 *
 *   bytes ──▶ between two events? ── like the last one ──▶ its text
 *                 │ no, or another                            ▲
 *                 ▼                                           │ template
 *            eventsource-parser ──▶ its data ──▶ what it adds ┘
 *
 * An event that came whole and added one thing makes a template, and what follows and is like it
 * goes round the parser. All else goes through it, so that the standard is its business alone.
 */
import { createParser } from 'eventsource-parser'
import type { TextOnlyEvent } from '../dialects/dialect.ts'
import { type ByteString, Utf8Decoder } from './byte-string.ts'
import type { EventTemplate, EventTemplates, TakeTextOnly } from './shortcut/templates.ts'

/** Reads the events of one stream. */
export interface EventReader {
  /**
   * An event's data and name.
   *
   * @returns what it added, if another event that differs only in that text would add only that
   */
  event(data: string, name: string | undefined): TextOnlyEvent | undefined
  /** What an event like the last one that told so adds. */
  readonly textOnly: TakeTextOnly
  /** The event that has begun is longer than any may be. */
  tooLarge(): void
  /** Whether nothing more is wanted. */
  isOver(): boolean
}

/** Streams of which no two events are alike are not studied for ever. */
const MOST_FAILED_TEMPLATES = 8

export class EventStream {
  readonly #reader: EventReader
  readonly #templates: EventTemplates
  readonly #parser: ReturnType<typeof createParser>
  readonly #eventBytes: number
  readonly #text = new Utf8Decoder()
  #template: EventTemplate | undefined
  /** How many templates were made in vain. */
  #failedTemplates = 0
  /** Whether the parser has nothing of an event yet. */
  #isBetween = true
  /** The event that the parser is given, if that is all of it. */
  #raw: ByteString | undefined

  /** @param eventBytes - the longest event */
  constructor(reader: EventReader, templates: EventTemplates, eventBytes: number) {
    this.#reader = reader
    this.#templates = templates
    this.#eventBytes = eventBytes
    this.#parser = createParser({
      onEvent: ({ data, event }) => this.#event(data, event),
      onError: ({ type }) => {
        if (type === 'max-buffer-size-exceeded') reader.tooLarge()
      },
      maxBufferSize: eventBytes,
    })
  }

  /** Reads what comes next of the stream. */
  feed(bytes: ByteString): void {
    // A carriage return inside JSON is escaped: there is none but at the ends of lines.
    const blankLine = bytes.includes('\r') ? '\r\n\r\n' : '\n\n'
    let at = 0
    while (at < bytes.length && !this.#reader.isOver()) {
      if (this.#isBetween && this.#template !== undefined) {
        const end = this.#template.read(bytes, at, this.#eventBytes, this.#reader.textOnly)
        if (end > at) {
          at = end
          this.#failedTemplates = 0
          continue
        }
      }
      at = this.#parse(bytes, at, blankLine)
    }
  }

  /** The stream is over. An event without the blank line after it counts, if it is one at all. */
  end(): void {
    this.#parser.feed(`${this.#text.end()}\n\n`)
  }

  /** Gives the parser the event that begins, or goes on, at `at`. Returns where that ends. */
  #parse(bytes: ByteString, at: number, blankLine: string): number {
    const blank = this.#failedTemplates < MOST_FAILED_TEMPLATES ? bytes.indexOf(blankLine, at) : -1
    const end = blank === -1 ? bytes.length : blank + blankLine.length
    const piece = bytes.slice(at, end)
    if (this.#isBetween && blank !== -1) this.#raw = piece
    this.#isBetween = piece.endsWith(blankLine)
    this.#parser.feed(this.#text.decode(piece))
    this.#raw = undefined
    return end
  }

  #event(data: string, name: string | undefined): void {
    // The parser minds the size of an event only as long as it is not all there.
    if (data.length > this.#eventBytes) return this.#reader.tooLarge()
    const textOnly = this.#reader.event(data, name)
    // It may have changed what the same text would mean.
    if (textOnly === undefined) this.#template = undefined
    const raw = this.#raw
    if (textOnly === undefined || raw === undefined) return
    const event = { raw, data, textOnly }
    this.#template = this.#templates.find(event)
    if (this.#template !== undefined) return
    this.#failedTemplates += 1
    this.#template = this.#templates.learn(event)
  }
}
