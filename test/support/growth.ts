/**
 * How the cost of work grows with its input, in CPU of this process.
 *
 * Other work on the machine only adds to a measurement, and may add to one size alone. So the least
 * of several runs counts, and a growth that is too steep is measured again: work that really costs
 * the square of its input is too steep each time.
 */
import { expect } from 'vitest'

const RUNS = 5
const ATTEMPTS = 3

interface Growth {
  /** How often the cost of `small` the cost of `large` may be. */
  readonly most: number
  /** A cost below this counts as this much, in microseconds: it is mostly noise. */
  readonly floor: number
}

/** The least CPU of several runs, in microseconds. */
export function leastCpu(run: () => unknown, runs = RUNS): number {
  const costs = Array.from({ length: runs }, () => {
    const before = process.cpuUsage()
    run()
    const { user, system } = process.cpuUsage(before)
    return user + system
  })
  return Math.min(...costs)
}

/** Expects that `large` costs at most some times as much as `small`. */
export function expectGrowth(
  small: () => unknown,
  large: () => unknown,
  { most, floor }: Growth = { most: 8, floor: 2_000 },
): void {
  const ratios: number[] = []
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    leastCpu(small, 1)
    ratios.push(leastCpu(large) / Math.max(leastCpu(small), floor))
    if (Math.min(...ratios) < most) break
  }
  expect(Math.min(...ratios)).toBeLessThan(most)
}
