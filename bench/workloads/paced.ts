/** Many streams at the pace of a model. Most of the cost of such a delta is the socket read. */
import type { Entry, Mode, Workload } from '../workload.ts'
import { againstPeers } from './against-peers.ts'

const entry = (client: string, mode: Mode, rounds?: number): Entry => ({
  measure: 'streams',
  client,
  options: {
    streams: 200,
    deltas: mode === 'quick' ? 75 : 120,
    pauseMs: 20,
    rounds: 1,
    warmUps: 1,
    warmUpDeltas: 40,
  },
  ...(rounds !== undefined && { rounds }),
})

export const paced: Workload = {
  name: 'paced',
  title: '200 streams, a delta each 20 ms, each in a write of its own',
  rounds: { full: 9, quick: 2 },
  entries: (mode) =>
    mode === 'quick'
      ? [
          entry('floor', mode),
          entry('colloquy', mode),
          entry('openai-node', mode, 2),
          entry('ai-sdk', mode, 2),
        ]
      : [
          entry('floor', mode),
          entry('colloquy', mode),
          entry('openai-node', mode),
          entry('ai-sdk', mode),
          entry('colloquy-deltas', mode, 2),
          entry('bytes', mode, 2),
          entry('langchain', mode, 2),
          entry('tanstack', mode, 2),
          entry('pi-ai', mode, 2),
        ],
  rows: (samples) => againstPeers('paced', 'paced, per delta', 'cpuPerDeltaUs', samples),
}
