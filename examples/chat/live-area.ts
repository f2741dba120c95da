/**
 * The rows below the output that change: the spinner, the messages that wait, the line being typed.
 *
 * They are erased before output is written and drawn again after it. Knows the escape sequences for
 * that, and nothing of streams or keys.
 */
import { layOutDraft, type DraftShown } from './draft-layout.ts'
import type { Paint } from './paint.ts'
import { fitted, textWidth } from './text-width.ts'

const UNKNOWN_HEIGHT = 24

export interface ScreenSize {
  readonly columns: number
  readonly rows: number | undefined
}

/** What is on the screen, as far as it has to be known to erase it. */
interface Drawn {
  readonly widths: readonly number[]
  readonly cursorRow: number
  readonly cursorColumn: number
  /** The column of the output's open line, above the area; 0 if there is none. */
  readonly column: number
}

export class LiveArea {
  /** A row about what the chat waits for; '' for none. */
  status = ''
  /** The messages in the queue of the conversation whose reply streams. */
  queued: readonly string[] = []
  /** The lines that were entered meanwhile, and are not messages in the queue. */
  waiting: readonly string[] = []
  /** The line being typed. Absent while there is nothing to show of it. */
  draft: DraftShown | undefined
  readonly #paint: Paint
  #drawn: Drawn | undefined

  constructor(paint: Paint) {
    this.#paint = paint
  }

  get isDrawn(): boolean {
    return this.#drawn !== undefined
  }

  /** Takes the area off the screen. The cursor returns to the end of the output. */
  erase({ columns }: ScreenSize): string {
    const drawn = this.#drawn
    if (drawn === undefined) return ''
    this.#drawn = undefined
    // After a resize the terminal may have broken the rows above the cursor, and that of the cursor.
    const above = drawn.widths.slice(0, drawn.cursorRow)
    const broken = above.reduce((sum, width) => sum + Math.max(1, Math.ceil(width / columns)), 0)
    const rows = broken + Math.floor(drawn.cursorColumn / columns)
    const home = `${up(rows)}\r\u001B[J`
    if (drawn.column === 0) return home
    return `${home}${up(1)}\u001B[${columnAfterBreaks(drawn.column, columns) + 1}G`
  }

  /** Shows the area after the output. @param column - the column in which the output ends */
  draw({ columns, rows: height = UNKNOWN_HEIGHT }: ScreenSize, column: number): string {
    const { status, draft } = this
    const rows = [
      ...(status === '' ? [] : [fitted(status, columns - 1)]),
      ...this.queued.map((text) => entered('queued', text, columns)),
      ...this.waiting.map((text) => entered('next', text, columns)),
    ]
    if (rows.length === 0 && draft === undefined) return ''
    // One row stays for the output above.
    const room = Math.max(height - 1, 1)
    if (rows.length > room - 1) rows.splice(0, rows.length - room + 1)
    const notes = rows.map((row) => this.#paint('dim', row))
    const layout = draft && layOutDraft(draft, { columns, height: Math.max(room - rows.length, 1) })
    const all = [...notes, ...(layout?.rows ?? [])]
    const widths = [...rows, ...(layout?.rows ?? [])].map(textWidth)
    const cursorRow = rows.length + (layout?.cursorRow ?? -1)
    const cursorColumn = layout?.cursorColumn ?? widths.at(-1) ?? 0
    this.#drawn = { widths, cursorRow, cursorColumn, column }
    const start = column === 0 ? '' : '\r\n'
    return `${start}${all.join('\r\n')}${up(all.length - 1 - cursorRow)}\u001B[${cursorColumn + 1}G`
  }
}

/** The column of the end of a line in its last row, if the terminal breaks it at its width. */
export function columnAfterBreaks(column: number, columns: number): number {
  return column <= columns ? Math.min(column, columns - 1) : ((column - 1) % columns) + 1
}

/** The beginning of a text, in one row. */
function entered(name: string, text: string, columns: number): string {
  return fitted(`${name}: ${text.replaceAll(/\s+/g, ' ')}`, columns - 1)
}

function up(rows: number): string {
  return rows > 0 ? `\u001B[${rows}A` : ''
}
