/**
 * The messages that a person types, with a line editor.
 *
 * The editor stays open while a reply streams, for two reasons. Ctrl-C is then a key that only the
 * chat receives; as a signal it would end npm too. A line that is typed meanwhile is shown and kept: Enter
 * gives it to the chat, which queues a message. A line that the chat does not take waits here for the end
 * of the reply. Ctrl-C never sends anything: it takes the waiting lines back into the editor.
 */
import type { Completion } from './completion.ts'
import { Draft } from './draft.ts'
import { goesOn, unwrapBlock } from './continuation.ts'
import { History } from './history.ts'
import type { Interrupts } from './interrupts.ts'
import { Keys, type Key, type KeyName } from './keys.ts'
import { isAnswer, type Editing, type InputKind, type Lines } from './lines.ts'
import { plain } from './plain-text.ts'
import type { Terminal } from './terminal.ts'

const PROMPT = 'you> '
const PASTE_ON = '\u001B[?2004h'
const PASTE_OFF = '\u001B[?2004l'

interface Asked {
  readonly prompt: string
  readonly kind: InputKind
  readonly answer: (line: string | undefined) => void
}

export class TypedLines implements Lines, Editing {
  readonly interactive = true
  readonly hasCommands = true
  readonly editing = this
  readonly history = new History()
  /** Completes what is typed. Absent until the chat is open. */
  completion: Completion | undefined
  onEarly: ((line: string) => boolean) | undefined
  readonly #stdin: NodeJS.ReadStream
  readonly #terminal: Terminal
  readonly #interrupts: Interrupts
  readonly #draft = new Draft()
  readonly #keys = new Keys()
  /** The lines that were entered before the chat asked for them. */
  #early: string[] = []
  #asked: Asked | undefined
  /** What was being typed when a decision was asked for. It returns after the answer. */
  #aside = ''
  #ended = false
  #suspended = false
  /** True while another program of the chat's own, such as an editor, has the terminal. */
  #isLent = false

