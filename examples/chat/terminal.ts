/**
 * The output of the chat: answers and listings on stdout, everything else on stderr.
 *
 * So `npm start -- "…" > story.txt` writes only the story to the file. All text passes through here
 * and is made plain. Colours are added afterwards, and only on a terminal.
 */
import { styleText } from 'node:util'
import { PlainText, plain } from './plain-text.ts'

type Style = Parameters<typeof styleText>[0]

export class Terminal {
  /** True if stderr can show a line and erase it. */
  readonly animated: boolean
  readonly #stdout: NodeJS.WriteStream
  readonly #stderr: NodeJS.WriteStream
  readonly #colours: boolean
  /** The stream whose last line is not ended. On a screen both streams share that line. */
  #open: NodeJS.WriteStream | undefined
  #answer = new PlainText()
  #thought = new PlainText()

  constructor({ stdout, stderr, env }: Pick<NodeJS.Process, 'stdout' | 'stderr' | 'env'>) {
    this.#stdout = stdout
    this.#stderr = stderr
    this.animated = stderr.isTTY && env['TERM'] !== 'dumb'
    this.#colours = this.animated && !env['NO_COLOR']
    // With `| head -1` the other end of the pipe closes early: exit. A running turn ends as
    // `interrupted`.
    const gone = (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1)
    stdout.on('error', gone)
    stderr.on('error', gone)
  }

  /** Writes the next piece of an answer. */
  answer(piece: string): void {
    this.#write(this.#stdout, this.#answer.add(piece))
  }

  /** Writes the next piece of a model's reasoning. */
  thought(piece: string): void {
    this.#write(this.#stderr, this.#styled('dim', this.#thought.add(piece)), !piece.endsWith('\n'))
  }

  /** Writes a line of requested output. */
  line(text: string): void {
    this.#write(this.#stdout, `${plain(text)}\n`)
  }

  /** Writes a line about the state of the chat. */
  note(text: string): void {
    this.#write(this.#stderr, `${this.#styled('dim', plain(text))}\n`)
  }

  /** Writes a line about a failure. */
  problem(text: string): void {
    this.#write(this.#stderr, `${this.#styled('red', plain(text))}\n`)
  }

  /** Ends the open line, if there is one. The next output is another text. */
  endLine(): void {
    this.#answer = new PlainText()
    this.#thought = new PlainText()
    this.#open?.write('\n')
    this.#open = undefined
  }

  /**
   * Shows a line in place of the last flashed one; '' erases it. Does nothing without a terminal.
   */
  flash(text: string): void {
    if (this.animated) this.#stderr.write(`\r\u001B[K${this.#styled('dim', plain(text))}`)
  }

  #write(stream: NodeJS.WriteStream, text: string, open = !text.endsWith('\n')): void {
    if (text === '') return
    if (this.#open !== undefined && this.#open !== stream) this.#open.write('\n')
    stream.write(text)
    this.#open = open ? stream : undefined
  }

  #styled(style: Style, text: string): string {
    if (!this.#colours || text === '') return text
    return styleText(style, text, { validateStream: false })
  }
}
