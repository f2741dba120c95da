/** Short turns, many at once: the cost of a request. Ours includes two durable writes. */
import type { Entry, Mode, Workload } from '../workload.ts'
import { againstPeers } from './against-peers.ts'

const entry = (client: string, mode: Mode, rounds?: number): Entry => ({
  measure: 'turns',
  client,
  options: {
    deltas: 20,
    atOnce: 50,
    turns: mode === 'quick' ? 500 : 1_000,
    // As many for each client: then the ratio is that of a long run.
    warmUpTurns: mode === 'quick' ? 500 : 1_000,
  },
  ...(rounds !== undefined && { rounds }),
})

export const turn: Workload = {
  name: 'turn',
  title: 'Turns of 20 deltas, 50 at a time; ours saved with full durability, the others not',
  rounds: { full: 9, quick: 3 },
  entries: (mode) =>
    mode === 'quick'
      ? [
          entry('floor', mode),
          entry('colloquy', mode),
          entry('openai-node', mode, 1),
          entry('ai-sdk', mode, 1),
        ]
      : [
          entry('floor', mode),
          entry('colloquy', mode),
          entry('openai-node', mode),
          entry('ai-sdk', mode),
          entry('bytes', mode, 2),
          entry('langchain', mode, 2),
          entry('tanstack', mode, 2),
          entry('pi-ai', mode, 2),
        ],
  rows: (samples) => againstPeers('turn', 'short turn, ours saved', 'cpuPerTurnUs', samples),
}
