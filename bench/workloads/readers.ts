/** A hundred subscribers of one conversation, against a bare Subject with as many. */
import type { Workload } from '../workload.ts'

const READERS = 100
/** A delivery costs less than the variation between two replies: only many replies show it. */
const ROUNDS = 60

export const readers: Workload = {
  name: 'readers',
  title: '1 to 100 readers on one conversation, a snapshot for each delta',
  rounds: { full: 5, quick: 1 },
  entries: () => [
    {
      measure: 'subject',
      client: 'none',
      label: 'subject',
      options: { events: 5_000, readers: READERS, rounds: ROUNDS },
    },
    {
      measure: 'readers',
      client: 'colloquy',
      options: { deltas: 5_000, readers: READERS, rounds: ROUNDS },
    },
    {
      measure: 'readers',
      client: 'colloquy',
      label: 'colloquy-turn',
      options: { deltas: 5_000, readers: READERS, rounds: ROUNDS, ofTurn: 1 },
    },
  ],
  rows: (samples) => [
    {
      target: 'readers.subject',
      title: 'fan-out to 100 readers, per delivery, against a bare Subject',
      unit: '× Subject',
      measured: samples.ratio('colloquy', 'subject', 'cpuPerDeliveryUs'),
    },
    {
      title: 'the same of `turn.events`',
      unit: '× Subject',
      measured: samples.ratio('colloquy-turn', 'subject', 'cpuPerDeliveryUs'),
    },
  ],
}
