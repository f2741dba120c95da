/**
 * Reads rows whose columns another program may have changed, or a damaged disk.
 *
 * Each column is checked for the type that its reader promises. A row that fails is one coded
 * error, which names the table and the id and nothing else of the row. A list leaves such a row
 * out. Knows no table.
 */
import { ColloquyError, hasCode } from '../../protocol/errors.ts'
import { fromJson, fromText } from './stored-text.ts'

/** Called with each list of which rows were left out: their number, and the error of the first. */
export type ReportBroken = (count: number, first: ColloquyError) => void

/** The longest id of the library and of hosts has 200 characters. */
const LONGEST_ID = 200
/** The latest time that a `Date` holds, and the earliest. */
const LATEST_MS = 8_640_000_000_000_000

/** The reason why a column is broken. It never leaves this file, and holds no stored text. */
class BrokenColumn extends Error {}

/**
 * Runs the reader of a row.
 *
 * @param id - the id of the row, for the error
 * @throws `database-failed` if a column is not what the reader expects
 */
export function readRow<T>(table: string, id: unknown, read: () => T): T {
  try {
    return read()
  } catch {
    // No cause: a SyntaxError quotes the stored text.
    throw new ColloquyError(
      'database-failed',
      `The row ${nameOf(id)} of the table "${table}" cannot be read: another program changed it, or the file is damaged. Correct or delete the row, or restore a backup.`,
    )
  }
}

/** Returns `undefined` if a column is not what the reader expects. */
export function readable<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}

/** Reads a list, without the rows that cannot be read. */
export function readRows<Row, T>(
  rows: readonly Row[],
  read: (row: Row) => T,
  report: ReportBroken,
): readonly T[] {
  const records: T[] = []
  let broken = 0
  let first: ColloquyError | undefined
  for (const row of rows) {
    try {
      records.push(read(row))
    } catch (error) {
      if (!hasCode(error, 'database-failed')) throw error
      first ??= error as ColloquyError
      broken += 1
    }
  }
  if (first !== undefined) report(broken, first)
  return records
}

export function text(column: unknown): string {
  if (typeof column !== 'string') throw new BrokenColumn()
  return fromText(column)
}

/** An id that was made here, which `stored-text.ts` does not encode. */
export function plainText(column: unknown): string {
  if (typeof column !== 'string') throw new BrokenColumn()
  return column
}

export function integer(column: unknown): number {
  if (!Number.isSafeInteger(column)) throw new BrokenColumn()
  return column as number
}

export function time(column: unknown): Date {
  const ms = integer(column)
  if (Math.abs(ms) > LATEST_MS) throw new BrokenColumn()
  return new Date(ms)
}

/** One of the keys of `words`. */
export function word<Word extends string>(
  column: unknown,
  words: Readonly<Record<Word, true>>,
): Word {
  if (typeof column !== 'string' || !Object.hasOwn(words, column)) throw new BrokenColumn()
  return column as Word
}

export function json(column: unknown): unknown {
  if (typeof column !== 'string') throw new BrokenColumn()
  return fromJson(column)
}

export function jsonObject(column: unknown): Readonly<Record<string, unknown>> {
  return object(json(column))
}

export function jsonArray(column: unknown): readonly unknown[] {
  const value = json(column)
  if (!Array.isArray(value)) throw new BrokenColumn()
  return value
}

export function object(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new BrokenColumn()
  return value as Readonly<Record<string, unknown>>
}

/** For a condition of its own. */
export function assertColumn(isGood: boolean): asserts isGood {
  if (!isGood) throw new BrokenColumn()
}

/** Returns true if each field of the value has its type. A `?` after the type allows absence. */
export function hasFields(value: unknown, fields: Readonly<Record<string, FieldType>>): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  for (const name in fields) {
    const type = fields[name] as FieldType
    const field = (value as Readonly<Record<string, unknown>>)[name]
    if (field === undefined && type.endsWith('?')) continue
    if (!type.startsWith(typeof field)) return false
  }
  return true
}

export type FieldType = `${'string' | 'number' | 'boolean'}${'' | '?'}`

function nameOf(id: unknown): string {
  return typeof id === 'string' ? JSON.stringify(id.slice(0, LONGEST_ID)) : 'with an unreadable id'
}
