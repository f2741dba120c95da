/**
 * The output of the chat: answers and listings on stdout, everything else on stderr.
 *
 * So `npm start -- "…" > story.txt` writes only the story to the file. All text passes through here
 * and is made plain. Colours, markdown and rows that break at words are for a terminal only.
 */
import { LiveArea, type ScreenSize } from './live-area.ts'
import { Markdown } from './markdown.ts'
import { coloured, colourless, type Paint, type Style } from './paint.ts'
import { PlainText, plain } from './plain-text.ts'
import { WordWrap } from './word-wrap.ts'

export interface TerminalOptions {
  /** False: text is shown as it is, without markdown and without breaks. */
  readonly rendered: boolean
}

type Kind = 'answer' | 'thought' | 'line'

export class Terminal {
  /** True if stderr can show a line and erase it. */
  readonly animated: boolean
  /** The rows below the output. */
  readonly area: LiveArea
  /** Called once when output can no longer be written, for example with `| head -1`. */
  onLost: (error: NodeJS.ErrnoException) => void = () => {}
  readonly #stdout: NodeJS.WriteStream
  readonly #stderr: NodeJS.WriteStream
  readonly #paint: Paint
  readonly #colours: boolean
  readonly #env: NodeJS.ProcessEnv
  readonly #lost = new Set<NodeJS.WriteStream>()
  #rendered = true
  /** The stream whose last line is not ended. On a screen both streams share that line. */
  #open: NodeJS.WriteStream | undefined
  #kind: Kind = 'line'
  #wrap: WordWrap
  #markdown: Markdown
  #filter = new PlainText()

