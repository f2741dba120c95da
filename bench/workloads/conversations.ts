/** The calls about conversations in a small and in a large database, and the update of an old one. */
import type { Samples } from '../samples.ts'
import type { Entry, Mode, Row, Workload } from '../workload.ts'

const SMALL = '10,000 messages'
const LARGE: Readonly<Record<Mode, number>> = { full: 50_000, quick: 5_000 }
const QUESTIONS: Readonly<Record<Mode, number>> = { full: 50, quick: 20 }

/** The figure of each call with its title in the table. */
const CALLS: Readonly<Record<string, string>> = {
  listOfOwner: 'page of 50 conversations of an owner',
  listOfAll: 'page of 50 conversations of all',
  listCreated: 'the same by creation',
  listCreatedOfOwner: 'page of an owner by creation',
  listArchive: 'page of the archive',
  listAny: 'page of conversations, archived or not',
  listAnyOfOwner: 'page of an owner, archived or not',
  listWhere: 'page by a field of metadata',
  page: 'page of 50 messages',
  pageOfTree: 'page through 12 branches',
  branches: '`listBranches`',
  line: 'line of 20 messages for a request',
  accept: 'accept of a turn',
  end: 'end of a turn',
  delete: 'delete of a conversation of 20',
}

function nameOf(conversations: number): string {
  return `${(conversations * 20).toLocaleString('en')} messages`
}

const filled = (conversations: number): Entry => ({
  measure: 'conversations',
  client: 'colloquy',
  label: nameOf(conversations),
  options: { conversations },
})

const firstDelta = (client: string, mode: Mode): Entry => ({
  measure: 'first-delta',
  client,
  options: { questions: QUESTIONS[mode] },
})

function ratios(samples: Samples): readonly Row[] {
  const large = samples.labels.find((label) => label.endsWith('0 messages') && label !== SMALL)
  if (large === undefined) return []
  return Object.entries(CALLS).map(([name, title]) => ({
    target: 'conversations.growth',
    title: `${title}: ${large} against ${SMALL}`,
    unit: '×',
    measured: samples.ratio(large, SMALL, `${name}Us`),
  }))
}

export const conversations: Workload = {
  name: 'conversations',
  title: 'Lists, pages and turns in a small and in a large database',
  rounds: { full: 3, quick: 1 },
  entries: (mode) => [
    filled(500),
    filled(LARGE[mode]),
    firstDelta('colloquy', mode),
    firstDelta('colloquy-new-conversation', mode),
    firstDelta('ai-sdk', mode),
    {
      measure: 'migration',
      client: 'colloquy',
      label: 'update from 0004',
      options: { messages: LARGE[mode] * 20 },
      rounds: 1,
    },
  ],
  rows: (samples) => [
    ...ratios(samples),
    {
      target: 'conversations.start-with',
      title: 'time to first delta: a new conversation by `startWith`, against an existing one',
      unit: '×',
      measured: samples.ratio('colloquy-new-conversation', 'colloquy', 'firstDeltaMs'),
    },
    {
      target: 'conversations.ai-sdk',
      title: 'time to first delta: a new conversation by `startWith`, against ai-sdk',
      unit: '×',
      measured: samples.ratio('colloquy-new-conversation', 'ai-sdk', 'firstDeltaMs'),
    },
    {
      title: 'migration 0005 of the large database',
      unit: 's',
      measured: samples.spread('update from 0004', 'migrationSeconds'),
    },
  ],
}
