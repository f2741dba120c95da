/** Stored rows that are made to be costly: four times the row, at most eight times the cost. */
import Database from 'better-sqlite3'
import { expect, test } from 'vitest'
import { createEngine, type Dialect } from '../../../src/index.ts'
import { testDatabase, testProvider } from '../../support/engine.ts'

const SMALL = 3_000
const DIALECTS: readonly Dialect[] = ['chat-completions', 'responses', 'messages']

const times = (count: number, part: (n: number) => object): object[] =>
  Array.from({ length: count }, (_, n) => part(n))

const toolCall = (toolCallId: string, more: object = {}): object => {
  return { type: 'tool-call', toolCallId, toolName: 'f', input: {}, inputText: '{}', ...more }
}

/** The parts of a stored reply, by a size. */
const ROWS: Readonly<Record<string, (n: number) => object[]>> = {
  'calls without results': (n) => times(n, (at) => toolCall(`c${at}`)),
  'calls of one id': (n) => times(n, () => toolCall('c')),
  'short texts': (n) => times(n, () => ({ type: 'text', text: 'a' })),
  'texts of blanks': (n) => [
    { type: 'text', text: `${' '.repeat(40 * n)}x${'\n'.repeat(40 * n)}` },
  ],
  'halves of characters': (n) => [{ type: 'text', text: '\ud800'.repeat(20 * n) }],
  'reasoning with details': (n) =>
    times(n, () => ({
      type: 'reasoning',
      text: 'a',
      providerData: { maker: 'x', reasoning_details: [{ type: 'reasoning.text', text: '' }] },
    })),
  pictures: (n) =>
    times(n, () => ({ type: 'file', mediaType: 'image/png', url: 'data:image/png;base64,iVBO' })),
  'a media type without an end': (n) => [
    { type: 'file', mediaType: `image/${' ;'.repeat(20 * n)}`, url: `data:${','.repeat(20 * n)}` },
  ],
  'names and ids without an end': (n) => [
    toolCall('.'.repeat(20 * n), { toolName: '.'.repeat(20 * n) }),
  ],
  'arguments that are no JSON': (n) => [toolCall('c', { inputText: '{"a":'.repeat(5 * n) })],
  'results in a reply': (n) =>
    times(n, (at) => ({
      type: 'tool-result',
      toolCallId: `c${at}`,
      toolName: 'f',
      output: 'x',
      isError: false,
    })),
}

/** The CPU in milliseconds of a turn behind this reply: the median of three. */
async function costOf(database: string, url: string, dialect: Dialect, parts: object[]) {
  const file = new Database(database)
  file
    .prepare(`update message set parts = ? where role = 'assistant' and position = 2`)
    .run(JSON.stringify(parts))
  file.close()
  await using engine = await createEngine({ database, autoTitle: false, retry: { maxAttempts: 1 } })
  await engine.putEndpoint('online', { url, model: 'm', dialect })
  const costs: number[] = []
  for (let round = 0; round < 3; round += 1) {
    const before = process.cpuUsage()
    const turn = await engine.send('a', 'again')
    await turn.reply
    const { user, system } = process.cpuUsage(before)
    costs.push((user + system) / 1000)
  }
  return costs.toSorted((a, b) => a - b)[1] as number
}

test.each(Object.entries(ROWS))('a stored reply costs what it weighs: %s', async (_, parts) => {
  const { url } = await testProvider()
  const database = await testDatabase()
  await using engine = await createEngine({ database, autoTitle: false })
  await engine.putEndpoint('online', { url, model: 'm' })
  await engine.startConversation({ id: 'a' })
  await (
    await engine.send('a', 'hi')
  ).reply
  await engine.close()

  for (const dialect of DIALECTS) {
    const small = await costOf(database, url, dialect, parts(SMALL))
    const large = await costOf(database, url, dialect, parts(4 * SMALL))
    // Below this, the turn itself is most of the cost.
    expect(large).toBeLessThan(8 * Math.max(small, 20))
  }
})
