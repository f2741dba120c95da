/** Very many streams at once: the memory of each. */
import type { Entry, Workload } from '../workload.ts'

const entry = (client: string, rounds?: number): Entry => ({
  measure: 'live',
  client,
  options: { streams: 2_000, warmUpStreams: 100 },
  ...(rounds !== undefined && { rounds }),
})

export const live: Workload = {
  name: 'live',
  title: '2,000 live streams: memory of each, client and sockets together',
  rounds: { full: 5, quick: 1 },
  entries: (mode) => [
    entry('floor'),
    entry('colloquy'),
    ...(mode === 'full' ? [entry('openai-node', 1)] : []),
  ],
  rows: (samples) => [
    {
      target: 'live.heap',
      title: 'heap of a live stream, against F1',
      unit: '× F1',
      measured: samples.ratio('colloquy', 'floor', 'heapPerStreamKb'),
    },
    {
      title: 'RSS of a live stream, against F1',
      unit: '× F1',
      measured: samples.ratio('colloquy', 'floor', 'rssPerStreamKb'),
    },
  ],
}
