/** Recovery at the opening: turns that a dead process left are ended as `interrupted`. */
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { expect, onTestFinished, test } from 'vitest'
import type { SqlStore } from '../../../src/persistence/sql-store.ts'
import { openSqliteStore } from '../../../src/persistence/sqlite/store.ts'
import type { UnplacedDelta } from '../../../src/protocol/delta.ts'
import type { Logger } from '../../../src/protocol/logger.ts'
import { accept, conversation, end, sqliteOptions, START } from '../records.ts'
import { connect } from '../sqlite-files.ts'
import { temporaryFolder } from '../temporary-folder.ts'

async function open(file: string, logger?: Logger): Promise<SqlStore> {
  const store = await openSqliteStore(sqliteOptions(file, { logger }))
  onTestFinished(() => store.close())
  return store
}

/** A file whose writer died with that many turns running, one in each conversation. */
async function fileWithRunningTurns(count: number): Promise<string> {
  const file = join(await temporaryFolder(), 'chat.db')
  const store = await openSqliteStore(sqliteOptions(file))
  await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      await store.createConversation(conversation(`c${index}`))
      await store.acceptTurn(accept(`c${index}`, `t${index}`))
    }),
  )
  await store.close()
  return file
}

test('ends what a writer before left running as interrupted, with a reply', async () => {
  const store = await open(await fileWithRunningTurns(1))

  expect(await store.getTurn('t0')).toEqual({
    id: 't0',
    conversationId: 'c0',
    status: 'interrupted',
    inputMessageId: 'input-t0',
    replyId: 'reply-t0',
    endpoint: 'online',
    model: 'm',
    attempts: 0,
    error: { code: 'interrupted', message: expect.stringContaining('engine.retry()') },
    startedAt: new Date(START + 1),
    endedAt: new Date(START),
  })
  expect(await store.replyOf('t0')).toMatchObject({
    id: 'reply-t0',
    conversationId: 'c0',
    turnId: 't0',
    position: 2,
    role: 'assistant',
    parts: [],
    text: '',
    status: 'interrupted',
  })
})

test('leaves the conversation ready for the next turn', async () => {
  const store = await open(await fileWithRunningTurns(1))

  const { input } = await store.acceptTurn(accept('c0', 'next'))
  const { message } = await store.endTurn(end('c0', 'next'))

  expect([input.position, message?.position]).toEqual([3, 4])
})

test('keeps the thread: every message follows the one before', async () => {
  const file = await fileWithRunningTurns(1)
  const store = await openSqliteStore(sqliteOptions(file))
  await store.acceptTurn(accept('c0', 'next'))
  await store.endTurn(end('c0', 'next'))
  await store.close()

  const database = new Database(file)
  onTestFinished(() => {
    database.close()
  })
  const rows = database
    .prepare<[], { id: string; parent_id: string | null }>(
      'select id, parent_id from message order by position',
    )
    .all()
  const head = database.prepare('select head_message_id from conversation').pluck().get()

  expect(rows.map(({ parent_id: parent }) => parent)).toEqual([
    null,
    ...rows.slice(0, -1).map(({ id }) => id),
  ])
  expect(head).toBe(rows.at(-1)?.id)
})

test('touches neither ended turns nor the order of conversations', async () => {
  const file = join(await temporaryFolder(), 'chat.db')
  const before = await openSqliteStore(sqliteOptions(file))
  for (const id of ['ended', 'running']) {
    await before.createConversation(conversation(id))
    await before.acceptTurn(accept(id, `t-${id}`))
  }
  const { turn } = await before.endTurn(end('ended', 't-ended', { at: new Date(START + 9) }))
  await before.close()

  const store = await open(file)

  expect(await store.getTurn('t-ended')).toEqual(turn)
  expect(await store.listMessages('ended')).toHaveLength(2)
  expect((await store.listConversations({})).map(({ id }) => id)).toEqual(['ended', 'running'])
})

test('ends a turn once, however often the database is opened', async () => {
  const file = await fileWithRunningTurns(1)
  const first = await open(file)
  const messages = await first.listMessages('c0')
  await first.close()

  const second = await open(file)

  expect(await second.listMessages('c0')).toEqual(messages)
  expect(second.epoch).toBe(3)
})

