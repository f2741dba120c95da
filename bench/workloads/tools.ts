/** Turns of two steps with a tool between them, as fast as they are read and at the pace of a model. */
import type { Entry, Mode, Workload } from '../workload.ts'

const entry = (client: string, mode: Mode, rounds?: number): Entry => ({
  measure: 'tool-turns',
  client: `${client}-tools`,
  label: client,
  options: {
    deltas: 200,
    pauseMs: 0,
    atOnce: 20,
    turns: mode === 'quick' ? 200 : 1_000,
    // As many for each client: then the ratio is that of a long run.
    warmUpTurns: mode === 'quick' ? 400 : 1_000,
  },
  ...(rounds !== undefined && { rounds }),
})

const unsaved = (mode: Mode): Entry => ({
  ...entry('colloquy', mode),
  client: 'colloquy-tools-unsaved',
  label: 'colloquy, in memory',
})

const paced = (client: string, mode: Mode): Entry => ({
  ...entry(client, mode),
  label: `${client}, paced`,
  options: { deltas: 200, pauseMs: 10, atOnce: 100, turns: 100, warmUpTurns: 400 },
})

export const tools: Workload = {
  name: 'tools',
  title:
    'Turns of two replies of 200 deltas and a tool, 20 at a time; paced: 100, a delta each 10 ms',
  rounds: { full: 7, quick: 2 },
  entries: (mode) => [
    entry('floor', mode),
    entry('colloquy', mode),
    unsaved(mode),
    entry('ai-sdk', mode, mode === 'quick' ? 1 : 3),
    paced('floor', mode),
    paced('colloquy', mode),
  ],
  rows: (samples) => [
    {
      target: 'tools.floor',
      title: 'turn with a tool, ours saved, against F1',
      unit: '× F1',
      measured: samples.ratio('colloquy', 'floor', 'cpuPerTurnUs'),
    },
    {
      target: 'tools.unsaved',
      title: 'turn with a tool, in memory, against F1',
      unit: '× F1',
      measured: samples.ratio('colloquy, in memory', 'floor', 'cpuPerTurnUs'),
    },
    {
      target: 'tools.paced',
      title: 'turn with a tool, paced, ours saved, against F1',
      unit: '× F1',
      measured: samples.ratio('colloquy, paced', 'floor, paced', 'cpuPerTurnUs'),
    },
    {
      target: 'tools.ai-sdk',
      title: 'turn with a tool, ai-sdk against ours, saved',
      unit: '× ours',
      measured: samples.ratio('ai-sdk', 'colloquy', 'cpuPerTurnUs'),
    },
  ],
}
