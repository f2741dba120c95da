/** Time, as machines and the feed use it. XState's `SimulatedClock` is one. */
export interface Clock {
  /** UTC epoch milliseconds. */
  now(): number
  setTimeout(fn: () => void, ms: number): unknown
  clearTimeout(id: unknown): void
}
