/**
 * Reads markdown as it grows: blocks that nothing can change any more are given once, and only what
 * follows them is read again.
 *
 * A block is final when a whole line of another block follows it. So a long reply costs as much for
 * each piece of text as a short one.
 *
 * A block that would cost more than its bytes justify is not read: it is a token of the type `plain`.
 * Knows nothing of elements.
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

/** The units that are taken at once from a text that came as a whole. */
const PIECE = 4_096
/** The greatest length of a block without a blank line, and its most marks of emphasis: marked compares each with each. */
const LONGEST = 40_000
const MOST_MARKS = 4_000
/** Forty markers of quotes and lists at the beginning of one line: each is a level of recursion. */
const DEEP = /^(?:[ \t]*(?:>|[-*+](?=[ \t])|\d{1,9}[.)](?=[ \t]))){40}/m

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
    const finished: Token[] = []
    while (text.length - this.#taken > PIECE) {
      this.#take(text.slice(0, this.#taken + PIECE), false)
      while (this.#finish(finished));
    }
    this.#take(text, isWhole)
    while (this.#finish(finished));
    if (!isWhole) return { finished, open: this.#open() }
    finished.push(...lexed(this.#tail, this.#options, this.links))
    this.#cut(this.#tail.length)
    return { finished, open: { type: 'none' } }
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
    const text = this.#tail.slice(0, lines)
    if (text.length > LONGEST || isHeavy(text)) return this.#finishHeavy(text, finished)
    const tokens = lexed(text, this.#options, this.links)
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
      finished.push(...lexed(this.#tail.slice(0, end + 1), this.#options, this.links))
      this.#cut(end + 1)
      return true
    }
  }

  /** Ends what is too long, or cannot be read, at a blank line, so that the rest can be read. */
  #finishHeavy(text: string, finished: Token[]): boolean {
    const first = text.indexOf('\n\n') + 2
    if (first < 2) return false
    const isPlain = isHeavy(text.slice(0, first))
    const end = isPlain || text.length <= LONGEST ? first : text.lastIndexOf('\n\n') + 2
    finished.push(...lexed(text.slice(0, end), this.#options, this.links))
    this.#cut(end)
    return true
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
}

/** The blocks of a text. @param links - addresses of references, which are read and added to */
export function lexed(text: string, options: MarkedOptions, links: Links): Token[] {
  if (isHeavy(text) && fenceAt(text) === undefined) return [plainToken(text)]
  const lexer = new Lexer(options)
  lexer.tokens.links = links
  return lexer.lex(text)
}

function plainToken(raw: string): Token {
  return { type: 'plain', raw }
}

function isHeavy(text: string): boolean {
  if (text.length > LONGEST && text.split('\n\n').some(({ length }) => length > LONGEST))
    return true
  if (DEEP.test(text)) return true
  return (text.match(/[*_]/g)?.length ?? 0) > MOST_MARKS
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
