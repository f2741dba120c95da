/** The figures from the processes of one workload, by round. */
import { median } from './measures/stopwatch.ts'
import type { Figures } from './measures/task.ts'

/** A median with its least and its greatest value. */
export interface Spread {
  readonly median: number
  readonly least: number
  readonly most: number
}

export class Samples {
  readonly #rounds: Map<string, Figures>[] = []

  add(round: number, label: string, figures: Figures): void {
    const known = (this.#rounds[round] ??= new Map())
    known.set(label, figures)
  }

  get labels(): readonly string[] {
    return [...new Set(this.#rounds.flatMap((round) => [...round.keys()]))]
  }

  /** The names of the figures that a label has. */
  names(label: string): readonly string[] {
    return Object.keys(this.#rounds.find((round) => round.has(label))?.get(label) ?? {})
  }

  values(label: string, name: string): readonly number[] {
    return this.#rounds.flatMap((round) => round.get(label)?.[name] ?? [])
  }

  spread(label: string, name: string): Spread {
    return spreadOf(this.values(label, name))
  }

  /** One label against another, compared within each round: there both met the same noise. */
  ratio(label: string, to: string, name: string, toName = name): Spread {
    return spreadOf(
      this.#rounds.flatMap((round) => {
        const value = round.get(label)?.[name]
        const base = round.get(to)?.[toName]
        return value === undefined || base === undefined ? [] : [value / base]
      }),
    )
  }

  toJSON(): unknown {
    return this.#rounds.map((round) => Object.fromEntries(round))
  }
}

export function spreadOf(values: readonly number[]): Spread {
  return { median: median(values), least: Math.min(...values), most: Math.max(...values) }
}
