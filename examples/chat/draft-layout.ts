/**
 * The rows in which a draft is shown, and the place of the cursor in them.
 *
 * Rows are made here and never by the terminal, so that they can be counted and erased. The last
 * column stays free: a cursor behind it would be in a row of its own on some terminals only. Of a
 * draft that is higher than the screen the rows around the cursor are shown.
 */
import { graphemes, graphemeWidth, isAscii, textWidth } from './text-width.ts'

const TAB = '    '

export interface DraftLayout {
  readonly rows: readonly string[]
  readonly cursorRow: number
  readonly cursorColumn: number
}

export interface DraftShown {
  readonly prompt: string
  readonly text: string
  readonly cursor: number
}

export interface RoomForDraft {
  readonly columns: number
  /** The largest number of rows. */
  readonly height: number
}

export function layOutDraft(
  { prompt, text, cursor }: DraftShown,
  { columns, height }: RoomForDraft,
): DraftLayout {
  const width = Math.max(columns - 1, 4)
  // On a narrow screen the prompt has a place in the first row only.
  const indent = textWidth(prompt) * 3 <= width ? ' '.repeat(textWidth(prompt)) : ''
  const lines = text.split('\n')
  const before = text.slice(0, cursor)
  const line = countOf(before, '\n')
  const inLine = cursor - (before.lastIndexOf('\n') + 1)
  const prefixOf = (index: number) => (index === 0 ? prompt : indent)
  const rowsOf = (index: number) => rowsIn(prefixOf(index), lines[index] ?? '', width, indent)

  const rows = [...rowsOf(line)]
  const place = rowsIn(prefixOf(line), (lines[line] ?? '').slice(0, inLine), width, indent)
  let cursorRow = place.length - 1
  let cursorColumn = textWidth(place.at(-1) ?? '')
  if (cursorColumn >= width) {
    cursorRow++
    cursorColumn = indent.length
    if (cursorRow === rows.length) rows.push(indent)
  }
  for (let above = line - 1; above >= 0 && rows.length < height; above--) {
    const more = rowsOf(above)
    rows.unshift(...more)
    cursorRow += more.length
  }
  for (let below = line + 1; below < lines.length && rows.length < height; below++) {
    rows.push(...rowsOf(below))
  }
  if (rows.length <= height) return { rows, cursorRow, cursorColumn }
  const first = Math.min(Math.max(cursorRow - height + 1, 0), rows.length - height)
  return { rows: rows.slice(first, first + height), cursorRow: cursorRow - first, cursorColumn }
}

/** The rows of one line. A wide character never stands half behind the last column. */
function rowsIn(prefix: string, line: string, width: number, indent: string): string[] {
  const text = prefix + line.replaceAll('\t', TAB)
  if (textWidth(prefix) >= width) return rowsIn('', text, width, indent)
  const rows: string[] = []
  if (isAscii(text)) {
    rows.push(text.slice(0, width))
    for (let at = width; at < text.length; at += width - indent.length) {
      rows.push(indent + text.slice(at, at + width - indent.length))
    }
    return rows
  }
  let row = ''
  let column = 0
  for (const grapheme of graphemes(text)) {
    const size = graphemeWidth(grapheme)
    if (column + size > width) {
      rows.push(row)
      row = indent
      column = indent.length
    }
    row += grapheme
    column += size
  }
  rows.push(row)
  return rows
}

function countOf(text: string, char: string): number {
  let count = 0
  for (let at = text.indexOf(char); at >= 0; at = text.indexOf(char, at + 1)) count++
  return count
}
