/**
 * Reads markdown as it grows: blocks that nothing can change any more are given once, and only what
 * follows them is read again.
 *
 * A block is final when a whole line of another block follows it. So a long reply costs as much for
 * each piece of text as a short one. Knows nothing of elements.
 */
import { Lexer, type MarkedOptions, type Token, type TokensList } from 'marked'

/** The block that is still being written. */
export type OpenBlock =
  | { readonly type: 'none' }
  | { readonly type: 'markdown'; readonly text: string }
  /** Code in a fence that is not closed yet: its text grows by appending. */
  | { readonly type: 'code'; readonly language: string; readonly text: string }

export interface Growth {
  /** Blocks that became final, in order. */
  readonly finished: readonly Token[]
  readonly open: OpenBlock
}

export type Links = TokensList['links']

const FENCE = /^(`{3,}(?=[^`\n]*\n)|~{3,})([^\n]*)\n/

export class BlockReader {
  readonly #options: MarkedOptions
  /** Addresses of `[references]`, which may be used anywhere. */
  readonly links = Object.create(null) as Links
  /** The units of the text that were taken. */
  #taken = 0
  /** What follows the final blocks, with line ends as `\n`. */
  #tail = ''
  /** The end of the last whole line of the tail that was read. */
  #readTo = 0
  /** The fence that the tail begins with. */
  #fence: Fence | undefined

  constructor(options: MarkedOptions) {
    this.#options = options
  }

  /** @param text - the whole text so far; it begins with what was given before */
  read(text: string, isWhole: boolean): Growth {
    this.#take(text, isWhole)
    if (isWhole) {
      const finished = this.#lex(this.#tail)
      this.#cut(this.#tail.length)
      return { finished, open: { type: 'none' } }
    }
    const finished: Token[] = []
    while (this.#finish(finished));
    return { finished, open: this.#open() }
  }

  /** Adds what came. A `\r` at the end may be the first half of a line end. */
  #take(text: string, isWhole: boolean): void {
    const end = !isWhole && text.endsWith('\r') ? text.length - 1 : text.length
    this.#tail += text.slice(this.#taken, end).replaceAll(/\r\n?/g, '\n')
    this.#taken = Math.max(this.#taken, end)
  }

  /** Moves final blocks out of the tail. @returns true if the rest has to be looked at again */
  #finish(finished: Token[]): boolean {
    this.#fence ??= fenceAt(this.#tail)
    if (this.#fence !== undefined) return this.#finishFence(this.#fence, finished)
    const lines = this.#tail.lastIndexOf('\n') + 1
    if (lines <= this.#readTo) return false
    this.#readTo = lines
    const tokens = this.#lex(this.#tail.slice(0, lines))
    // Blank lines end nothing: a list or a quote may go on after them.
    const last = tokens.findLastIndex(({ type }) => type !== 'space')
    const final = tokens.slice(0, Math.max(last, 0))
    const units = final.reduce((sum, { raw }) => sum + raw.length, 0)
    if (units === 0) return false
    finished.push(...final)
    this.#cut(units)
    this.#readTo = lines - units
    return true
  }

  /** A closed fence is final, whatever follows. Each line is looked at once. */
  #finishFence(fence: Fence, finished: Token[]): boolean {
    for (;;) {
      const end = this.#tail.indexOf('\n', fence.scanned)
      if (end < 0) return false
      const isEnd = fence.end.test(this.#tail.slice(fence.scanned, end))
      fence.scanned = end + 1
      if (!isEnd) continue
      finished.push(...this.#lex(this.#tail.slice(0, end + 1)))
      this.#cut(end + 1)
      return true
    }
  }

  #cut(units: number): void {
    this.#tail = this.#tail.slice(units)
    this.#readTo = 0
    this.#fence = undefined
  }

  #open(): OpenBlock {
    if (this.#fence === undefined) {
      return this.#tail === '' ? { type: 'none' } : { type: 'markdown', text: this.#tail }
    }
    const { language, from, scanned } = this.#fence
    // The last line may be the beginning of the closing fence.
    const isEnding = /^ {0,3}[`~]+ *$/.test(this.#tail.slice(scanned))
    const text = this.#tail.slice(from, isEnding ? scanned : this.#tail.length)
    return { type: 'code', language, text }
  }

  #lex(text: string): Token[] {
    const lexer = new Lexer(this.#options)
    lexer.tokens.links = this.links
    return lexer.lex(text)
  }
}

interface Fence {
  readonly end: RegExp
  readonly language: string
  /** Where the code begins. */
  readonly from: number
  /** No line before this place closes the fence. */
  scanned: number
}

function fenceAt(text: string): Fence | undefined {
  const [head, marker = '', info = ''] = FENCE.exec(text) ?? []
  if (head === undefined) return undefined
  return {
    end: new RegExp(`^ {0,3}${marker}[~\`]* *$`),
    language: languageOf(info),
    from: head.length,
    scanned: head.length,
  }
}

/** The first word after a fence. */
export function languageOf(info: string | undefined): string {
  return /^\s*([\w+#.-]*)/.exec(info ?? '')?.[1]?.toLowerCase() ?? ''
}
