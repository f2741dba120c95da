/** Conversations that are awake and at rest. */
import type { Workload } from '../workload.ts'

export const idle: Workload = {
  name: 'idle',
  title: 'Idle conversations, awake',
  rounds: { full: 1, quick: 1 },
  entries: (mode) => [
    {
      measure: 'idle',
      client: 'colloquy',
      options:
        mode === 'quick'
          ? { conversations: 2_000, warmUps: 1_000 }
          : { conversations: 8_000, warmUps: 3_000 },
    },
  ],
  rows: (samples) => [
    {
      target: 'idle.per-gib',
      title: 'idle awake conversations per GiB of RSS',
      unit: '',
      measured: samples.spread('colloquy', 'conversationsPerGib'),
    },
  ],
}
