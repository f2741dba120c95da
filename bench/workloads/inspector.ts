/** The cost of an attached inspector: nothing for a delta, something for a turn. */
import type { Entry, Workload } from '../workload.ts'

const stream = (client: string): Entry => ({
  measure: 'streams',
  client,
  label: `${client}, stream`,
  options: {
    streams: 1,
    deltas: 20_000,
    pauseMs: 0,
    rounds: 2,
    warmUps: 2,
    warmUpDeltas: 20_000,
  },
})

const turns = (client: string): Entry => ({
  measure: 'turns',
  client,
  label: `${client}, turns`,
  options: { deltas: 20, atOnce: 50, turns: 500, warmUpTurns: 1_000 },
})

export const inspector: Workload = {
  name: 'inspector',
  title: 'An inspector attached and detached',
  rounds: { full: 2, quick: 1 },
  entries: (mode) => [
    stream('colloquy'),
    stream('colloquy-inspected'),
    ...(mode === 'full' ? [turns('colloquy'), turns('colloquy-inspected')] : []),
  ],
  rows: (samples) => [
    {
      title: 'a delta with an inspector attached, against without',
      unit: '×',
      measured: samples.ratio('colloquy-inspected, stream', 'colloquy, stream', 'cpuPerDeltaUs'),
    },
    ...(samples.labels.includes('colloquy, turns')
      ? [
          {
            title: 'a turn with an inspector attached, against without',
            unit: '×',
            measured: samples.ratio('colloquy-inspected, turns', 'colloquy, turns', 'cpuPerTurnUs'),
          },
        ]
      : []),
  ],
}
