/** Keys at rest: sealed with the host's encryption key, or not on disk at all. */
import { randomBytes } from 'node:crypto'
import Database from 'better-sqlite3'
import { describe, expect, test } from 'vitest'
import { createEngine, type Engine } from '../../../src/index.ts'
import { canaries, canariesIn } from '../../support/canaries.ts'
import { bytesOnDisk } from '../../support/database-file.ts'
import { testDatabase, testEngine, testProvider } from '../../support/engine.ts'
import { foreignWriter } from '../../support/foreign-writer.ts'
import type { Provider } from '../../support/provider.ts'

const PASSPHRASE = 'correct horse battery staple'

/** Runs an engine on a file and closes it. */
async function session<T>(
  database: string,
  encryptionKey: string | Uint8Array | undefined,
  work: (engine: Engine) => Promise<T>,
): Promise<T> {
  await using engine = await createEngine({
    database,
    autoTitle: false,
    secrets: { encryptionKey },
  })
  return await work(engine)
}

/** A file with the endpoint `online`, its key and one header, sealed with an encryption key. */
async function storedKey(
  encryptionKey: string | Uint8Array | undefined = PASSPHRASE,
): Promise<{ readonly provider: Provider; readonly database: string }> {
  const provider = await testProvider()
  const database = await testDatabase()
  await session(database, encryptionKey, (engine) =>
    engine.putEndpoint('online', {
      url: provider.url,
      apiKey: canaries.key,
      headers: { 'X-Tenant': canaries.header },
      model: 'm',
    }),
  )
  return { provider, database }
}

async function ask(engine: Engine, endpoint?: string): Promise<void> {
  const { id } = await engine.startConversation({ endpoint })
  const turn = await engine.send(id, 'hello')
  await turn.reply
}

describe('with an encryption key', () => {
  test.each([
    ['a passphrase', PASSPHRASE],
    ['32 bytes', new Uint8Array(randomBytes(32))],
  ])('a key sealed with %s is used after a restart', async (_, encryptionKey) => {
    const { provider, database } = await storedKey(encryptionKey)

    await session(database, encryptionKey, (engine) => ask(engine))

    expect(provider.requests[0]?.headers).toMatchObject({
      authorization: `Bearer ${canaries.key}`,
      'x-tenant': canaries.header,
    })
    expect(canariesIn(bytesOnDisk(database))).toEqual([])
  })

  test('two databases with the same passphrase hold different ciphertexts', async () => {
    const files = [await storedKey(), await storedKey()]

    const sealed = files.map(({ database }) => sealedSecrets(database))

    expect(sealed[0]).toMatch(/^v1\./)
    expect(sealed[0]).not.toBe(sealed[1])
  })

  test('the key is the engine’s own copy, which a host may wipe', async () => {
    const provider = await testProvider()
    const database = await testDatabase()
    const mine = randomBytes(32)
    const same = Uint8Array.from(mine)
    await session(database, mine, async (engine) => {
      mine.fill(0)
      await engine.putEndpoint('online', { url: provider.url, apiKey: canaries.key, model: 'm' })
    })

    await session(database, same, (engine) => ask(engine))

    expect(provider.requests[0]?.headers.authorization).toBe(`Bearer ${canaries.key}`)
  })

  test.each([
    ['another passphrase', 'wrong horse'],
    ['other bytes', new Uint8Array(32)],
    ['none', undefined],
  ])('with %s a send is refused, and says what to do', async (_, encryptionKey) => {
    const { provider, database } = await storedKey()

    await session(database, encryptionKey, async (engine) => {
      const { id } = await engine.startConversation()
      const refusal = {
        code: 'key-unreadable',
        message: expect.stringMatching(/"online".*secrets\.encryptionKey.*put the endpoint again/),
      }
      await expect(engine.send(id, 'hello')).rejects.toMatchObject(refusal)
      await expect(engine.complete({ prompt: 'hello' })).rejects.toMatchObject(refusal)
      await expect(engine.listModels()).rejects.toMatchObject(refusal)
      expect(await engine.listMessages(id)).toEqual([])
      expect(await engine.getEndpoint('online')).toMatchObject({
        hasApiKey: true,
        headerNames: ['X-Tenant'],
      })
    })
    expect(provider.socketsOpened).toBe(0)
  })

  test('a key that cannot be read is kept for an engine that can', async () => {
    const { provider, database } = await storedKey()

    await session(database, undefined, (engine) =>
      engine.putEndpoint('online', { url: provider.url, model: 'another' }),
    )
    const endpoint = await session(database, PASSPHRASE, async (engine) => {
      await ask(engine)
      return engine.getEndpoint('online')
    })

    expect(endpoint).toMatchObject({ hasApiKey: true, headerNames: ['X-Tenant'] })
    expect(provider.requests[0]?.headers).toMatchObject({
      authorization: `Bearer ${canaries.key}`,
      'x-tenant': canaries.header,
    })
    expect(provider.requests[0]?.body.model).toBe('another')
  })

  test('a key that cannot be read gives way to one that is put again', async () => {
    const { provider, database } = await storedKey()

    await session(database, 'wrong horse', async (engine) => {
      await engine.putEndpoint('online', { url: provider.url, apiKey: 'sk-new', model: 'm' })
      await ask(engine)
    })

    expect(provider.requests[0]?.headers.authorization).toBe('Bearer sk-new')
  })

  test('a key that cannot be read does not follow its endpoint to another origin', async () => {
    const { database } = await storedKey()
    const elsewhere = await testProvider()

    await session(database, undefined, (engine) =>
      engine.putEndpoint('online', { url: elsewhere.url, model: 'm' }),
    )
    await session(database, PASSPHRASE, (engine) => ask(engine))

    expect(elsewhere.requests[0]?.headers).not.toHaveProperty('authorization')
    expect(elsewhere.requests[0]?.headers).not.toHaveProperty('x-tenant')
  })
})