  constructor({ stdout, stderr, env }: Pick<NodeJS.Process, 'stdout' | 'stderr' | 'env'>) {
    this.#stdout = stdout
    this.#stderr = stderr
    this.#env = env
    this.animated = isScreen(stderr, env)
    this.#colours = this.animated && !env['NO_COLOR']
    this.#paint = this.#colours ? coloured : colourless
    this.area = new LiveArea(this.#paint)
    this.#wrap = this.#newWrap()
    this.#markdown = this.#newMarkdown()
    for (const stream of [stdout, stderr]) {
      stream.on('error', (error: NodeJS.ErrnoException) => this.#lose(stream, error))
    }
    stderr.on('resize', () => this.refresh())
  }

  /** Sets how text is shown from now on. */
  configure({ rendered }: TerminalOptions): void {
    this.#rendered = rendered
  }

  /** The rows of the screen; `undefined` without one. */
  get rows(): number | undefined {
    return this.animated ? this.#stderr.rows || undefined : undefined
  }

  get columns(): number {
    return this.#size().columns
  }

  /** Writes the next piece of an answer. */
  answer(piece: string): void {
    this.#write(this.#stdout, 'answer', piece)
  }

  /** Writes the next piece of a model's reasoning. */
  thought(piece: string): void {
    this.#write(this.#stderr, 'thought', piece, 'dim')
  }

  /** Writes a line of requested output. */
  line(text: string): void {
    this.#whole(this.#stdout, text)
  }

  /** Writes a line about the state of the chat. */
  note(text: string): void {
    this.#whole(this.#stderr, text, 'dim')
  }

  /** Writes a line about a failure. */
  problem(text: string): void {
    this.#whole(this.#stderr, text, 'red')
  }

  /** Writes who speaks in the lines that follow. On a screen only. */
  speaker(name: string): void {
    if (this.animated) this.#whole(this.#stderr, `${name}:`, 'bold')
  }

  /** Writes a message that a person entered. On a screen only. */
  said(prompt: string, text: string): void {
    if (!this.animated) return
    this.endLine()
    const hang = ' '.repeat(prompt.length)
    this.#wrap.hang = hang
    const lines = plain(text).split('\n')
    const room = Math.max(Math.floor((this.rows ?? Infinity) / 2), 3)
    const rest = lines.length - room
    const shown = rest > 1 ? [...lines.slice(0, room), `[… ${rest} more lines]`] : lines
    this.#emit(this.#stderr, this.#wrap.words(`${prompt}${shown.join(`\n${hang}`)}\n`, 'bold'))
    this.#wrap = this.#newWrap()
  }

  /** Ends the open line, if there is one. The next output is another text. */
  endLine(): void {
    const open = this.#open
    if (open !== undefined) {
      const rest = this.#kind === 'answer' && this.#isRendered(open) ? this.#markdown.end() : ''
      this.#open = undefined
      const ended = this.#wrap.column === 0 && rest === '' && isScreen(open, this.#env)
      this.#wrap.column = 0
      this.#emit(open, ended ? '' : `${rest}\n`)
    }
    this.#filter = new PlainText()
    this.#wrap = this.#newWrap()
    this.#markdown = this.#newMarkdown()
  }

  /** Shows a line in place of the last flashed one; '' erases it. Nothing without a terminal. */
  flash(text: string): void {
    if (!this.animated || this.area.status === plain(text)) return
    this.area.status = plain(text)
    this.refresh()
  }

  /** Draws the rows below the output anew. */
  refresh(): void {
    if (this.animated) this.#emit(this.#stderr, '')
  }

  /** Takes the rows below the output off the screen, and empties the screen if that is wanted. */
  clear({ screen = false } = {}): void {
    if (!this.animated) return
    const size = this.#size()
    this.#put(this.#stderr, this.area.erase(size) + (screen ? '\u001B[H\u001B[2J' : ''))
    if (screen) this.refresh()
  }

  /** Writes escape sequences to the screen, past the filter. */
  control(sequence: string): void {
    if (this.animated) this.#put(this.#stderr, sequence)
  }

  #whole(stream: NodeJS.WriteStream, text: string, style?: Style): void {
    this.endLine()
    const safe = `${plain(text)}\n`
    if (!isScreen(stream, this.#env)) return this.#emit(stream, safe)
    this.#emit(stream, this.#wrap.words(safe, style))
  }

  #write(stream: NodeJS.WriteStream, kind: Kind, piece: string, style?: Style): void {
    if (piece === '') return
    if (this.#open !== undefined && (this.#open !== stream || this.#kind !== kind)) this.endLine()
    const safe = this.#filter.add(piece)
    if (safe === '') return
    this.#kind = kind
    if (!isScreen(stream, this.#env)) {
      this.#open = safe.endsWith('\n') ? undefined : stream
      return this.#emit(stream, safe)
    }
    this.#open = stream
    const asMarkdown = kind === 'answer' && this.#rendered
    if (asMarkdown) return this.#emit(stream, this.#markdown.add(safe))
    this.#emit(
      stream,
      this.#rendered ? this.#wrap.words(safe, style) : this.#wrap.asIs(safe, style),
    )
  }

  /** Writes output above the live area. */
  #emit(stream: NodeJS.WriteStream, text: string): void {
    if (!this.animated || !stream.isTTY) return this.#put(stream, text)
    const size = this.#size()
    const erased = this.area.erase(size)
    const drawn = this.area.draw(size, this.#open === undefined ? 0 : this.#wrap.column)
    this.#put(stream, erased + text + drawn)
  }

  #put(stream: NodeJS.WriteStream, text: string): void {
    if (text !== '' && !this.#lost.has(stream)) stream.write(text)
  }

  #lose(stream: NodeJS.WriteStream, error: NodeJS.ErrnoException): void {
    if (this.#lost.has(stream)) return
    this.#lost.add(stream)
    this.onLost(error)
  }

  #isRendered(stream: NodeJS.WriteStream): boolean {
    return this.#rendered && isScreen(stream, this.#env)
  }

  /** Without a known width nothing is broken, and the live area takes 80 columns. */
  #size(): ScreenSize {
    return { columns: this.#stderr.columns || 80, rows: this.#stderr.rows || undefined }
  }

  #newWrap(): WordWrap {
    const columns = () => this.#stderr.columns || this.#stdout.columns || Infinity
    return new WordWrap({ columns, paint: this.#paint })
  }

  #newMarkdown(): Markdown {
    return new Markdown(this.#wrap, { colours: this.#colours })
  }
}

function isScreen(stream: NodeJS.WriteStream, env: NodeJS.ProcessEnv): boolean {
  return stream.isTTY && env['TERM'] !== 'dumb'
}
