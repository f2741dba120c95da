/** The checkpoints of a live reply on disk, and the transactions that write them. */
import Database from 'better-sqlite3'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { SqlStore } from '../../../src/persistence/sql-store.ts'
import { openUnguarded } from '../../../src/persistence/sqlite/store.ts'
import type { TurnCheckpoint } from '../../../src/persistence/ports/turn-store.ts'
import { accept, conversation, end, sqliteOptions } from '../records.ts'
import { connect, newFile, open } from '../sqlite-files.ts'

/** A store with a running turn, and a second connection that reads its checkpoints. */
async function runningTurn() {
  const file = await newFile()
  const store = await open(file)
  await store.createConversation(conversation('c'))
  await store.acceptTurn(accept('c', 't'))
  const database = connect(file)
  const rows = () =>
    database
      .prepare<[], { n: number; parts: string }>('select n, parts from checkpoint order by n')
      .all()
      .map(({ n, parts }) => `${n} ${parts}`)
  return { file, store, database, rows }
}

function checkpoint(n: number, ...texts: readonly string[]): TurnCheckpoint {
  return {
    turnId: 't',
    attempts: 2,
    n,
    pieces: texts.map((text) => [{ type: 'text', text }]),
  }
}

const piece = (n: number, text: string) => `${n} ${JSON.stringify([{ type: 'text', text }])}`

test('pieces are appended, and go with the end of their turn', async () => {
  const { store, rows } = await runningTurn()

  expect(await store.checkpoint(checkpoint(1, 'Once'))).toBe(true)
  expect(rows()).toEqual([piece(1, 'Once')])
  expect(await store.checkpoint(checkpoint(2, ' upon', ' a'))).toBe(true)
  expect(rows()).toEqual([piece(1, 'Once'), piece(2, ' upon'), piece(3, ' a')])

  await store.endTurn(end('c', 't', { hasCheckpoints: true }))
  expect(rows()).toEqual([])
})

test('the first piece says that the turn streams, and after how many attempts', async () => {
  const { store } = await runningTurn()

  await store.checkpoint(checkpoint(1, 'Once'))

  expect(await store.getTurn('t')).toMatchObject({ status: 'streaming', attempts: 2 })
})

test('the first piece says what earlier attempts came to and who answers, also after a kill', async () => {
  const { file, store } = await runningTurn()
  const failed = {
    endpoint: 'online',
    model: 'm',
    error: { code: 'overloaded', message: 'Too much.', status: 529 },
    startedAt: new Date(1),
    endedAt: new Date(2),
  } as const
  await store.checkpoint({
    ...checkpoint(1, 'Once'),
    failedAttempts: [failed],
    fallbackAsked: { endpoint: 'spare', model: 'other' },
  })
  const record = { endpoint: 'spare', model: 'other', attempts: 2, failedAttempts: [failed] }

  expect(await store.getTurn('t')).toMatchObject({ status: 'streaming', ...record })
  await store.close()
  const later = await open(file)
  expect(await later.getTurn('t')).toMatchObject({ status: 'interrupted', ...record })
})

test.for([1, 2])('nothing is written once the turn has ended (piece %i)', async (n) => {
  const { store, rows } = await runningTurn()
  const { turn } = await store.endTurn(end('c', 't'))

  expect(await store.checkpoint(checkpoint(n, 'late'))).toBe(false)

  expect(rows()).toEqual([])
  expect(await store.getTurn('t')).toEqual(turn)
})

test('a piece that waits when the turn ends changes nothing', async () => {
  const { store, rows } = await runningTurn()

  const late = store.checkpoint(checkpoint(1, 'late'))
  const ended = store.endTurn(end('c', 't', { hasCheckpoints: true }))

  expect([await late, (await ended).written]).toEqual([false, true])
  expect(rows()).toEqual([])
})

test('a writer whose turn was taken over writes no more of it', async () => {
  const { file, store, rows } = await runningTurn()
  await store.checkpoint(checkpoint(1, 'Once'))
  const later = await openUnguarded(sqliteOptions(file))
  onTestFinished(() => later.close())

  expect(await store.checkpoint(checkpoint(2, ' upon'))).toBe(false)
  expect(rows()).toEqual([])
  expect(await later.replyOf('t')).toMatchObject({ status: 'interrupted', text: 'Once' })
})

test('a picture in a checkpoint is kept after a kill, unless the row was damaged', async () => {
  const picture = {
    type: 'file',
    mediaType: 'image/png',
    url: 'data:image/png;base64,AAAA',
  } as const
  const { file, store, database } = await runningTurn()
  await store.checkpoint({
    ...checkpoint(1, 'Once'),
    pieces: [[{ type: 'text', text: 'Here' }, picture], [picture]],
  })
  database.exec(`update checkpoint set parts = replace(parts, '"url"', '"other"') where n = 2`)
  const later = await openUnguarded(sqliteOptions(file))
  onTestFinished(() => later.close())

  expect(await later.replyOf('t')).toMatchObject({
    status: 'interrupted',
    parts: [{ type: 'text', text: 'Here' }, picture],
  })
})

/** The sync of each transaction from this call on, and whether it wrote checkpoints. */
function syncsOf(store: SqlStore) {
  const log: string[] = []
  const pragma = vi.spyOn(Database.prototype, 'pragma')
  onTestFinished(() => pragma.mockRestore())
  let seen = 0
  return async (what: string, write: () => Promise<unknown>) => {
    const before = store.transactions
    await write()
    const said = pragma.mock.calls.slice(seen).map(([sql]) => sql)
    seen = pragma.mock.calls.length
    log.push(`${what}: ${store.transactions - before} ${said.join(', ')}`.trim())
    return log
  }
}

test('checkpoints are not synced one by one, and everything else is', async () => {
  const { store } = await runningTurn()
  const sync = syncsOf(store)

  await sync('checkpoint', () => store.checkpoint(checkpoint(1, 'Once')))
  const log = await sync('end', () => store.endTurn(end('c', 't', { hasCheckpoints: true })))

  expect(log).toEqual(['checkpoint: 1 synchronous = normal, synchronous = full', 'end: 1'])
})

test('syncing is as it was after a checkpoint that failed', async () => {
  const { store, database } = await runningTurn()
  database.exec(
    "create trigger refuse before insert on checkpoint begin select raise(abort, 'no'); end",
  )
  const sync = syncsOf(store)

  const log = await sync('checkpoint', () =>
    expect(store.checkpoint(checkpoint(1, 'Once'))).rejects.toMatchObject({
      code: 'database-failed',
    }),
  )

  expect(log).toEqual(['checkpoint: 0 synchronous = normal, synchronous = full'])
})

test('a write that comes when checkpoints wait goes first, in a transaction of its own', async () => {
  const { store } = await runningTurn()
  const before = store.transactions
  const order: string[] = []

  await Promise.all([
    store.checkpoint(checkpoint(1, 'Once')).then(() => order.push('checkpoint')),
    store.createConversation(conversation('d')).then(() => order.push('conversation')),
    store.acceptTurn(accept('c', 't2')).then(() => order.push('input')),
  ])

  expect(order).toEqual(['conversation', 'input', 'checkpoint'])
  expect(store.transactions - before).toBe(2)
})
