/** The cost that saving adds to a turn, against a flush for each message. */
import type { Entry, Workload } from '../workload.ts'

const entry = (label: string, plain: number): Entry => ({
  measure: 'saving',
  client: 'none',
  label,
  options: { turns: 600, warmUps: 400, atOnce: 50, plain },
})

export const saving: Workload = {
  name: 'saving',
  title: 'Saving a turn, 50 at a time: our store, and MikroORM with a flush for each message',
  rounds: { full: 5, quick: 1 },
  entries: () => [entry('colloquy', 0), entry('a flush for each message', 1)],
  rows: (samples) => [
    {
      target: 'saving.flush',
      title: 'added CPU of saving, against one flush per message',
      unit: '×',
      measured: samples.ratio('colloquy', 'a flush for each message', 'cpuPerTurnUs'),
    },
  ],
}
