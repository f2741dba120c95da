/** Measures the CPU time of this process, with all its threads, and the wall time. */
import { performance } from 'node:perf_hooks'

export class Stopwatch {
  readonly #cpu = process.cpuUsage()
  readonly #startedAt = performance.now()

  get cpuUs(): number {
    const { user, system } = process.cpuUsage(this.#cpu)
    return user + system
  }

  get wallMs(): number {
    return performance.now() - this.#startedAt
  }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle]
  if (upper === undefined) return Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2
}

/** Memory in use after garbage collection. Needs `--expose-gc`. */
export async function settledMemory(): Promise<{ heapBytes: number; rssBytes: number }> {
  for (let n = 0; n < 4; n += 1) {
    // The most thorough collection that V8 offers: freed pages go back to the system.
    globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' })
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  const { heapUsed, rss } = process.memoryUsage()
  return { heapBytes: heapUsed, rssBytes: rss }
}
