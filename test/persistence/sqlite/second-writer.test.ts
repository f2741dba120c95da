/** The guarantees while another process writes to the same file, with or without the lock. */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { expect, onTestFinished, test } from 'vitest'
import { MIGRATION_TABLE } from '../../../src/persistence/schema/migrate.ts'
import { MIGRATIONS } from '../../../src/persistence/schema/migrations/migrations.ts'
import { openUnguarded } from '../../../src/persistence/sqlite/store.ts'
import type { StoredEndpoint } from '../../../src/persistence/ports/endpoint-store.ts'
import { startChild } from '../child.ts'
import { accept, conversation, end, sqliteOptions } from '../records.ts'
import { connect, fileWithTurn, newFile, open } from '../sqlite-files.ts'

test('a foreign lock of two seconds delays writes, and never the event loop', async () => {
  const file = await newFile()
  const store = await open(file)
  await store.createConversation(conversation('c'))
  await store.acceptTurn(accept('c', 't'))
  await startChild('hold-write-lock', file, '2000')

  const delay = monitorEventLoopDelay({ resolution: 5 })
  delay.enable()
  const startedAt = performance.now()
  const accepted = store.acceptTurn(accept('c', 't2'))
  await expect(store.endTurn(end('c', 't'))).rejects.toMatchObject({ code: 'database-busy' })
  const gaveUpAfter = performance.now() - startedAt
  expect(await store.listMessages('c')).toHaveLength(1)
  await accepted
  const tookMs = performance.now() - startedAt
  delay.disable()

  expect(gaveUpAfter).toBeGreaterThanOrEqual(500)
  expect(gaveUpAfter).toBeLessThan(1_900)
  expect(tookMs).toBeGreaterThan(1_500)
  // Waiting inside SQLite would block the loop for two seconds. The bound allows for a busy
  // machine.
  expect(delay.max / 1e6).toBeLessThan(500)
  expect(await store.endTurn(end('c', 't'))).toMatchObject({ written: true })
})

test('opens as soon as a foreign process has finished its write', async () => {
  const file = await fileWithTurn()
  await startChild('hold-write-lock', file, '300')

  const store = await open(file)

  expect(store.epoch).toBe(2)
})

test('two processes that migrate at once migrate once', async () => {
  const file = await newFile()
  const children = await Promise.all(
    Array.from({ length: 3 }, () => startChild('open-unguarded', file)),
  )

  const epochs = await Promise.all(
    children.map(
      ({ child }) =>
        new Promise<number>((resolve) => {
          child.once('message', resolve)
          child.send('open')
        }),
    ),
  )

  expect(epochs.toSorted((a, b) => a - b)).toEqual([1, 2, 3])
  const migrated = connect(file).prepare(`select count(*) from ${MIGRATION_TABLE}`).pluck().get()
  expect(migrated).toBe(MIGRATIONS.length)
})

test('a writer that lost its turn to a later one changes nothing', async () => {
  const file = await newFile()
  const early = await openUnguarded(sqliteOptions(file))
  onTestFinished(() => early.close())
  await early.createConversation(conversation('c'))
  await early.acceptTurn(accept('c', 't'))

  const late = await openUnguarded(sqliteOptions(file))
  onTestFinished(() => late.close())
  const ended = await early.endTurn(end('c', 't'))

  expect([early.epoch, late.epoch]).toEqual([1, 2])
  expect(ended).toMatchObject({
    written: false,
    turn: { status: 'interrupted' },
    message: { status: 'interrupted', text: '' },
  })
  expect(await late.replyOf('t')).toEqual(ended.message)
  expect(await late.listMessages('c')).toHaveLength(2)
})

test('a writer cannot end the turn of another epoch, even one that still runs', async () => {
  const file = await newFile()
  const early = await openUnguarded(sqliteOptions(file))
  onTestFinished(() => early.close())
  const late = await openUnguarded(sqliteOptions(file))
  onTestFinished(() => late.close())
  await late.createConversation(conversation('c'))
  await late.acceptTurn(accept('c', 't'))

  const checkpoint = {
    turnId: 't',
    attempts: 1,
    pieces: [[{ type: 'text', text: 'Once' }]],
  } as const
  expect(await early.checkpoint({ ...checkpoint, n: 1 })).toBe(false)
  expect(await early.endTurn(end('c', 't'))).toMatchObject({
    written: false,
    turn: { status: 'pending' },
  })
  expect(await late.checkpoint({ ...checkpoint, n: 1 })).toBe(true)
  expect(await early.checkpoint({ ...checkpoint, n: 2 })).toBe(false)
  expect(await late.endTurn(end('c', 't', { hasCheckpoints: true }))).toMatchObject({
    written: true,
  })
})

test('a writer that lost the database is refused whatever it writes', async () => {
  const file = await newFile()
  const early = await openUnguarded(sqliteOptions(file))
  onTestFinished(() => early.close())
  await early.createConversation(conversation('c'))
  const late = await openUnguarded(sqliteOptions(file))
  onTestFinished(() => late.close())
  const taken = { code: 'database-taken', message: expect.stringContaining('Close this engine') }

  const writes = [
    () => early.acceptTurn(accept('c', 't')),
    () => early.createConversation(conversation('d')),
    () => early.updateConversation('c', { title: 'x' }, new Date()),
    () => early.titleConversation('c', 'x'),
    () => early.deleteConversation('c', new Date()),
    () => early.putSetting('airplane-mode', true),
    () => early.putEndpoint(ENDPOINT),
  ]
  for (const write of writes) await expect(write()).rejects.toMatchObject(taken)

  expect(await late.listConversations({})).toMatchObject([{ id: 'c' }])
  expect(await late.getConversation('c')).not.toHaveProperty('title')
  expect(await late.listMessages('c')).toEqual([])
  expect(await late.listTurns('c')).toEqual([])
  expect(await late.listEndpoints()).toEqual([])
  expect(await late.listSettings()).toEqual(new Map())
  await late.acceptTurn(accept('c', 't'))
  expect(await late.endTurn(end('c', 't'))).toMatchObject({ written: true })
})

const ENDPOINT: StoredEndpoint = {
  name: 'online',
  url: 'http://127.0.0.1:1/v1',
  dialect: 'chat-completions',
  local: false,
  headerNames: [],
}
