/** The stored figures of an earlier benchmark run. Later runs are compared with them. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { BENCH } from './preparation.ts'
import type { Result } from './result.ts'

const FILE = join(BENCH, 'baseline.json')

interface Stored {
  readonly date: string
  readonly machine: Result['machine']
  /** The median of each row, under the row's title. */
  readonly rows: Readonly<Record<string, number>>
}

export class Baseline {
  readonly #rows: Stored['rows']

  private constructor(rows: Stored['rows']) {
    this.#rows = rows
  }

  /** The stored baseline. Empty if there is no file. */
  static read(): Baseline {
    if (!existsSync(FILE)) return new Baseline({})
    return new Baseline((JSON.parse(readFileSync(FILE, 'utf8')) as Stored).rows)
  }

  static write({ date, machine, workloads }: Result): void {
    const rows = workloads.flatMap((workload) => workload.rows)
    const medians = rows.map(({ title, measured }) => [title, rounded(measured.median)] as const)
    const stored: Stored = { date, machine, rows: Object.fromEntries(medians) }
    writeFileSync(FILE, `${JSON.stringify(stored, null, 2)}\n`)
  }

  of(title: string): number | undefined {
    return this.#rows[title]
  }
}

function rounded(value: number): number {
  return Number(value.toPrecision(4))
}