  constructor(stdin: NodeJS.ReadStream, terminal: Terminal, interrupts: Interrupts) {
    this.#stdin = stdin
    this.#terminal = terminal
    this.#interrupts = interrupts
    stdin.setEncoding('utf8')
    stdin.on('data', this.#read)
    stdin.on('end', this.#end)
    // A terminal that was closed cannot be read. That is the end of the input.
    stdin.on('error', this.#end)
    interrupts.leaving.addEventListener('abort', this.#end)
    process.on('exit', this.#restore)
    process.on('SIGCONT', this.#continued)
    this.#take()
  }

  next(prompt = PROMPT, kind: InputKind = 'message'): Promise<string | undefined> {
    const early = kind === 'message' ? this.#early.shift() : undefined
    if (early !== undefined) {
      this.#show()
      this.#terminal.said(prompt, early)
      return Promise.resolve(early)
    }
    if (this.#ended) return Promise.resolve(undefined)
    return new Promise((answer) => {
      this.#asked = { prompt, kind, answer }
      if (kind === 'decision') {
        this.#aside = this.#draft.text
        this.#draft.set('')
      }
      this.#show()
    })
  }

  takeBack(): void {
    const early = this.#early
    this.#early = []
    this.giveBack(early)
  }

  giveBack(texts: readonly string[]): void {
    if (texts.length === 0) return
    // What was meant as a message must not become an answer.
    const isAside = this.#asked?.kind === 'decision'
    const typed = isAside ? this.#aside : this.#draft.text
    const text = [...texts, ...(typed === '' ? [] : [typed])].join('\n')
    if (isAside) this.#aside = text
    else this.#draft.set(text)
    this.#show()
  }

  handOver(): void {
    for (let [line] = this.#early; line !== undefined; [line] = this.#early) {
      if (this.onEarly?.(line) !== true) break
      this.#early.shift()
    }
    this.#show()
  }

  offer(text: string): void {
    this.#draft.set(clean(text))
    this.#show()
  }

  async lend<Result>(use: () => Promise<Result>): Promise<Result> {
    this.#stdin.off('data', this.#read)
    this.#suspended = true
    this.#isLent = true
    this.#interrupts.isPaused = true
    this.#release()
    this.#stdin.pause()
    try {
      return await use()
    } finally {
      this.#suspended = false
      this.#isLent = false
      this.#interrupts.isPaused = false
      this.#stdin.on('data', this.#read)
      this.#take()
      this.#show()
    }
  }

  close(): void {
    this.#end()
    this.#stdin.off('data', this.#read)
    this.#release()
    this.#stdin.pause()
    this.#interrupts.leaving.removeEventListener('abort', this.#end)
    process.off('exit', this.#restore)
    process.off('SIGCONT', this.#continued)
  }

  /** Takes the terminal: each key comes at once, and a pasted text is marked. */
  #take(): void {
    if (this.#ended) return
    this.#stdin.setRawMode(true)
    this.#stdin.resume()
    this.#terminal.control(PASTE_ON)
  }

  #release(): void {
    this.#terminal.clear()
    this.#restore()
    if (!this.#stdin.destroyed) this.#stdin.setRawMode(false)
  }

  readonly #restore = (): void => this.#terminal.control(PASTE_OFF)

  readonly #continued = (): void => {
    if (this.#isLent || this.#stdin.destroyed) return
    this.#suspended = false
    // The shell has changed the mode of the terminal. Node sets only a mode that differs from its last.
    this.#stdin.setRawMode(false)
    this.#take()
    this.#show()
  }

  readonly #read = (chunk: string): void => {
    for (const key of this.#keys.read(chunk)) {
      if (this.#suspended) break
      this.#press(key)
    }
    this.#show()
  }

  readonly #end = (): void => {
    this.#ended = true
    this.#answer(undefined)
  }

  #press(key: Key): void {
    if (key.key === 'text' || key.key === 'paste') return this.#draft.insert(clean(key.text))
    this.#actions[key.key]()
  }

  readonly #actions: Readonly<Record<KeyName, () => void>> = {
    enter: () => this.#enter(),
    newline: () => this.#draft.insert('\n'),
    tab: () => void this.#complete(),
    backspace: () => this.#draft.deleteBefore(),
    delete: () => this.#draft.deleteAfter(),
    left: () => this.#draft.left(),
    right: () => this.#draft.right(),
    home: () => this.#draft.home(),
    end: () => this.#draft.end(),
    up: () => {
      if (!this.#draft.up()) this.#recall(this.history.older(this.#draft.text))
    },
    down: () => {
      if (!this.#draft.down()) this.#recall(this.history.newer(this.#draft.text))
    },
    'word-left': () => this.#draft.wordLeft(),
    'word-right': () => this.#draft.wordRight(),
    'delete-word': () => this.#draft.deleteWord(),
    'delete-next-word': () => this.#draft.deleteNextWord(),
    'delete-to-start': () => this.#draft.deleteToStart(),
    'delete-to-end': () => this.#draft.deleteToEnd(),
    yank: () => this.#draft.yank(),
    'clear-screen': () => this.#terminal.clear({ screen: true }),
    interrupt: () => this.#interrupted(),
    'end-of-input': () => {
      if (this.#draft.text === '') this.#end()
      else this.#draft.deleteAfter()
    },
    suspend: () => {
      this.#suspended = true
      this.#release()
      process.kill(process.pid, 'SIGTSTP')
      // Without a shell that controls jobs the system ignores the signal: the chat goes on.
      setImmediate(this.#continued)
    },
  }

  #enter(): void {
    const { text, cursor } = this.#draft
    const isMessage = this.#asked === undefined || !isAnswer(this.#asked.kind)
    if (isMessage && cursor === text.length) {
      const rest = goesOn(text)
      if (rest !== undefined) return this.#draft.set(rest)
    }
    const line = isMessage ? unwrapBlock(text) : text
    if (isMessage && line.trim() === '' && this.#asked?.kind !== 'rewrite') return
    this.#draft.set('')
    if (isMessage) this.history.add(text)
    if (this.#asked !== undefined) return this.#answer(line)
    this.#early.push(line)
    this.handOver()
  }

  #answer(line: string | undefined): void {
    const asked = this.#asked
    this.#asked = undefined
    if (asked?.kind === 'decision') {
      this.#draft.set(this.#aside)
      this.#aside = ''
    }
    this.#show()
    if (line !== undefined && asked !== undefined) this.#terminal.said(asked.prompt, line)
    asked?.answer(line)
  }

  #interrupted(): void {
    if (this.#interrupts.replying) this.takeBack()
    else if (this.#draft.text !== '') {
      // On a line with text, Ctrl-C clears the line, and the next one counts as the first. The
      // arrow keys bring the text back.
      if (this.#asked === undefined || !isAnswer(this.#asked.kind))
        this.history.add(this.#draft.text)
      this.#draft.set('')
      this.#interrupts.forget()
      // The text was there before the person typed anything: one Ctrl-C leaves the message as it is.
      if (this.#asked?.kind === 'rewrite') this.#answer('')
    } else if (this.#asked !== undefined && this.#asked.kind !== 'message') {
      // No answer is an answer: nothing is deleted, and a model is asked for again.
      this.#answer('')
    }
    this.#show()
    this.#interrupts.arrived()
  }

  #recall(text: string | undefined): void {
    if (text !== undefined) this.#draft.set(text)
  }

  async #complete(): Promise<void> {
    const { text, cursor } = this.#draft
    const isMessage = this.#asked === undefined || this.#asked.kind === 'message'
    if (this.completion === undefined || !isMessage) return
    if (cursor !== text.length) return
    const found = await this.completion.complete(text)
    // What was typed meanwhile is not replaced.
    if (this.#draft.text !== text) return
    if (found.line !== text) this.#draft.set(found.line)
    else if (found.choices.length > 1) this.#terminal.note(found.choices.join('  '))
    this.#show()
  }

  /** Puts the line on the screen. While a reply streams, only if there is something in it. */
  #show(): void {
    if (this.#suspended) return
    const { area } = this.#terminal
    const { text, cursor } = this.#draft
    const prompt = this.#asked?.prompt ?? PROMPT
    const isShown =
      !this.#ended && (this.#asked !== undefined || text !== '' || this.#early.length > 0)
    area.waiting = this.#asked === undefined ? this.#early : []
    area.draft = isShown ? { prompt, text, cursor } : undefined
    this.#terminal.refresh()
  }
}

/** Text as it may stand in a line: without control characters, with one kind of line break. */
function clean(text: string): string {
  return plain(text.replaceAll(/\r\n?/g, '\n'))
}
