/** One stream as fast as it is read: the least cost of a delta. */
import type { Entry, Workload } from '../workload.ts'
import { againstPeers } from './against-peers.ts'

const options = {
  streams: 1,
  deltas: 20_000,
  pauseMs: 0,
  rounds: 2,
  warmUps: 2,
  warmUpDeltas: 20_000,
}

const entry = (client: string, rounds?: number): Entry => ({
  measure: 'streams',
  client,
  options,
  ...(rounds !== undefined && { rounds }),
})

export const saturated: Workload = {
  name: 'saturated',
  title: '1 stream of 20,000 deltas, as fast as it is read',
  rounds: { full: 5, quick: 3 },
  entries: (mode) =>
    mode === 'quick'
      ? [entry('floor'), entry('colloquy'), entry('openai-node', 1), entry('ai-sdk', 1)]
      : [
          entry('floor'),
          entry('colloquy'),
          entry('openai-node'),
          entry('ai-sdk'),
          entry('colloquy-deltas', 2),
          entry('bytes', 2),
          entry('langchain', 2),
          entry('tanstack', 2),
          entry('pi-ai', 2),
        ],
  rows: (samples) => againstPeers('saturated', 'saturated, per delta', 'cpuPerDeltaUs', samples),
}
