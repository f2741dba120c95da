/** Endpoints as they come from the database, which another program may have changed. */
import { describe, expect, test } from 'vitest'
import { createEngine, type Engine } from '../../../src/index.ts'
import { testDatabase, testEngine, testProvider } from '../../support/engine.ts'
import { foreignWriter } from '../../support/foreign-writer.ts'
import type { Provider } from '../../support/provider.ts'

const CANARY = 'canary-in-a-row'

async function ask(engine: Engine, endpoint: string): Promise<string> {
  const { id } = await engine.startConversation({ endpoint })
  const turn = await engine.send(id, 'hello')
  return (await turn.reply).message.text
}

/** A file with the endpoints `good` and `bad`; `bad` is changed by the statement. */
async function changed(sql: string, ...values: readonly unknown[]) {
  const database = await testDatabase()
  const provider: Provider = await testProvider()
  const first = await createEngine({ database })
  for (const name of ['good', 'bad']) {
    await first.putEndpoint(name, { url: provider.url, model: 'm', fallbacks: ['good'] })
  }
  await first.close()
  const foreign = foreignWriter(database)
  foreign.run(sql, ...values)
  foreign.close()
  const warnings: string[] = []
  const warn = (_: object, message: string) => void warnings.push(message)
  const engine = await testEngine({
    database,
    logger: { debug() {}, info() {}, warn, error: warn },
  })
  return { engine, provider, warnings, database }
}

describe('a broken endpoint', () => {
  test.each<[string, unknown]>([
    ['dialect', '__proto__'],
    ['dialect', 'constructor'],
    ['dialect', CANARY],
    ['url', CANARY],
    ['url', `ftp://${CANARY}/`],
    ['url', Buffer.from(CANARY)],
    ['model', `"${CANARY}`],
    ['header_names', `{"${CANARY}`],
    ['header_names', '[5]'],
    ['fallbacks', CANARY],
    ['fallbacks', '{}'],
    ['fallbacks', '[{"endpoint":5}]'],
    ['fallbacks', '[null]'],
    ['options', `{"${CANARY}`],
    ['options', '[]'],
    ['options', '{"maxConcurrent":-1}'],
    ['options', '{"maxConcurrent":1e999}'],
    ['options', '{"maxConcurrent":"2"}'],
    ['options', '{"quirks":{"maxTokensField":"__proto__"}}'],
    ['options', '{"quirks":{"extraBody":5}}'],
    ['options', '{"secretQuery":[5]}'],
    ['sealed_secrets', Buffer.from(CANARY)],
  ])('(%s: %j) is refused by name, and hinders nobody else', async (column, value) => {
    const { engine, warnings, provider } = await changed(
      `update endpoint set ${column} = ? where name = 'bad'`,
      value,
    )
    const broken = {
      code: 'database-failed',
      message: expect.stringMatching(/row "bad" of the table "endpoint".*Put the endpoint again/),
    }

    expect(warnings).toEqual([expect.stringMatching(/row "bad" of the table "endpoint"/)])
    expect(warnings.join('')).not.toContain(CANARY)
    await expect(engine.getEndpoint('bad')).rejects.toMatchObject(broken)
    await expect(ask(engine, 'bad')).rejects.toMatchObject(broken)
    await expect(engine.complete({ prompt: 'x', endpoint: 'bad' })).rejects.toMatchObject(broken)
    await expect(engine.listModels('bad')).rejects.toMatchObject(broken)
    expect(await ask(engine, 'good')).toBe('Hello')

    await engine.putEndpoint('bad', { url: provider.url, model: 'm' })
    expect(await ask(engine, 'bad')).toBe('Hello')
    expect(await engine.getEndpoint('bad')).toMatchObject({ url: provider.url })
  })

  test('is left out as a fallback', async () => {
    const { engine, provider } = await changed(
      "update endpoint set options = '[' where name = 'bad'",
    )
    await engine.putEndpoint('online', { url: provider.url, model: 'm', fallbacks: ['bad'] })

    expect(await ask(engine, 'online')).toBe('Hello')
  })

  test('is refused to an engine that only reads', async () => {
    const { database } = await changed("update endpoint set fallbacks = '5' where name = 'bad'")
    const viewer = await testEngine({ database, readOnly: true })

    await expect(viewer.getEndpoint('bad')).rejects.toMatchObject({ code: 'database-failed' })
    expect(await viewer.getEndpoint('good')).toMatchObject({ name: 'good' })
  })
})

test('the origin is that of the url in the row', async () => {
  const { engine } = await changed(
    "update endpoint set url = 'https://elsewhere.example/v1' where name = 'bad'",
  )

  expect(await engine.getEndpoint('bad')).toMatchObject({ origin: 'https://elsewhere.example' })
})

test('a key does not follow the url of its row to another server', async () => {
  const thief = await testProvider()
  const database = await testDatabase()
  const provider = await testProvider()
  const secrets = { encryptionKey: new Uint8Array(32).fill(1) }
  const first = await createEngine({ database, secrets })
  await first.putEndpoint('online', { url: provider.url, apiKey: 'sk-bound', model: 'm' })
  await first.close()
  const foreign = foreignWriter(database)
  foreign.run('update endpoint set url = ?', thief.url)
  foreign.close()

  const engine = await testEngine({ database, secrets })
  await engine.putEndpoint('online', { url: thief.url, model: 'm' })

  await expect(ask(engine, 'online')).rejects.toMatchObject({ code: 'key-unreadable' })
  await engine.putEndpoint('online', { url: thief.url, apiKey: null, model: 'm' })
  await ask(engine, 'online')
  expect(thief.requests[0]?.headers).not.toHaveProperty('authorization')
})
