/** One question at a time to a provider that answers at once: the wait for the first text. */
import type { Entry, Mode, Workload } from '../workload.ts'

const entry = (client: string, mode: Mode, rounds?: number): Entry => ({
  measure: 'first-delta',
  client,
  options: { questions: mode === 'quick' ? 40 : 50 },
  ...(rounds !== undefined && { rounds }),
})

export const firstDelta: Workload = {
  name: 'first-delta',
  title: 'From the question to the first text, with a provider that answers at once',
  rounds: { full: 5, quick: 1 },
  entries: (mode) => [
    entry('floor', mode),
    entry('colloquy', mode),
    ...(mode === 'full'
      ? [
          entry('colloquy-relaxed', mode, 2),
          entry('openai-node', mode, 1),
          entry('ai-sdk', mode, 1),
        ]
      : []),
  ],
  rows: (samples) => [
    {
      target: 'first-delta.floor',
      title: 'time to first delta, the question on disk first, against F1',
      unit: '× F1',
      measured: samples.ratio('colloquy', 'floor', 'firstDeltaMs'),
    },
    ...(samples.labels.includes('colloquy-relaxed')
      ? [
          {
            title: 'time to first delta, without the sync to the disk, against F1',
            unit: '× F1',
            measured: samples.ratio('colloquy-relaxed', 'floor', 'firstDeltaMs'),
          },
        ]
      : []),
  ],
}
