/** Conversations with histories of very different length. */
import type { Entry, Workload } from '../workload.ts'

const entry = (messages: number): Entry => ({
  measure: 'history',
  client: 'colloquy',
  label: `${messages.toLocaleString('en')} messages`,
  options: { messages, turns: 15 },
})

export const history: Workload = {
  name: 'history',
  title: 'A turn in a conversation of 10 to 10,000 messages',
  rounds: { full: 2, quick: 1 },
  entries: (mode) =>
    mode === 'quick'
      ? [entry(10), entry(10_000)]
      : [entry(10), entry(100), entry(1_000), entry(10_000)],
  rows: (samples) => [
    {
      title: 'accepting a send after 10,000 messages against after 10',
      unit: '×',
      measured: samples.ratio('10,000 messages', '10 messages', 'acceptCpuUs'),
    },
    {
      title: 'a whole turn after 10,000 messages against reading them once',
      unit: '×',
      measured: samples.ratio('10,000 messages', '10,000 messages', 'turnCpuUs', 'readOnceCpuUs'),
    },
  ],
}
