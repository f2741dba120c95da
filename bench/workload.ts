/** A workload: its processes, their order, and the rows made of their figures. */
import type { Measurement } from './measuring.ts'
import type { Samples, Spread } from './samples.ts'

export type Mode = 'full' | 'quick'

/** One process of a round. */
export interface Entry extends Measurement {
  /** Its name in the tables. @defaultValue the client */
  readonly label?: string
  /** The number of rounds, from the first on, in which it takes part. @defaultValue all */
  readonly rounds?: number
}

/** A line of the result. */
export interface Row {
  /** The target of the row, if it has one. */
  readonly target?: string
  readonly title: string
  readonly unit: string
  readonly measured: Spread
}

export interface Workload {
  readonly name: string
  readonly title: string
  readonly rounds: Readonly<Record<Mode, number>>
  /** The processes of a round, one after the other: A B A B over the rounds. */
  entries(mode: Mode): readonly Entry[]
  rows(samples: Samples): readonly Row[]
}

export function labelOf({ label, client }: Entry): string {
  return label ?? client
}
