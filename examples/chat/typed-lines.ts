/**
 * The lines that a person types, with a prompt and a line editor.
 *
 * The editor stays open while a reply streams, for two reasons. Ctrl-C is then a key that only the
 * chat receives; as a signal it would end npm too. And lines typed meanwhile are kept: each is
 * shown when the chat takes it.
 */
import { createInterface, type Interface } from 'node:readline'
import { Writable } from 'node:stream'
import type { Interrupts } from './interrupts.ts'
import type { Lines } from './lines.ts'
import { plain } from './plain-text.ts'

export class TypedLines implements Lines {
  readonly interactive = true
  readonly #screen: NodeJS.WriteStream
  readonly #echo: Echo
  readonly #editor: Interface
  readonly #lines: AsyncIterator<string, undefined>
  readonly #interrupts: Interrupts
  /** The prompt on the screen. Absent unless the chat waits for a line. */
  #prompt: string | undefined
  /** The number of lines that were typed before the chat asked for them. */
  #early = 0
  #closed = false

  constructor(stdin: NodeJS.ReadStream, screen: NodeJS.WriteStream, interrupts: Interrupts) {
    this.#screen = screen
    this.#interrupts = interrupts
    this.#echo = new Echo(screen)
    this.#editor = createInterface({
      input: stdin,
      output: this.#echo,
      terminal: true,
      signal: interrupts.leaving,
    })
    this.#lines = this.#editor[Symbol.asyncIterator]()
    this.#editor.on('line', () => {
      if (this.#prompt === undefined) this.#early++
      this.#hidePrompt()
    })
    this.#editor.on('SIGINT', () => this.#interrupted())
    this.#editor.on('close', () => {
      this.#closed = true
      this.#leavePrompt()
    })
  }

  async next(prompt: string): Promise<string | undefined> {
    const isEarly = this.#early > 0
    if (isEarly) this.#early--
    else if (!this.#closed) this.#showPrompt(prompt)
    const { value } = await this.#lines.next()
    if (isEarly) this.#screen.write(`${prompt}${plain(value ?? '')}\n`)
    return value
  }

  close(): void {
    this.#editor.close()
  }

  #interrupted(): void {
    // On a line with text, Ctrl-C clears the line, and the next one counts as the first.
    if (this.#editor.line !== '') this.#interrupts.forget()
    this.#editor.write(null, { ctrl: true, name: 'e' })
    this.#editor.write(null, { ctrl: true, name: 'u' })
    const prompt = this.#prompt
    this.#leavePrompt()
    this.#interrupts.arrived()
    if (prompt !== undefined && !this.#interrupts.leaving.aborted) this.#showPrompt(prompt)
  }

  #showPrompt(prompt: string): void {
    this.#prompt = prompt
    this.#echo.shown = true
    this.#editor.setPrompt(prompt)
    this.#editor.prompt(true)
  }

  #hidePrompt(): void {
    this.#prompt = undefined
    this.#echo.shown = false
  }

  /** Ends the prompt's line without an answer. */
  #leavePrompt(): void {
    if (this.#prompt !== undefined) this.#screen.write('\n')
    this.#hidePrompt()
  }
}

/** The output of the line editor. Hidden unless the chat waits for a line. */
class Echo extends Writable {
  shown = false
  readonly isTTY = true
  readonly #screen: NodeJS.WriteStream

  constructor(screen: NodeJS.WriteStream) {
    super()
    this.#screen = screen
    screen.on('resize', () => this.emit('resize'))
  }

  get columns(): number {
    return this.#screen.columns
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    if (this.shown) this.#screen.write(chunk)
    done()
  }
}
