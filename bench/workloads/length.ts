/**
 * Replies of very different length: a delta late in a reply must not cost more than an early one.
 */
import type { Entry, Workload } from '../workload.ts'

/** Shorter replies take more rounds, so that no total of deltas is small. */
const entry = (deltas: number, rounds: number): Entry => ({
  measure: 'streams',
  client: 'colloquy',
  label: `${deltas.toLocaleString('en')} deltas`,
  options: {
    streams: 1,
    deltas,
    pauseMs: 0,
    rounds,
    warmUps: 2,
    warmUpDeltas: 20_000,
    whole: 1,
  },
})

export const length: Workload = {
  name: 'length',
  title: 'One reply of 1,000 to 100,000 deltas, as fast as it is read',
  rounds: { full: 5, quick: 1 },
  entries: () => [entry(1_000, 20), entry(10_000, 10), entry(100_000, 1)],
  rows: (samples) => [
    {
      target: 'length.growth',
      title: 'a delta of 100,000 against one of 10,000',
      unit: '×',
      measured: samples.ratio('100,000 deltas', '10,000 deltas', 'cpuPerDeltaUs'),
    },
  ],
}
