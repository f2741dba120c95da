/** Files of earlier schemas, made by their own migrations: nothing in them is lost or changed. */
import type Database from 'better-sqlite3'
import { expect, test } from 'vitest'
import type { ConversationEvent, Turn } from '../../../src/index.ts'
import { MIGRATIONS } from '../../../src/persistence/schema/migrations/migrations.ts'
import { testEngine, testProvider } from '../../support/engine.ts'
import { nextEvent, outcomeOf } from '../../support/waiting.ts'
import { calling, done } from '../../engine/tools/tool-chat.ts'
import { connect, open } from '../sqlite-files.ts'
import { fileOfSchema, insert, type Row } from './old-schema.ts'

const PARTS = (text: string) => JSON.stringify([{ type: 'text', text }])

function insertTurn(database: Database.Database, turn: Row, reply?: Row): void {
  const { id, position } = turn
  const common = { conversation_id: 'c', turn_id: id ?? null, created_at: 1 }
  const place = 2 * Number(position)
  insert(database, 'message', {
    ...common,
    id: `input-${id}`,
    position: place - 1,
    role: 'user',
    parts: PARTS(`question ${id}`),
    status: 'complete',
  })
  insert(database, 'turn', {
    conversation_id: 'c',
    input_message_id: `input-${id}`,
    epoch: 1,
    endpoint: 'online',
    model: 'm',
    attempts: 1,
    started_at: 1,
    ...turn,
  })
  if (reply === undefined) return
  insert(database, 'message', { ...common, position: place, role: 'assistant', ...reply })
}

/** A file of schema 0003 with turns of all kinds. Two of them were running when it was left. */
async function fileOfAllTurns() {
  const { file, database } = await fileOfSchema(3)
  insert(database, 'setting', { name: 'epoch', value: '1' })
  insert(database, 'conversation', { id: 'c', title: 'Old', created_at: 1, updated_at: 1 })
  insert(database, 'endpoint', {
    name: 'online',
    url: 'http://a.b/v1',
    origin: 'http://a.b',
    dialect: 'chat-completions',
    local: 0,
    header_names: '[]',
  })
  const ended = (position: number, status: string) => ({
    id: status,
    position,
    status,
    ended_at: 9,
  })
  insertTurn(database, ended(1, 'done'), {
    id: 'r-done',
    parts: PARTS('whole'),
    status: 'complete',
    finish_reason: 'stop',
  })
  insertTurn(database, ended(2, 'cancelled'), {
    id: 'r-cancelled',
    parts: PARTS('half'),
    status: 'cancelled',
  })
  const error = JSON.stringify({ code: 'overloaded', message: 'Too much.' })
  insertTurn(database, { ...ended(3, 'failed'), error })
  insertTurn(
    database,
    { ...ended(4, 'interrupted'), error },
    {
      id: 'r-interrupted',
      parts: '[]',
      status: 'interrupted',
    },
  )
  insertTurn(database, { id: 'pending', position: 5, status: 'pending' })
  insertTurn(database, { id: 'streaming', position: 6, status: 'streaming' })
  insert(database, 'checkpoint', { turn_id: 'streaming', n: 1, parts: PARTS('Once') })
  insert(database, 'checkpoint', { turn_id: 'streaming', n: 2, parts: PARTS(' upon') })
  database.close()
  return file
}

async function eventsOf(turn: Turn): Promise<readonly ConversationEvent[]> {
  const events: ConversationEvent[] = []
  await new Promise<void>((resolve) => {
    turn.events.subscribe({ next: (event) => events.push(event), complete: resolve })
  })
  return events
}

test('each turn of a file of 0003 gets the id of its reply, or a new one', async () => {
  const database = await fileOfAllTurns()

  const engine = await testEngine({ database })

  const turns = await engine.listTurns('c')
  const line = await engine.listMessages('c')
  // Two turns ran: the reply to the first is beside the input of the second.
  const beside = await engine.listMessages('c', { through: turns[4]?.replyId })
  const messages = [...line, ...beside.slice(-1)]
  expect(turns.map(({ status }) => status)).toEqual([
    'done',
    'cancelled',
    'failed',
    'interrupted',
    'interrupted',
    'interrupted',
  ])
  expect(turns.map(({ inputMessageId }) => inputMessageId)).toEqual(
    turns.map(({ id }) => `input-${id}`),
  )
  expect(new Set(turns.map(({ replyId }) => replyId)).size).toBe(6)
  expect(turns.slice(0, 4).map(({ replyId }) => replyId)).toEqual([
    'r-done',
    'r-cancelled',
    expect.stringMatching(/^[0-9a-f-]{36}$/),
    'r-interrupted',
  ])
  for (const { id, replyId } of turns) {
    const reply = messages.find(({ turnId, role }) => turnId === id && role === 'assistant')
    expect(reply?.id).toBe(id === 'failed' ? undefined : replyId)
  }
  expect(messages.map(({ text }) => text).filter((text) => !text.startsWith('question'))).toEqual([
    'whole',
    'half',
    '',
    'Once upon',
    '',
  ])
})

test('the id that an old turn got stays, whoever opens the file next', async () => {
  const database = await fileOfAllTurns()
  const first = await testEngine({ database })
  const turns = await first.listTurns('c')
  await first.close()

  const viewer = await testEngine({ database, readOnly: true })

  expect(await viewer.listTurns('c')).toEqual(turns)
  await viewer.close()
  const second = await testEngine({ database })
  expect(await second.listTurns('c')).toEqual(turns)
})