test('opens a database in which one conversation has several running turns', async () => {
  const file = join(await temporaryFolder(), 'chat.db')
  const before = await openSqliteStore(sqliteOptions(file))
  await before.createConversation(conversation('c'))
  for (const turnId of ['t1', 't2', 't3']) await before.acceptTurn(accept('c', turnId))
  await before.close()

  const store = await open(file)

  const lines = async (through?: string) => {
    const messages = await store.listMessages('c', { through })
    return messages?.map(({ turnId, role }) => `${turnId} ${role}`)
  }
  expect(await lines()).toEqual(['t1 user', 't2 user', 't3 user', 't3 assistant'])
  expect(await lines('reply-t2')).toEqual(['t1 user', 't2 user', 't2 assistant'])
  expect(await lines('reply-t1')).toEqual(['t1 user', 't1 assistant'])
})

test('opens a database in which a running turn has its reply already', async () => {
  const file = join(await temporaryFolder(), 'chat.db')
  const before = await openSqliteStore(sqliteOptions(file))
  await before.createConversation(conversation('c'))
  await before.acceptTurn(accept('c', 't'))
  const { message } = await before.endTurn(end('c', 't'))
  await before.close()
  connect(file).exec("update turn set status = 'streaming'")

  const store = await open(file)

  expect(await store.getTurn('t')).toMatchObject({ status: 'interrupted' })
  expect(await store.replyOf('t')).toEqual(message)
})

test.each([
  ['no id for its reply', 'null'],
  ['an id for its reply that another message has', "'input-t1'"],
])('opens a database in which a running turn has %s', async (_, id) => {
  const file = await fileWithRunningTurns(2)
  connect(file).exec(`update turn set reply_id = ${id} where id = 't0'`)

  const store = await open(file)

  expect(await store.replyOf('t1')).toMatchObject({ id: 'reply-t1', status: 'interrupted' })
  const reply = await store.replyOf('t0')
  expect(reply?.id).toBe(id === 'null' ? (await store.getTurn('t0'))?.replyId : undefined)
  await store.acceptTurn(accept('c0', 'next'))
  await store.endTurn(end('c0', 'next'))
})

test('keeps what was checkpointed of a reply: all kinds of parts, and half a tool call', async () => {
  const file = await fileWithRunningTurns(2)
  const before = await openSqliteStore(sqliteOptions(file))
  await before.acceptTurn(accept('c0', 'running'))
  const checkpoint = (n: number, ...pieces: UnplacedDelta[][]) =>
    before.checkpoint({ turnId: 'running', attempts: 1, n, pieces })
  const call = { type: 'tool-call', toolCallId: 'call', toolName: 'look' } as const
  await checkpoint(1, [
    { type: 'reasoning', text: 'H' },
    { type: 'reasoning', text: 'm', providerData: { signature: 'ab' } },
    { type: 'text', text: 'Once \ud83d' },
  ])
  await checkpoint(
    2,
    [{ type: 'text', text: '\ude00\0' }],
    [{ ...call, inputText: '{"at":' }],
    [{ ...call, inputText: '"the s' }],
  )
  await before.close()

  const store = await open(file)

  expect(await store.replyOf('running')).toMatchObject({
    status: 'interrupted',
    text: 'Once \ud83d\ude00\0',
    parts: [
      { type: 'reasoning', text: 'Hm', providerData: { signature: 'ab' } },
      { type: 'text', text: 'Once \ud83d\ude00\0' },
      { ...call, inputText: '{"at":"the s' },
    ],
  })
  const turn = await store.getTurn('running')
  expect(turn).toMatchObject({ status: 'interrupted', attempts: 1 })
  expect(turn).not.toHaveProperty('usage')
  expect(connect(file).prepare('select count(*) from checkpoint').pluck().get()).toBe(0)
})

const text = (added: string) => JSON.stringify([{ type: 'text', text: added }])

