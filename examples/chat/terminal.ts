/**
 * What a person sees: answers and listings on stdout, everything about them on stderr.
 *
 * So `npm start -- "…" > story.txt` keeps the story and nothing else. All text that is shown passes
 * through here and is made plain; colours are added afterwards, and only on a terminal.
 */
import { styleText } from 'node:util'
import { PlainText, plain } from './plain-text.ts'

type Style = Parameters<typeof styleText>[0]

export class Terminal {
  /** Whether stderr can show a line and take it back. */
  readonly animated: boolean
  readonly #stdout: NodeJS.WriteStream
  readonly #stderr: NodeJS.WriteStream
  readonly #colours: boolean
  /** The stream whose last line has no end yet: on a screen both share it. */
  #open: NodeJS.WriteStream | undefined
  #answer = new PlainText()
  #thought = new PlainText()

  constructor({ stdout, stderr, env }: Pick<NodeJS.Process, 'stdout' | 'stderr' | 'env'>) {
    this.#stdout = stdout
    this.#stderr = stderr
    this.animated = stderr.isTTY && env['TERM'] !== 'dumb'
    this.#colours = this.animated && !env['NO_COLOR']
    // `| head -1`: the reader has gone, and so may we. A running turn stays, as interrupted.
    const gone = (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1)
    stdout.on('error', gone)
    stderr.on('error', gone)
  }

  /** The next piece of an answer. */
  answer(piece: string): void {
    this.#write(this.#stdout, this.#answer.add(piece))
  }

  /** The next piece of what a model thinks before it answers. */
  thought(piece: string): void {
    this.#write(this.#stderr, this.#styled('dim', this.#thought.add(piece)), !piece.endsWith('\n'))
  }

  /** A line that was asked for. */
  line(text: string): void {
    this.#write(this.#stdout, `${plain(text)}\n`)
  }

  /** A line about what happens. */
  note(text: string): void {
    this.#write(this.#stderr, `${this.#styled('dim', plain(text))}\n`)
  }

  /** A line about what went wrong. */
  problem(text: string): void {
    this.#write(this.#stderr, `${this.#styled('red', plain(text))}\n`)
  }

  /** Ends the line that was begun, if there is one; what comes next is another text. */
  endLine(): void {
    this.#answer = new PlainText()
    this.#thought = new PlainText()
    this.#open?.write('\n')
    this.#open = undefined
  }

  /** Shows a line for a while, in place of the one before; '' takes it away. Not without a terminal. */
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