test('the events of an old turn are numbered anew', async () => {
  const engine = await testEngine({ database: await fileOfAllTurns() })
  const told = async (id: string) => {
    const turn = await engine.attachTurn(id)
    await outcomeOf(turn.reply)
    return (await eventsOf(turn)).map(({ seq, type }) => `${seq} ${type}`)
  }

  expect(await told('done')).toEqual(['1 reply.snapshot', '2 turn.done'])
  expect(await told('failed')).toEqual(['1 turn.failed'])
  expect(await told('pending')).toEqual(['1 turn.interrupted'])
  expect(await told('streaming')).toEqual(['1 reply.snapshot', '2 turn.interrupted'])
})

test('a file of 0003 is too old for an engine that only reads, which leaves it as it is', async () => {
  const database = await fileOfAllTurns()

  await expect(testEngine({ database, readOnly: true })).rejects.toMatchObject({
    code: 'database-too-old',
    message: expect.stringContaining('Open it once without readOnly'),
  })

  const foreign = connect(database)
  expect(foreign.prepare('select count(*) from checkpoint').pluck().get()).toBe(2)
  expect(foreign.prepare('select origin from endpoint').pluck().get()).toBe('http://a.b')
})

test.each([1, 2, 3])('a file with the first %i migrations is brought up to date', async (count) => {
  const { file, database } = await fileOfSchema(count)
  insert(database, 'conversation', { id: 'c', created_at: 1, updated_at: 1 })
  insertTurn(
    database,
    { id: 't', position: 1, status: 'done', ended_at: 9 },
    {
      id: 'r',
      parts: PARTS('whole'),
      status: 'complete',
    },
  )
  insert(database, 'endpoint', {
    name: 'online',
    url: 'http://a.b/v1',
    origin: 'http://a.b',
    dialect: 'chat-completions',
    local: 0,
    header_names: '[]',
  })

  const store = await open(file)

  expect(await store.listTurns('c')).toMatchObject([{ id: 't', attempts: 1, replyId: 'r' }])
  expect(await store.listMessages('c')).toHaveLength(2)
  const [endpoint] = await store.listEndpoints()
  expect(endpoint).toMatchObject({ name: 'online', url: 'http://a.b/v1' })
  expect(endpoint).not.toHaveProperty('fallbacks')
  expect(database.prepare('select name from colloquy_migration').pluck().all()).toEqual(
    MIGRATIONS.map(({ name }) => name),
  )
})

test('a key that was sealed under 0003 is used for its origin, and for no other', async () => {
  const encryptionKey = new Uint8Array(32).fill(3)
  const [home, thief] = [await testProvider(), await testProvider()]
  /** A file of 0003 with an endpoint whose key was sealed for `home`. */
  const fileOfKey = async (url: string): Promise<string> => {
    const { file: sealing } = await fileOfSchema(MIGRATIONS.length)
    const sealer = await testEngine({ database: sealing, secrets: { encryptionKey } })
    await sealer.putEndpoint('online', { url: home.url, model: 'm', apiKey: 'sk-old' })
    await sealer.close()
    const { file, database } = await fileOfSchema(3)
    const from = connect(sealing)
    for (const row of from.prepare<[], Row>('select * from setting').all()) {
      insert(database, 'setting', row)
    }
    for (const row of from.prepare<[], Row>('select * from endpoint').all()) {
      insert(database, 'endpoint', { ...row, url, origin: home.origin })
    }
    database.close()
    return file
  }
  const ask = async (database: string) => {
    const engine = await testEngine({ database, secrets: { encryptionKey } })
    return await outcomeOf(engine.complete({ prompt: 'hello' }))
  }

  expect(await ask(await fileOfKey(home.url))).toMatchObject({ value: { model: 'm' } })
  expect(home.requests[0]?.headers.authorization).toBe('Bearer sk-old')
  expect(await ask(await fileOfKey(thief.url))).toMatchObject({ error: { code: 'key-unreadable' } })
  expect(thief.socketsOpened).toBe(0)
})

test('a file of 0006 comes over with its turns, steps and calls, and lets turns wait', async () => {
  const { file, database } = await fileOfSchema(6)
  insert(database, 'setting', { name: 'epoch', value: '1' })
  insert(database, 'conversation', { id: 'c', created_at: 1, updated_at: 1, turns: 1, messages: 2 })
  const turn = { id: 't', conversation_id: 'c', position: 1, status: 'done', reply_id: 'r' }
  const route = { endpoint: 'online', model: 'm', attempts: 2, started_at: 1, ended_at: 2 }
  insert(database, 'turn', { ...turn, ...route, input_message_id: 'i', epoch: 1, steps: 2 })
  insert(database, 'step', { turn_id: 't', n: 1, status: 'tools', ...route })
  const names = { tool_call_id: 'a', tool_name: 'pay', idempotency_key: 'k' }
  insert(database, 'call', {
    id: 'k',
    turn_id: 't',
    step: 1,
    n: 1,
    ...names,
    state: 'finished',
    attempt: 1,
  })
  database.close()

  const ran: unknown[] = []
  const pay = { needsApproval: true, execute: (input: unknown) => void ran.push(input) }
  const engine = await testEngine({ database: file, tools: { pay } })
  expect(await engine.listCalls('t')).toMatchObject([{ callId: 'k', state: 'finished' }])
  expect((await engine.listCalls('t'))[0]).not.toHaveProperty('waitsFor')
  expect(await engine.listSteps('t')).toHaveLength(1)
  expect(await engine.listWaitingCalls()).toEqual([])
  const provider = await testProvider()
  await engine.putEndpoint('online', { url: provider.url, model: 'm' })
  const { id } = await engine.startConversation()
  provider.next(calling({ name: 'pay' }), done)
  const sent = await engine.send(id, 'pay')
  const { calls } = await nextEvent(sent.events, 'turn.waiting')
  await engine.decide(calls[0]?.callId ?? '', { approved: true })
  await sent.reply
  expect(ran).toHaveLength(1)
})