test.for<[string, readonly (readonly [n: number, parts: string | Uint8Array])[], string]>([
  [
    'is cut off',
    [
      [1, text('Once')],
      [2, text(' upon').slice(0, -4)],
      [3, text(' a')],
    ],
    'Once',
  ],
  [
    'is missing',
    [
      [1, text('Once')],
      [3, text(' a')],
    ],
    'Once',
  ],
  ['begins too late', [[2, text('Once')]], ''],
  [
    'is no list',
    [
      [1, text('Once')],
      [2, '{"type":"text","text":" upon"}'],
    ],
    'Once',
  ],
  ['is nothing at all', [[1, '']], ''],
  [
    'is null',
    [
      [1, text('Once')],
      [2, 'null'],
    ],
    'Once',
  ],
  [
    'is nested without end',
    [
      [1, text('Once')],
      [2, '['.repeat(200_000)],
    ],
    'Once',
  ],
  [
    'holds something nested',
    [[1, `[{"type":"text","text":"","providerData":${'['.repeat(50_000)}${']'.repeat(50_000)}}]`]],
    '',
  ],
  [
    'is binary',
    [
      [1, text('Once')],
      [2, Uint8Array.of(0, 255, 0)],
    ],
    'Once',
  ],
  [
    'holds no delta',
    [
      [1, '[{"type":"text","text":"Once"},{"type":"text","text":1},{"type":"text","text":" a"}]'],
      [2, text(' time')],
    ],
    'Once',
  ],
  ['holds an unknown kind', [[1, '[{"type":"text","text":"Once"},{"type":"__proto__"}]']], 'Once'],
  [
    'holds half a call',
    [[1, '[{"type":"text","text":"Once"},{"type":"tool-call","toolCallId":"c"}]']],
    'Once',
  ],
])('opens where a checkpoint %s, and keeps what is before it', async ([, rows, expected]) => {
  const file = await fileWithRunningTurns(2)
  const database = connect(file)
  const insert = database.prepare('insert into checkpoint (turn_id, n, parts) values (?, ?, ?)')
  for (const [n, parts] of rows) insert.run('t0', n, parts)
  insert.run('t1', 1, text('unharmed'))

  const store = await open(file)

  expect(await store.replyOf('t0')).toMatchObject({ status: 'interrupted', text: expected })
  expect(await store.replyOf('t1')).toMatchObject({ status: 'interrupted', text: 'unharmed' })
})

test.each([
  ['separate', 2],
  ['opens', 2],
  ['unknown', 1],
])('reasoning that a checkpoint marks as %s is %i parts', async (mark, parts) => {
  const file = await fileWithRunningTurns(1)
  const database = connect(file)
  const thought = (said: string) => ({ type: 'reasoning', text: said, [mark]: true })
  const row = JSON.stringify([thought('a'), thought('b'), { type: 'reasoning', text: 'c' }])
  database.prepare('insert into checkpoint (turn_id, n, parts) values (?, 1, ?)').run('t0', row)

  const store = await open(file)

  const expected = parts === 2 ? ['a', 'bc'] : ['abc']
  expect((await store.replyOf('t0'))?.parts).toEqual(
    expected.map((said) => ({ type: 'reasoning', text: said })),
  )
})

test('ends a thousand turns in one transaction, within half a second', async () => {
  const file = await fileWithRunningTurns(1_000)
  const database = connect(file)
  const insert = database.prepare('insert into checkpoint (turn_id, n, parts) values (?, ?, ?)')
  database.transaction(() => {
    for (let index = 0; index < 1_000; index += 1) {
      for (let n = 1; n <= 10; n += 1)
        insert.run(`t${index}`, n, text(`${n}${' words'.repeat(50)}`))
    }
  })()
  const logged: object[] = []
  const log = (details: object) => void logged.push(details)

  // CPU time of this process: other work on the machine does not count.
  const before = process.cpuUsage()
  const store = await open(file, { debug: log, info: log, warn: log, error: log })
  const { user, system } = process.cpuUsage(before)
  const tookMs = (user + system) / 1_000

  expect(tookMs).toBeLessThan(500)
  expect(store.transactions).toBe(1)
  expect(logged).toEqual([{ interrupted: 1_000 }])
  for (const index of [0, 500, 999]) {
    expect(await store.lastTurn(`c${index}`)).toMatchObject({ status: 'interrupted' })
    const messages = await store.listMessages(`c${index}`)
    expect(messages?.map((message) => message.text.length)).toEqual([
      `question t${index}`.length,
      10 * 301 + 1,
    ])
  }
  process.stdout.write(`1,000 turns of 3,000 characters were ended in ${Math.round(tookMs)} ms\n`)
})
