/** 200 conversations that stream while another 200 save: does the disk delay the streams? */
import type { Entry, Mode, Workload } from '../workload.ts'

const entry = (label: string, savers: number, mode: Mode): Entry => ({
  measure: 'mixed',
  client: 'colloquy',
  label,
  options: { streams: 200, savers, deltas: mode === 'quick' ? 100 : 200 },
})

export const mixed: Workload = {
  name: 'mixed',
  title: '200 conversations stream, alone and while another 200 save a turn each second',
  rounds: { full: 2, quick: 1 },
  entries: (mode) => [entry('streaming', 0, mode), entry('streaming and saving', 200, mode)],
  rows: (samples) => [
    {
      title: 'delay of the event loop, 99th percentile, while others save',
      unit: 'ms',
      measured: samples.spread('streaming and saving', 'loopDelay99Ms'),
    },
  ],
}
