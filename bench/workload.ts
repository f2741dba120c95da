/** A workload: what is run, in which order, and what is read out of it. */
import type { Measurement } from './measuring.ts'
import type { Samples, Spread } from './samples.ts'

export type Mode = 'full' | 'quick'

/** One process of a round. */
export interface Entry extends Measurement {
  /** How it is called in the tables. @defaultValue the client */
  readonly label?: string
  /** In how many rounds it takes part, the first ones. @defaultValue all */
  readonly rounds?: number
}

/** A line of the result. */
export interface Row {
  /** The target it is held against, if there is one. */
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
