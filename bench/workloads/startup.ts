/** `createEngine` on a large database. */
import type { Workload } from '../workload.ts'

export const startup: Workload = {
  name: 'startup',
  title: '`createEngine` on a database with 100,000 conversations, and on a new one',
  rounds: { full: 1, quick: 1 },
  entries: (mode) => [
    {
      measure: 'startup',
      client: 'colloquy',
      options: { conversations: 100_000, rounds: mode === 'quick' ? 3 : 7 },
    },
  ],
  rows: (samples) => [
    {
      title: '`createEngine` with 100,000 conversations',
      unit: 'ms',
      measured: samples.spread('colloquy', 'fullDatabaseMs'),
    },
    {
      title: '`createEngine` with 100,000 conversations against a new database',
      unit: '×',
      measured: samples.ratio('colloquy', 'colloquy', 'fullDatabaseMs', 'newDatabaseMs'),
    },
  ],
}