describe('a database that was tampered with', () => {
  test('ciphertext with any byte changed is refused', async () => {
    const { provider, database } = await storedKey()
    const bytes = Buffer.from(sealedSecrets(database).slice('v1.'.length), 'base64')
    const { id } = await session(database, PASSPHRASE, (engine) => engine.startConversation())

    // A byte of the nonce, of the tag, and of the text, and the last byte.
    for (const at of [0, 12, 28, bytes.length - 1]) {
      const changed = Buffer.from(bytes)
      changed[at] = (changed[at] as number) ^ 1
      foreignWriter(database).run(
        'update endpoint set sealed_secrets = ?',
        `v1.${changed.toString('base64')}`,
      )
      await session(database, PASSPHRASE, (engine) =>
        expect(engine.send(id, 'hello')).rejects.toMatchObject({ code: 'key-unreadable' }),
      )
    }
    expect(provider.socketsOpened).toBe(0)
  })

  test.each(['', 'v1', 'v1.', 'v1.AAAA', 'v2.AAAA', 'sk-plain', '{"apiKey":"sk-plain"}'])(
    'something else in the place of ciphertext is refused: %j',
    async (text) => {
      const { database } = await storedKey(new Uint8Array(32).fill(7))
      foreignWriter(database).run('update endpoint set sealed_secrets = ?', text)

      await session(database, new Uint8Array(32).fill(7), (engine) =>
        expect(engine.complete({ prompt: 'hello' })).rejects.toMatchObject({
          code: 'key-unreadable',
        }),
      )
    },
  )

  const COLUMNS = 'name, url, origin, dialect, model, local, header_names, sealed_secrets'
  test.each([
    [
      'to another name',
      `insert into endpoint (${COLUMNS})
        select 'thief', url, origin, dialect, model, local, header_names, sealed_secrets from endpoint`,
    ],
    [
      'to another address',
      `insert into endpoint (${COLUMNS})
        select 'thief', ?, ?, dialect, model, local, header_names, sealed_secrets from endpoint`,
    ],
  ])('a sealed key copied %s cannot be used', async (_, sql) => {
    const { provider, database } = await storedKey()
    const thief = await testProvider()
    const values = sql.includes('?') ? [thief.url, thief.origin] : []
    foreignWriter(database).run(sql, ...values)

    await session(database, PASSPHRASE, (engine) =>
      expect(ask(engine, 'thief')).rejects.toMatchObject({ code: 'key-unreadable' }),
    )

    expect([provider.socketsOpened, thief.socketsOpened]).toEqual([0, 0])
  })

  test.each([
    ['url', ['url']],
    ['url and origin', ['url', 'origin']],
  ] as const)(
    'an endpoint whose %s was changed does not take its key along',
    async (_, columns) => {
      const { database } = await storedKey()
      const thief = await testProvider()
      for (const column of columns) {
        foreignWriter(database).run(`update endpoint set ${column} = ?`, thief[column])
      }

      await session(database, PASSPHRASE, (engine) =>
        expect(ask(engine)).rejects.toMatchObject({ code: 'key-unreadable' }),
      )

      expect(thief.socketsOpened).toBe(0)
    },
  )
})

describe('without an encryption key', () => {
  test('a key is held in memory only: used, never on disk, and gone after a restart', async () => {
    const provider = await testProvider()
    const database = await testDatabase()
    await session(database, undefined, async (engine) => {
      await engine.putEndpoint('online', {
        url: provider.url,
        apiKey: canaries.key,
        headers: { 'X-Tenant': canaries.header },
        model: 'm',
      })
      await ask(engine)
      expect(canariesIn(bytesOnDisk(database))).toEqual([])
    })
    expect(canariesIn(bytesOnDisk(database))).toEqual([])

    await session(database, undefined, async (engine) => {
      expect(await engine.getEndpoint('online')).toMatchObject({
        url: provider.url,
        hasApiKey: false,
        headerNames: [],
      })
      await ask(engine)
    })

    const [before, after] = provider.requests
    expect(before?.headers).toMatchObject({
      authorization: `Bearer ${canaries.key}`,
      'x-tenant': canaries.header,
    })
    expect(after?.headers).not.toHaveProperty('authorization')
    expect(after?.headers).not.toHaveProperty('x-tenant')
  })

  test('a key that is put again takes the place of a sealed one on disk', async () => {
    const { provider, database } = await storedKey()

    await session(database, undefined, (engine) =>
      engine.putEndpoint('online', { url: provider.url, apiKey: 'sk-memory', model: 'm' }),
    )

    expect(sealedSecrets(database)).toBeNull()
  })
})

test.each([
  ['31 bytes', new Uint8Array(31)],
  ['no bytes', new Uint8Array()],
  ['an empty passphrase', ''],
  ['a number', 5 as never],
])('an encryption key of %s is refused', async (_, encryptionKey) => {
  await expect(testEngine({ secrets: { encryptionKey } })).rejects.toMatchObject({
    code: 'invalid-option',
    message: expect.stringContaining('secrets.encryptionKey'),
  })
})

function sealedSecrets(database: string): string {
  const db = new Database(database)
  try {
    return db.prepare('select sealed_secrets from endpoint').pluck().get() as string
  } finally {
    db.close()
  }
}
