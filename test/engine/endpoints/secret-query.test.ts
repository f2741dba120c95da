/** Secrets in the query of a url: used, and nowhere to be seen. */
import { describe, expect, test } from 'vitest'
import { createEngine, type Engine } from '../../../src/index.ts'
import { bytesOnDisk } from '../../support/database-file.ts'
import { testDatabase, testEngine, testProvider } from '../../support/engine.ts'
import { foreignWriter } from '../../support/foreign-writer.ts'

const SECRET = 'canary-query-51b0'
const KEY = { encryptionKey: new Uint8Array(32).fill(3) }

async function ask(engine: Engine): Promise<void> {
  const { id } = await engine.startConversation()
  await (
    await engine.send(id, 'hello')
  ).reply
}

describe('a value under a secret name', () => {
  test.each([
    'key',
    'api_key',
    'apikey',
    'token',
    'access_token',
    'sig',
    'signature',
    'code',
    'secret',
    'password',
    'KEY',
    'Api-Key',
    'accessToken',
    'k%65y',
  ])('%s is sent, and is in no record and not on disk', async (name) => {
    const provider = await testProvider()
    const database = await testDatabase()
    const engine = await testEngine({ database, secrets: KEY })
    const url = `${provider.url}?api-version=2&${name}=${SECRET}&region=eu`

    const put = await engine.putEndpoint('online', { url, model: 'm' })
    await ask(engine)

    expect(put.url).toBe(`${provider.url}?api-version=2&region=eu`)
    expect(await engine.getEndpoint('online')).toEqual(put)
    expect(provider.requests[0]?.path).toBe(
      `/v1/chat/completions?api-version=2&region=eu&${name}=${SECRET}`,
    )
    await engine.close()
    expect(bytesOnDisk(database).includes(SECRET)).toBe(false)
  })

  test('is sealed, and kept by a put without it at the same origin', async () => {
    const provider = await testProvider()
    const database = await testDatabase()
    const session = async (work: (engine: Engine) => Promise<unknown>) => {
      await using engine = await createEngine({ database, secrets: KEY, autoTitle: false })
      await work(engine)
    }
    await session((engine) =>
      engine.putEndpoint('online', { url: `${provider.url}?key=${SECRET}%2Bx&v=1`, model: 'm' }),
    )

    await session(ask)
    await session(async (engine) => {
      await engine.putEndpoint('online', { url: `${provider.origin}/v2?v=2`, model: 'm' })
      await ask(engine)
      await engine.putEndpoint('online', { url: `${provider.url}?sig=another-one`, model: 'm' })
      await ask(engine)
      await engine.putEndpoint('online', { url: `${provider.url}?sig=`, model: 'm' })
      await ask(engine)
    })

    expect(provider.requests.map(({ path }) => path)).toEqual([
      `/v1/chat/completions?v=1&key=${SECRET}%2Bx`,
      `/v2/chat/completions?v=2&key=${SECRET}%2Bx`,
      '/v1/chat/completions?sig=another-one',
      '/v1/chat/completions',
    ])
  })

  test('does not follow its endpoint to another origin', async () => {
    const [provider, elsewhere] = [await testProvider(), await testProvider()]
    const engine = await testEngine()
    await engine.putEndpoint('online', { url: `${provider.url}?key=${SECRET}`, model: 'm' })
    await engine.putEndpoint('online', { url: elsewhere.url, model: 'm' })

    await ask(engine)

    expect(elsewhere.requests[0]?.path).toBe('/v1/chat/completions')
  })

  test('that was held in memory only is missed after a restart', async () => {
    const provider = await testProvider()
    const database = await testDatabase()
    const first = await createEngine({ database, autoTitle: false })
    await first.putEndpoint('online', { url: `${provider.url}?key=${SECRET}`, model: 'm' })
    await ask(first)
    await first.close()
    expect(bytesOnDisk(database).includes(SECRET)).toBe(false)

    const engine = await testEngine({ database })
    expect(await engine.getEndpoint('online')).toMatchObject({
      url: provider.url,
      hasApiKey: false,
      isKeyReadable: false,
    })
    for (const again of [false, true]) {
      if (again) await engine.putEndpoint('online', { url: provider.url, model: 'm' })
      await expect(ask(engine)).rejects.toMatchObject({
        code: 'key-unreadable',
        message: expect.stringMatching(/The secret of .*a url that has the query value of key/),
      })
    }
    await engine.putEndpoint('online', { url: `${provider.url}?key=${SECRET}`, model: 'm' })
    await ask(engine)
    expect(provider.requests).toHaveLength(2)
  })

  test('is sealed with the wrong key for nobody', async () => {
    const provider = await testProvider()
    const database = await testDatabase()
    const first = await createEngine({ database, secrets: KEY })
    await first.putEndpoint('online', { url: `${provider.url}?token=${SECRET}`, model: 'm' })
    await first.close()

    const engine = await testEngine({
      database,
      secrets: { encryptionKey: new Uint8Array(32) },
      logger: { debug() {}, info() {}, warn() {}, error() {} },
    })

    await expect(ask(engine)).rejects.toMatchObject({ code: 'key-unreadable' })
    expect(provider.requests).toHaveLength(0)
  })

  test('that an older version stored in the url is shown no more', async () => {
    const provider = await testProvider()
    const database = await testDatabase()
    const first = await createEngine({ database })
    await first.putEndpoint('online', { url: provider.url, model: 'm' })
    await first.close()
    const foreign = foreignWriter(database)
    foreign.run('update endpoint set url = ?', `${provider.url}?code=${SECRET}`)
    foreign.close()

    const engine = await testEngine({ database })

    expect(await engine.getEndpoint('online')).toMatchObject({ url: provider.url })
    await ask(engine)
    expect(provider.requests[0]?.path).toBe(`/v1/chat/completions?code=${SECRET}`)
    await engine.close()
    const viewer = await testEngine({ database, readOnly: true })
    expect(JSON.stringify(await viewer.getEndpoint('online'))).not.toContain(SECRET)
  })
})
