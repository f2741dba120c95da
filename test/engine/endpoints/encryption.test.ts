/** Keys at rest: sealed with the host's encryption key, or not on disk at all. */
import { randomBytes } from 'node:crypto'
import Database from 'better-sqlite3'
import { describe, expect, test } from 'vitest'
import { SecretBox } from '../../../src/engine/endpoints/secret-box.ts'
import { createEngine, type Engine } from '../../../src/index.ts'
import { canaries, canariesIn } from '../../support/canaries.ts'
import { bytesOnDisk } from '../../support/database-file.ts'
import { testDatabase, testEngine, testProvider } from '../../support/engine.ts'
import { foreignWriter } from '../../support/foreign-writer.ts'
import type { Provider } from '../../support/provider.ts'

const PASSPHRASE = 'correct horse battery staple'
/** Opens at once, unlike a passphrase. */
const BYTES = new Uint8Array(32).fill(9)

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
        isKeyReadable: false,
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

    await session(database, undefined, async (engine) => {
      await engine.putEndpoint('online', { url: provider.url, apiKey: 'sk-new', model: 'm' })
      await ask(engine)
    })

    expect(provider.requests[0]?.headers.authorization).toBe('Bearer sk-new')
  })

  test.each([
    ['a key', { apiKey: 'sk-new' }, ''],
    ['headers', { headers: { 'X-Other': 'a-secret-header' } }, ''],
    ['a secret in the url', {}, '?key=a-secret-query'],
  ])('%s cannot be put with another passphrase, and nothing changes', async (_, secret, query) => {
    const { provider, database } = await storedKey()

    await session(database, 'wrong horse', async (engine) => {
      for (const name of ['online', 'another']) {
        await expect(
          engine.putEndpoint(name, { url: provider.url + query, model: 'm', ...secret }),
        ).rejects.toMatchObject({
          code: 'key-unreadable',
          message: expect.stringMatching(/another secrets\.encryptionKey.*with that one/),
        })
      }
      expect(await engine.getEndpoint('another')).toBeUndefined()
      await engine.putEndpoint('free', { url: provider.url, model: 'm' })
      await ask(engine, 'free')
    })
    await session(database, PASSPHRASE, (engine) => ask(engine))

    expect(provider.requests.at(-1)?.headers.authorization).toBe(`Bearer ${canaries.key}`)
  })

  test('another passphrase is noticed when the engine is created', async () => {
    const { database } = await storedKey()

    expect(await warningsOf(database, 'wrong horse')).toEqual([
      expect.stringContaining('encrypted with another secrets.encryptionKey'),
    ])
    expect(await warningsOf(database, new Uint8Array(32))).toHaveLength(1)
    expect(await warningsOf(database, PASSPHRASE)).toEqual([])
  })

  test('the first key of a database without keys may be of another passphrase', async () => {
    const database = await testDatabase()
    const provider = await testProvider()
    const put = (engine: Engine) =>
      engine.putEndpoint('online', { url: provider.url, apiKey: canaries.key, model: 'm' })
    await session(database, 'first thought', async () => {})
    await session(database, PASSPHRASE, put)

    await session(database, PASSPHRASE, (engine) => ask(engine))

    expect(provider.requests[0]?.headers.authorization).toBe(`Bearer ${canaries.key}`)
    expect(await warningsOf(database, 'first thought')).toHaveLength(1)
  })

  test('a key that was sealed at the first cost of scrypt is read, and another passphrase noticed', async () => {
    const { provider, database } = await storedKey()
    const salt = randomBytes(16)
    const box = await SecretBox.ofPassphrase(PASSPHRASE, salt, 2 ** 14)
    const sealed = box.seal(
      JSON.stringify({ apiKey: 'sk-of-old', headers: {} }),
      JSON.stringify(['online', provider.origin]),
    )
    const foreign = foreignWriter(database)
    foreign.run("delete from setting where name like 'secret-%'")
    foreign.run(
      "insert into setting values ('secret-salt', ?)",
      JSON.stringify(salt.toString('base64')),
    )
    foreign.run(
      "update endpoint set options = null, header_names = '[]', sealed_secrets = ?",
      sealed,
    )
    foreign.close()

    expect(await warningsOf(database, 'wrong horse')).toHaveLength(1)
    await session(database, PASSPHRASE, async (engine) => {
      await ask(engine)
      await engine.putEndpoint('second', { url: provider.url, apiKey: 'sk-second', model: 'm' })
    })
    expect(await warningsOf(database, PASSPHRASE)).toEqual([])
    await session(database, PASSPHRASE, (engine) => ask(engine, 'second'))

    expect(provider.requests.map(({ headers }) => headers.authorization)).toEqual([
      'Bearer sk-of-old',
      'Bearer sk-second',
    ])
  })

  test('a new salt has a cost of 2 ** 17, and no other cost is taken from the file', async () => {
    const { database } = await storedKey()
    const cost = () =>
      JSON.parse(columnOf(database, "select value from setting where name = 'secret-derivation'"))
        .cost
    expect(cost()).toBe(2 ** 17)

    const foreign = foreignWriter(database)
    foreign.run(
      "update setting set value = json_set(value, '$.cost', 1073741824) where name = 'secret-derivation'",
    )
    foreign.close()
    await session(database, PASSPHRASE, (engine) =>
      expect(ask(engine)).rejects.toMatchObject({ code: 'key-unreadable' }),
    )
    expect(cost()).toBe(2 ** 17)
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

test('the encryption key is changed by putting the keys without one, and then with the new one', async () => {
  const { provider, database } = await storedKey()
  const put = (engine: Engine) =>
    engine.putEndpoint('online', { url: provider.url, apiKey: canaries.key, model: 'm' })
  const renewed = new Uint8Array(randomBytes(32))

  await session(database, undefined, put)
  await session(database, renewed, put)

  await session(database, renewed, (engine) => ask(engine))
  expect(provider.requests[0]?.headers.authorization).toBe(`Bearer ${canaries.key}`)
  const withOld = await session(database, PASSPHRASE, (engine) => engine.getEndpoint('online'))
  expect(withOld).toMatchObject({ hasApiKey: true, isKeyReadable: false })
})

test('every sealing of a key has a nonce of its own', () => {
  const box = new SecretBox(BYTES)
  // Sixteen characters of base64 are the twelve bytes of a nonce.
  const nonces = Array.from({ length: 200 }, () => {
    return box.seal(canaries.key, 'a purpose').slice('v1.'.length, 'v1.'.length + 16)
  })

  expect(new Set(nonces).size).toBe(200)
})

describe('a database that was tampered with', () => {
  test('ciphertext with any byte changed is refused', async () => {
    const { provider, database } = await storedKey(BYTES)
    const bytes = Buffer.from(sealedSecrets(database).slice('v1.'.length), 'base64')
    const { id } = await session(database, BYTES, (engine) => engine.startConversation())

    // A byte of the nonce, of the tag, and of the text, and the last byte.
    for (const at of [0, 12, 28, bytes.length - 1]) {
      const changed = Buffer.from(bytes)
      changed[at] = (changed[at] as number) ^ 1
      foreignWriter(database).run(
        'update endpoint set sealed_secrets = ?',
        `v1.${changed.toString('base64')}`,
      )
      await session(database, BYTES, (engine) =>
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

  const COLUMNS = 'name, url, dialect, model, local, header_names, sealed_secrets'
  test.each([
    [
      'to another name',
      `insert into endpoint (${COLUMNS})
        select 'thief', url, dialect, model, local, header_names, sealed_secrets from endpoint`,
    ],
    [
      'to another address',
      `insert into endpoint (${COLUMNS})
        select 'thief', ?, dialect, model, local, header_names, sealed_secrets from endpoint`,
    ],
  ])('a sealed key copied %s cannot be used', async (_, sql) => {
    const { provider, database } = await storedKey()
    const thief = await testProvider()
    const values = sql.includes('?') ? [thief.url] : []
    foreignWriter(database).run(sql, ...values)

    await session(database, PASSPHRASE, (engine) =>
      expect(ask(engine, 'thief')).rejects.toMatchObject({ code: 'key-unreadable' }),
    )

    expect([provider.socketsOpened, thief.socketsOpened]).toEqual([0, 0])
  })

  test('an endpoint whose url was changed does not take its key along', async () => {
    const { database } = await storedKey()
    const thief = await testProvider()
    foreignWriter(database).run('update endpoint set url = ?', thief.url)

    await session(database, PASSPHRASE, (engine) =>
      expect(ask(engine)).rejects.toMatchObject({ code: 'key-unreadable' }),
    )

    expect(thief.socketsOpened).toBe(0)
  })
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
        hasApiKey: true,
        isKeyReadable: false,
        headerNames: ['X-Tenant'],
      })
      await expect(ask(engine)).rejects.toMatchObject({
        code: 'key-unreadable',
        message: expect.stringMatching(
          /held in memory only.*Put the endpoint again with its apiKey and headers \(X-Tenant\)/,
        ),
      })
      await engine.putEndpoint('online', { url: provider.url, model: 'm' })
      await expect(ask(engine)).rejects.toMatchObject({ code: 'key-unreadable' })
      const record = await engine.putEndpoint('online', {
        url: provider.url,
        apiKey: 'sk-again',
        model: 'm',
      })
      expect(record).not.toHaveProperty('isKeyReadable')
      await ask(engine)
    })

    const [before, after] = provider.requests
    expect(provider.requests).toHaveLength(2)
    expect(before?.headers).toMatchObject({
      authorization: `Bearer ${canaries.key}`,
      'x-tenant': canaries.header,
    })
    expect(after?.headers).toMatchObject({ authorization: 'Bearer sk-again' })
    expect(after?.headers).not.toHaveProperty('x-tenant')
  })

  test.each([
    ['a key', { apiKey: 'sk-a' }, { apiKey: null }],
    ['headers', { headers: { 'X-Tenant': 'one' } }, { headers: null }],
    ['a function', { apiKey: () => 'sk-a' }, { apiKey: null }],
  ])(
    '%s that was held in memory is forgotten only when it is removed',
    async (_, held, removed) => {
      const provider = await testProvider()
      const database = await testDatabase()
      const options = { url: provider.url, model: 'm' }
      await session(database, undefined, (engine) =>
        engine.putEndpoint('online', { ...options, ...held }),
      )

      for (let start = 1; start <= 2; start += 1) {
        await session(database, undefined, async (engine) => {
          await engine.putEndpoint('online', options)
          await expect(ask(engine)).rejects.toMatchObject({ code: 'key-unreadable' })
        })
      }
      await session(database, undefined, async (engine) => {
        const record = await engine.putEndpoint('online', { ...options, ...removed })
        expect(record).toMatchObject({ hasApiKey: false, headerNames: [] })
      })
      await session(database, undefined, (engine) => ask(engine))

      expect(provider.requests).toHaveLength(1)
    },
  )

  test('new headers do not stand in for a key that was held in memory', async () => {
    const provider = await testProvider()
    const database = await testDatabase()
    const options = { url: provider.url, model: 'm' }
    await session(database, undefined, (engine) =>
      engine.putEndpoint('online', { ...options, apiKey: 'sk-a' }),
    )

    await session(database, PASSPHRASE, async (engine) => {
      await engine.putEndpoint('online', { ...options, headers: { 'X-Tenant': 'one' } })
      await expect(ask(engine)).rejects.toMatchObject({ code: 'key-unreadable' })
    })
    await session(database, PASSPHRASE, async (engine) => {
      await expect(ask(engine)).rejects.toMatchObject({
        message: expect.stringMatching(/held in memory.*its apiKey;/),
      })
      await engine.putEndpoint('online', { ...options, apiKey: 'sk-b' })
      await ask(engine)
    })

    expect(provider.requests[0]?.headers).toMatchObject({
      authorization: 'Bearer sk-b',
      'x-tenant': 'one',
    })
  })

  test('a sealed key is dropped with a warning, and kept without one', async () => {
    const { provider, database } = await storedKey()

    const kept = await warningsOf(database, undefined, (engine) =>
      engine.putEndpoint('online', { url: provider.url, model: 'm2' }),
    )
    const dropped = await warningsOf(database, undefined, (engine) =>
      engine.putEndpoint('online', { url: provider.url, apiKey: 'sk-memory', model: 'm' }),
    )

    expect(kept).toEqual([])
    expect(dropped).toEqual([expect.stringMatching(/"online" were dropped from the database/)])
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
  return columnOf(database, 'select sealed_secrets from endpoint')
}

function columnOf(database: string, sql: string): string {
  const db = new Database(database)
  try {
    return db.prepare(sql).pluck().get() as string
  } finally {
    db.close()
  }
}

/** What an engine on the file warns of while it opens and works. */
async function warningsOf(
  database: string,
  encryptionKey: string | Uint8Array | undefined,
  work: (engine: Engine) => Promise<unknown> = async () => {},
): Promise<readonly string[]> {
  const warnings: string[] = []
  const warn = (_: object, message: string) => void warnings.push(message)
  const logger = { debug() {}, info() {}, warn, error: warn }
  await using engine = await createEngine({ database, secrets: { encryptionKey }, logger })
  await work(engine)
  return warnings
}
