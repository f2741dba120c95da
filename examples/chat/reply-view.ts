/** One reply on the terminal: a spinner, then reasoning, text and tool calls as they come, then the cost. */
import type { FilePart, Message, Snapshot, ToolCallPart, ToolResultPart, Usage } from 'colloquy'
import { plainLine } from './plain-text.ts'
import { Spinner } from './spinner.ts'
import type { Terminal } from './terminal.ts'
import { toolLine } from './tool-lines.ts'

export class ReplyView {
  readonly #terminal: Terminal
  readonly #spinner: Spinner
  readonly #started = performance.now()
  /** The index of the part that grows, and the length of it that is on the screen. */
  #part = 0
  #length = 0

  /** The name of the speaker. Absent where the reply stands alone, as in `npm start -- "…"`. */
  readonly #speaker: string | undefined
  /** True if reasoning was shown: then the answer needs a mark even where it stands alone. */
  #hasThought = false
  #hasSpoken = false
  /** The ids of the calls and of the results that are on the screen. */
  readonly #calls = new Set<string>()
  readonly #results = new Set<string>()

  constructor(terminal: Terminal, speaker: string | undefined) {
    this.#terminal = terminal
    this.#speaker = speaker
    this.#spinner = new Spinner(terminal)
    this.#spinner.start()
  }

  /** Shows the content that a snapshot adds to the one before. */
  show({ parts, calls = [] }: Snapshot): void {
    this.#spinner.stop()
    const judged = new Set(calls.map(({ toolCallId }) => toolCallId))
    for (const [index, part] of parts.entries()) {
      // Calls grow side by side, so that one may be complete after a later one has begun.
      if (part.type === 'tool-call' && judged.has(part.toolCallId)) this.#call(part)
      if (part.type === 'tool-result') this.#result(part, parts)
      if (index < this.#part) continue
      if (index > this.#part) {
        this.#terminal.endLine()
        this.#part = index
        this.#length = 0
      }
      if (part.type !== 'text' && part.type !== 'reasoning') continue
      const piece = part.text.slice(this.#length)
      this.#length = part.text.length
      if (piece === '') continue
      if (part.type === 'text') this.#answer(piece)
      else this.#thought(piece)
    }
  }

  #call(part: ToolCallPart): void {
    if (this.#calls.has(part.toolCallId)) return
    this.#calls.add(part.toolCallId)
    this.#tell(part)
  }

  /** Shows a result, and before it a call that was over before it was seen. */
  #result(part: ToolResultPart, parts: Snapshot['parts']): void {
    if (this.#results.has(part.toolCallId)) return
    this.#results.add(part.toolCallId)
    const call = parts.find(
      (other) => other.type === 'tool-call' && other.toolCallId === part.toolCallId,
    )
    if (call?.type === 'tool-call') this.#call(call)
    this.#tell(part)
  }

  #tell(part: ToolCallPart | ToolResultPart): void {
    this.#terminal.note(toolLine(part))
    // The text that follows is marked again.
    this.#hasSpoken = false
  }

  #answer(piece: string): void {
    if (!this.#hasSpoken && (this.#speaker !== undefined || this.#hasThought)) {
      this.#terminal.speaker(this.#speaker ?? 'answer')
    }
    this.#hasSpoken = true
    this.#terminal.answer(piece)
  }

  #thought(piece: string): void {
    if (!this.#hasThought) this.#terminal.speaker('thinking')
    this.#hasThought = true
    // Reasoning after text: the text that follows is marked again.
    this.#hasSpoken = false
    this.#terminal.thought(piece)
  }

  /** Shows the cost, once the reply is on disk. */
  finished({ text, parts, finishReason, usage }: Message): void {
    this.end()
    for (const part of parts) if (part.type === 'file') this.#terminal.note(fileNote(part))
    if (text === '') this.#terminal.note('The reply has no text.')
    if (finishReason === 'length')
      this.#terminal.note('Cut off: it reached the limit of its length.')
    if (finishReason === 'content-filter') this.#terminal.note('The provider held back the rest.')
    const seconds = ((performance.now() - this.#started) / 1000).toFixed(1)
    this.#terminal.note([...tokens(usage), `${seconds} s`].join(' · '))
  }

  /** Ends the view. Safe to call twice. */
  end(): void {
    this.#spinner.stop()
    this.#terminal.endLine()
  }
}

/** A picture that the model made: its address, or its size where it is inside the reply. */
function fileNote({ mediaType, url }: FilePart): string {
  const where = url.startsWith('data:') ? `${Math.ceil(url.length / 1370)} kB` : plainLine(url, 500)
  return `[${mediaType}: ${where}]`
}

/** The tokens that the provider counted. Empty where it counted none. */
function tokens({ inputTokens, outputTokens, reasoningTokens }: Partial<Usage> = {}): string[] {
  const reasoning = reasoningTokens ? ` (${reasoningTokens} of them reasoning)` : ''
  const counts = [
    ...(inputTokens === undefined ? [] : [`${inputTokens} in`]),
    ...(outputTokens === undefined ? [] : [`${outputTokens} out${reasoning}`]),
  ]
  return counts.length === 0 ? [] : [`tokens: ${counts.join(', ')}`]
}
