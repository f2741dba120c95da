/** Whether an engine can write, as a health route asks it. */
import { rename, rm } from 'node:fs/promises'
import Database from 'better-sqlite3'
import { expect, onTestFinished, test } from 'vitest'
import { testChat, testDatabase, testEngine } from '../support/engine.ts'
import { foreignWriter } from '../support/foreign-writer.ts'

const WELL = { ok: true, hasLock: true, canWrite: true, queuedWrites: 0 }

test.each(['memory', 'file'])(
  'an engine on a %s is well, and checking leaves nothing',
  async (on) => {
    const database = on === 'memory' ? ':memory:' : await testDatabase()
    const { engine, provider, conversation } = await testChat({ database })
    const before = [await engine.listConversations(), await engine.getSettings()]

    expect(await engine.checkHealth()).toEqual(WELL)
    await (
      await engine.send(conversation.id, 'hello')
    ).reply
    expect(await engine.checkHealth()).toEqual(WELL)

    expect(provider.requests).toHaveLength(1)
    expect(await engine.getSettings()).toEqual(before[1])
    if (on === 'memory') return
    await engine.close()
    const file = new Database(database)
    const settings = file.prepare("select count(*) from setting where name = 'write-probe'").pluck()
    expect(settings.get()).toBe(0)
    file.close()
  },
)

test('a check commits a change, which a full disk would refuse', async () => {
  const database = await testDatabase()
  const engine = await testEngine({ database })
  const file = new Database(database)
  onTestFinished(() => void file.close())
  const version = () => file.pragma('data_version', { simple: true })
  const before = version()

  await engine.checkHealth()

  expect(version()).not.toBe(before)
})

test('a database that another program has locked cannot be written, and can later', async () => {
  const database = await testDatabase()
  const engine = await testEngine({ database })
  const foreign = foreignWriter(database)
  foreign.lock()

  expect(await engine.checkHealth()).toMatchObject({
    ok: false,
    hasLock: true,
    canWrite: false,
    error: { code: 'database-busy' },
  })

  foreign.unlock()
  expect(await engine.checkHealth()).toEqual(WELL)
})

test('writes that wait are counted, and concurrent checks share one write', async () => {
  const database = await testDatabase()
  const engine = await testEngine({ database })
  const foreign = foreignWriter(database)
  foreign.lock()
  const waiting = Array.from({ length: 5 }, () => engine.startConversation())

  const checks = await Promise.all(Array.from({ length: 100 }, () => engine.checkHealth()))

  for (const check of checks) expect(check).toEqual(checks[0])
  expect(checks[0]?.queuedWrites).toBe(5)
  foreign.unlock()
  expect(await Promise.all(waiting)).toHaveLength(5)
})

test.skipIf(process.platform === 'win32')('a file that is gone is told by its code', async () => {
  const database = await testDatabase()
  const engine = await testEngine({ database })
  await rename(database, `${database}.moved`)

  expect(await engine.checkHealth()).toMatchObject({
    ok: false,
    canWrite: false,
    error: { code: 'database-gone' },
  })

  await rename(`${database}.moved`, database)
  expect(await engine.checkHealth()).toEqual(WELL)
})

test.skipIf(process.platform === 'win32')('a lock that was deleted is told', async () => {
  const database = await testDatabase()
  const engine = await testEngine({ database })
  await rm(`${database}.lock`)

  expect(await engine.checkHealth()).toMatchObject({
    ok: false,
    hasLock: false,
    canWrite: true,
    error: { code: 'database-gone', message: expect.stringContaining('lock file') },
  })

  const other = await testEngine({ database })
  expect(await engine.checkHealth()).toMatchObject({
    ok: false,
    canWrite: false,
    error: { code: 'database-taken' },
  })
  expect(await other.checkHealth()).toEqual(WELL)
})

test('a database that refuses the write is told by its code', async () => {
  const database = await testDatabase()
  const engine = await testEngine({ database })
  const foreign = foreignWriter(database)
  foreign.run("create trigger full before insert on setting begin select raise(abort, 'full'); end")

  expect(await engine.checkHealth()).toMatchObject({
    ok: false,
    canWrite: false,
    error: { code: 'database-failed' },
  })
})

test('an engine that is closed or only reads is not checked', async () => {
  const database = await testDatabase()
  const engine = await testEngine({ database })
  const viewer = await testEngine({ database, readOnly: true })
  await engine.close()

  await expect(engine.checkHealth()).rejects.toMatchObject({ code: 'engine-closed' })
  await expect(viewer.checkHealth()).rejects.toMatchObject({ code: 'read-only' })
})
