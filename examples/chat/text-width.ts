/**
 * The number of terminal columns that a text takes. Knows nothing of escape sequences or lines.
 *
 * A user-perceived character (grapheme) may be several code points: they are measured together.
 */
const ASCII = /^[\u0020-\u007E]*$/
const GRAPHEMES = new Intl.Segmenter(undefined, { granularity: 'grapheme' })
const ZERO = /^[\p{Mn}\p{Me}\p{Cf}\u1160-\u11FF]$/u
const EMOJI = /\p{Emoji_Presentation}|\uFE0F/u

/** Ranges of code points that take two columns (East Asian Width `W` and `F`). */
const WIDE: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x231a, 0x231b],
  [0x2329, 0x232a],
  [0x2e80, 0x303e],
  [0x3041, 0x33ff],
  [0x3400, 0x4dbf],
  [0x4e00, 0xa4cf],
  [0xa960, 0xa97f],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe10, 0xfe19],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x16fe0, 0x18dff],
  [0x1aff0, 0x1b2ff],
  [0x1f200, 0x1f2ff],
  [0x20000, 0x3fffd],
]

/** Returns true if each character is one byte of ASCII and one column wide. */
export function isAscii(text: string): boolean {
  return ASCII.test(text)
}

/** The characters of a text as a person sees them. */
export function graphemes(text: string): readonly string[] {
  if (isAscii(text)) return text.split('')
  return Array.from(GRAPHEMES.segment(text), ({ segment }) => segment)
}

/** The columns of one grapheme: 0, 1, 2, or more where a script stacks several signs. */
export function graphemeWidth(grapheme: string): number {
  if (isAscii(grapheme)) return grapheme.length
  if (EMOJI.test(grapheme)) return 2
  let width = 0
  for (const char of grapheme) width += charWidth(char)
  return width
}

/** The columns of a text without newlines and tabs. */
export function textWidth(text: string): number {
  if (isAscii(text)) return text.length
  let width = 0
  for (const grapheme of graphemes(text)) width += graphemeWidth(grapheme)
  return width
}

/** The beginning of a text that fits into a number of columns, with `…` if something is cut. */
export function fitted(text: string, columns: number): string {
  if (isAscii(text) && text.length <= columns) return text
  let shown = ''
  let width = 0
  let before = ''
  for (const grapheme of graphemes(text)) {
    width += graphemeWidth(grapheme)
    if (width > columns) return `${before}…`
    shown += grapheme
    if (width < columns) before = shown
  }
  return shown
}

/** Where the grapheme before a place begins. */
export function previousBoundary(text: string, place: number): number {
  if (place <= 0) return 0
  return GRAPHEMES.segment(text).containing(place - 1)?.index ?? place - 1
}

/** Where the grapheme at a place ends. */
export function nextBoundary(text: string, place: number): number {
  const found = GRAPHEMES.segment(text).containing(place)
  return found === undefined ? text.length : found.index + found.segment.length
}

function charWidth(char: string): number {
  const code = char.codePointAt(0) ?? 0
  if (code < 0x300) return code < 0x20 || (code >= 0x7f && code < 0xa0) || code === 0xad ? 0 : 1
  if (ZERO.test(char)) return 0
  return WIDE.some(([first, last]) => code >= first && code <= last) ? 2 : 1
}
