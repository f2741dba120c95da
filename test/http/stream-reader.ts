/**
 * Reads a stream of the handler as a browser without our client would: by the docs alone.
 *
 * Applies placed deltas, and keeps all events.
 */
import { createParser } from 'eventsource-parser'
import { onTestFinished } from 'vitest'
import type { PartView, ReplyOp } from '../../src/http.ts'

export interface StreamEvent {
  readonly id: string | undefined
  readonly event: string
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into it as they like
  readonly data: any
}

export class StreamReader {
  readonly events: StreamEvent[] = []
  /** All bytes so far, as text. */
  raw = ''
  status = 0
  headers = new Headers()
  isOver = false
  /** The parts of the reply that is being written. */
  parts: PartView[] = []
  turnId: string | undefined
  hasHole = false
  /** The text as the deltas brought it, before the terminal event. */
  built = ''
  readonly #controller = new AbortController()
  readonly #decoder = new TextDecoder()
  readonly #parser = createParser({
    onEvent: ({ id, event = 'message', data }) => {
      const parsed: StreamEvent = { id, event, data: JSON.parse(data) }
      this.#apply(parsed)
      this.events.push(parsed)
    },
  })
  #waiting: (() => void)[] = []

  /** Resolves once the headers have come. */
  static async open(url: string, init: RequestInit = {}): Promise<StreamReader> {
    const reader = new StreamReader()
    const signal = reader.#controller.signal
    const response = await fetch(url, { ...init, signal })
    reader.status = response.status
    reader.headers = response.headers
    void reader.#read(response)
    onTestFinished(() => reader.leave())
    return reader
  }

  /** Begins with what another reader had. */
  continueFrom(other: StreamReader): this {
    this.parts = [...other.parts]
    this.turnId = other.turnId
    return this
  }

  get text(): string {
    return this.parts.map((part) => (part.type === 'text' ? part.text : '')).join('')
  }

  get have(): string {
    const units = this.parts.map((part) =>
      'text' in part ? part.text.length : 'inputText' in part ? part.inputText.length : 0,
    )
    return `${this.turnId}:${units.join('.')}`
  }

  get lastId(): string | undefined {
    return this.events.findLast(({ id }) => id !== undefined)?.id
  }

  leave(): void {
    this.#controller.abort()
  }

  /** The first event that fits, also one that has come. */
  async event(fits: string | ((event: StreamEvent) => boolean)): Promise<StreamEvent> {
    const isIt = typeof fits === 'string' ? ({ event }: StreamEvent) => event === fits : fits
    for (;;) {
      const found = this.events.find(isIt)
      if (found !== undefined) return found
      if (this.isOver) throw new Error(`The stream ended without it: ${this.raw.slice(-2_000)}`)
      await this.#next()
    }
  }

  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      if (this.isOver) throw new Error(`The stream ended before: ${this.raw.slice(-2_000)}`)
      await this.#next()
    }
  }

  async end(): Promise<void> {
    while (!this.isOver) await this.#next()
  }

  #next(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  /** Takes a piece of the stream. */
  feed(bytes: Uint8Array): void {
    const text = this.#decoder.decode(bytes, { stream: true })
    this.raw += text
    this.#parser.feed(text)
    this.#wake()
  }

  async #read(response: Response): Promise<void> {
    try {
      for await (const bytes of response.body ?? []) this.feed(bytes as Uint8Array)
    } catch {
      // The test left, or cut the connection.
    }
    this.over()
  }

  /** Nothing comes any more. */
  over(): void {
    this.isOver = true
    this.#wake()
  }

  #apply({ event, data }: StreamEvent): void {
    if (event === 'state' && data.reply !== undefined && data.reply.unchanged !== true) {
      this.turnId = data.turn.id
      this.parts = data.reply.parts
    }
    const begun =
      event === 'turn.accepted' ? data.turnId : event === 'state' ? data.turn?.id : undefined
    if (begun !== undefined && this.turnId !== begun) {
      this.turnId = begun
      this.parts = []
    }
    if (event === 'reply.delta' && data.turnId === this.turnId) {
      for (const op of data.ops as readonly ReplyOp[]) this.#take(op)
    }
    const isTerminal = /^turn\.(done|cancelled|failed|interrupted)$/.test(event)
    if (isTerminal && data.turnId === this.turnId) this.built = this.text
    if (isTerminal && data.message !== undefined) {
      this.turnId = data.turnId
      this.parts = data.message.parts
    }
  }

  #take(op: ReplyOp): void {
    if ('open' in op) {
      const { open } = op
      if (this.parts[op.part] !== undefined) return
      if (open.type === 'tool-call') this.parts[op.part] = { ...open, inputText: '' }
      else if ('toolName' in open || open.type === 'file') this.parts[op.part] = open
      else this.parts[op.part] = { type: open.type, text: '' }
    }
    if (!('text' in op)) return
    const part = this.parts[op.part]
    const has =
      part === undefined
        ? ''
        : 'text' in part
          ? part.text
          : (part as { inputText: string }).inputText
    if (part === undefined || op.at > has.length) {
      this.hasHole = true
      return
    }
    const text = has + op.text.slice(has.length - op.at)
    if (op.at + op.text.length <= has.length) return
    this.parts[op.part] =
      'inputText' in part ? { ...part, inputText: text } : ({ ...part, text } as PartView)
  }
}
