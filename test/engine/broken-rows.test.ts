/** Rows that another program changed, or a damaged disk: one coded error each, and no more harm. */
import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { createEngine, type Engine } from '../../src/index.ts'
import { testDatabase, testEngine } from '../support/engine.ts'
import { foreignWriter } from '../support/foreign-writer.ts'
import { type Provider, startProvider } from '../support/provider.ts'
import { outcomeOf } from '../support/waiting.ts'

/** A text that no error and no log entry may quote. */
const CANARY = 'canary-in-a-row'

interface Scene {
  readonly database: string
  /** Changes the file while no engine has it. */
  readonly change: (sql: string, ...values: readonly unknown[]) => void
  /** Opens the file again; closed when the test has ended. */
  readonly open: () => Promise<Engine>
  readonly warnings: readonly string[]
}

let template: string
let provider: Provider
const folder = await mkdtemp(join(tmpdir(), 'colloquy-'))

/** A file with the conversations `good` and `bad`, each with one turn `hello`, `Hello`. */
beforeAll(async () => {
  provider = await startProvider()
  template = join(folder, 'template.db')
  const engine = await createEngine({ database: template, autoTitle: false })
  await engine.putEndpoint('online', { url: provider.url, model: 'm' })
  for (const id of ['good', 'bad']) {
    await engine.startConversation({ id, title: id, metadata: {}, settings: {} })
    const turn = await engine.send(id, 'hello', { metadata: {}, idempotencyKey: 'k' })
    await turn.reply
  }
  await engine.close()
})

afterAll(async () => {
  await provider.close()
  await rm(folder, { recursive: true, force: true })
})

/** A copy of that file. */
async function scene(): Promise<Scene> {
  const database = await testDatabase()
  await copyFile(template, database)
  const warnings: string[] = []
  const warn = (_: object, message: string) => void warnings.push(message)
  const logger = { debug() {}, info() {}, warn, error: warn }
  return {
    database,
    warnings,
    change: (sql, ...values) => {
      const foreign = foreignWriter(database)
      foreign.run(sql, ...values)
      foreign.close()
    },
    open: () => testEngine({ database, logger }),
  }
}

const BROKEN = (table: string) => ({
  name: 'ColloquyError',
  code: 'database-failed',
  message: expect.stringMatching(new RegExp(`row .* of the table "${table}" cannot be read`)),
})

function expectSilent(...values: readonly unknown[]): void {
  for (const value of values) {
    expect(String((value as Error)?.stack ?? value)).not.toContain(CANARY)
    expect(JSON.stringify(value) ?? '').not.toContain(CANARY)
    expect((value as Error)?.cause).toBeUndefined()
  }
}

const NO_JSON = [`{"${CANARY}`, CANARY, '', '{', `"${CANARY}`] as const

describe('a broken conversation', () => {
  test.each<[string, unknown]>([
    ...NO_JSON.map((text): [string, unknown] => ['metadata', text]),
    ['title', `"${CANARY}`],
    ['title', Buffer.from(CANARY)],
    ['model', `"${CANARY}`],
    ['endpoint', `"\\x`],
    ['system', `"${CANARY}`],
    ['owner_id', Buffer.from(CANARY)],
    ['settings', `["${CANARY}"]`],
    ['settings', 'null'],
    ['settings', '{"temperature":"hot"}'],
    ['settings', '{"stop":[1]}'],
    ['created_at', CANARY],
    ['created_at', 9e15],
    ['updated_at', 0.5],
  ])('(%s: %j) is left out of lists, and refused by itself', async (column, value) => {
    const { change, open, warnings } = await scene()
    change(`update conversation set ${column} = ? where id = 'bad'`, value)
    const engine = await open()

    expect((await engine.listConversations()).map(({ id }) => id)).toEqual(['good'])
    await engine.listConversations()
    expect(warnings).toEqual([expect.stringMatching(/"bad" of the table "conversation"/)])
    const refusals = await Promise.all([
      errorOf(engine.getConversation('bad')),
      errorOf(engine.send('bad', 'again')),
      errorOf(engine.listMessages('bad')),
    ])
    for (const error of refusals) {
      expect(error).toMatchObject(BROKEN('conversation'))
      expectSilent(error)
    }
    expectSilent(...warnings)
    await (
      await engine.send('good', 'again')
    ).reply
    await engine.deleteConversation('bad')
  })

  test('can be repaired by an update of its broken field, and of no other', async () => {
    const { change, open } = await scene()
    change("update conversation set metadata = '{' where id = 'bad'")
    const engine = await open()

    await expect(engine.updateConversation('bad', { title: 'new' })).rejects.toMatchObject(
      BROKEN('conversation'),
    )
    const repaired = await engine.updateConversation('bad', { metadata: { a: 1 } })

    expect(repaired).toMatchObject({ title: 'bad', metadata: { a: 1 } })
  })
})

describe('a broken message', () => {
  test.each<[string, unknown]>([
    ...NO_JSON.map((text): [string, unknown] => ['parts', text]),
    ['parts', '{}'],
    ['parts', 'null'],
    ['parts', '[null]'],
    ['parts', `[{"type":"text","text":5}]`],
    ['parts', `[{"type":"text"}]`],
    ['parts', `[{"type":"${CANARY}"}]`],
    ['parts', `[{"type":"__proto__"}]`],
    ['parts', `[{"type":"tool-call","toolCallId":"a","toolName":"b"}]`],
    ['parts', `[{"type":"file","mediaType":"image/png","url":{}}]`],
    ['status', CANARY],
    ['status', 'constructor'],
    ['finish_reason', CANARY],
    ['usage_raw', `{"${CANARY}`],
    ['usage_source', CANARY],
    ['input_tokens', CANARY],
    ['model', `"${CANARY}`],
    ['created_at', CANARY],
    ['position', CANARY],
  ])('(%s: %j) is left out of lists and of requests', async (column, value) => {
    const { change, open, warnings } = await scene()
    change(
      `update message set ${column} = ? where conversation_id = 'bad' and role = 'assistant'`,
      value,
    )
    const engine = await open()

    const messages = await engine.listMessages('bad')
    expect(messages.map(({ text }) => text)).toEqual(['hello'])
    expect(warnings).toEqual([expect.stringMatching(/row "[^"]+" of the table "message"/)])
    const { reply } = await engine.send('bad', 'again')
    expect((await reply).message.text).toBe('Hello')
    expect(provider.requests.at(-1)?.body.messages.at(-1)).toMatchObject({
      content: expect.stringMatching(/(?:^|\n)again$/),
    })
    expectSilent(...warnings, await outcomeOf(engine.cancel('bad')))
  })

  test('that is the input of a retry refuses the retry', async () => {
    const { change, open } = await scene()
    change("update message set parts = '[5]' where conversation_id = 'bad' and role = 'user'")
    const engine = await open()

    await expect(engine.retry('bad')).rejects.toMatchObject(BROKEN('message'))
    expect(await engine.listTurns('bad')).toHaveLength(1)
  })

  test('that is the reply of a keyed turn refuses its second send', async () => {
    const { change, open } = await scene()
    change("update message set parts = '[5]' where conversation_id = 'bad' and role = 'assistant'")
    const engine = await open()

    await expect(engine.send('bad', 'hello', { idempotencyKey: 'k' })).rejects.toMatchObject(
      BROKEN('message'),
    )
  })
})

describe('a broken place', () => {
  test.each([
    ['message', 'position'],
    ['message', 'depth'],
    ['turn', 'position'],
  ])('of a %s (%s) neither hangs nor fails a turn', async (table, column) => {
    for (const place of [CANARY, '9e999', Buffer.from('x'), 9_007_199_254_740_991, 1.5, -5]) {
      const { change, open } = await scene()
      change(
        `update ${table} set ${column} = ? where conversation_id = 'bad'
        and position = (select max(position) from ${table} where conversation_id = 'bad')`,
        place,
      )
      const engine = await open()

      const outcomes = []
      for (const text of ['again', 'and again']) {
        outcomes.push(await outcomeOf(engine.send('bad', text).then((turn) => turn.reply)))
      }

      for (const outcome of outcomes) {
        expect(outcome).toMatchObject({ value: { message: { text: 'Hello' } } })
      }
      await outcomeOf(engine.cancel('bad'))
      await engine.close()
    }
  })

  test('keeps no database from opening, and no interrupted turn from its end', async () => {
    const { change, open } = await scene()
    change("update turn set status = 'streaming' where conversation_id = 'bad'")
    change("delete from message where conversation_id = 'bad' and role = 'assistant'")
    change(`insert into message (id, conversation_id, import_id, position, role, parts, status,
      created_at) values ('x', 'bad', 'i', 'x', 'user', '[]', 'complete', 0)`)

    const engine = await open()

    expect(await engine.listTurns('bad')).toMatchObject([{ status: 'interrupted' }])
    expect(await engine.listMessages('bad')).toMatchObject([{ position: 1 }, { position: 3 }])
  })

  test.each([
    ['messages', 9_000_000_000_000_000],
    ['turns', -1],
    ['messages', CANARY],
  ])('in a counter (%s: %s) refuses the send, and changes nothing', async (counter, value) => {
    const { change, open } = await scene()
    change(`update conversation set ${counter} = ? where id = 'bad'`, value)
    const engine = await open()

    await expect(engine.send('bad', 'again')).rejects.toMatchObject({
      code: 'database-failed',
      message: expect.stringMatching(/"bad".*out of bounds/),
    })
    expect(await engine.listTurns('bad')).toHaveLength(1)
  })
})

describe('a broken turn', () => {
  test.each<[string, unknown]>([
    ...NO_JSON.map((text): [string, unknown] => ['metadata', text]),
    ['error', `{"${CANARY}`],
    ['error', '{"code":1,"message":"x"}'],
    ['error', '[]'],
    ['usage', `"${CANARY}"`],
    ['usage', '{"source":"provider","inputTokens":"many"}'],
    ['failed_attempts', '{}'],
    ['failed_attempts', '[null]'],
    ['failed_attempts', `[{"endpoint":"a","model":"b","error":"${CANARY}"}]`],
    ['status', CANARY],
    ['reply_id', Buffer.from(CANARY)],
    ['attempts', CANARY],
    ['model', `"${CANARY}`],
    ['started_at', CANARY],
    ['ended_at', CANARY],
  ])('(%s: %j) is left out of lists, and refused by itself', async (column, value) => {
    const { database, change, open, warnings } = await scene()
    const id = await turnIn(database)
    change(`update turn set ${column} = ? where conversation_id = 'bad'`, value)
    const engine = await open()

    expect(await engine.listTurns('bad')).toEqual([])
    expect(warnings).toEqual([expect.stringContaining(`${JSON.stringify(id)} of the table "turn"`)])
    const refusals = await Promise.all([
      errorOf(engine.getTurn(id)),
      errorOf(engine.cancel('bad')),
      errorOf(engine.send('bad', 'hello', { idempotencyKey: 'k' })),
    ])
    for (const error of refusals) {
      expect(error).toMatchObject(BROKEN('turn'))
      expectSilent(error)
    }
    expectSilent(...warnings)
    await (
      await engine.send('bad', 'again')
    ).reply
  })

  test('whose metadata breaks while it runs is saved all the same', async () => {
    const { database, open } = await scene()
    const engine = await open()
    const turn = await engine.send('good', 'again', { metadata: { a: 1 } })
    foreignWriter(database).run("update turn set metadata = '{' where id = ?", turn.id)

    expect((await turn.reply).message.text).toBe('Hello')
  })
})

test('broken settings keep no engine from opening, and are as if they were not set', async () => {
  const { change, open, warnings } = await scene()
  change("insert into setting (name, value) values ('airplane-mode', ?)", `{${CANARY}`)
  change("insert into setting (name, value) values ('model-preference:chat', '5')")
  change("insert into setting (name, value) values (?, 'true')", `"${CANARY}`)
  const engine = await open()

  expect(await engine.getSettings()).toEqual({ airplaneMode: false, modelPreferences: {} })
  expect(warnings).toEqual([expect.stringMatching(/2 rows were left out.*of the table "setting"/)])
  await engine.setAirplaneMode(false)
})

async function errorOf(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    () => undefined,
    (error: unknown) => error,
  )
}

async function turnIn(database: string): Promise<string> {
  const engine = await createEngine({ database, readOnly: true })
  onTestFinished(() => engine.close())
  const [turn] = await engine.listTurns('bad')
  return turn?.id ?? ''
}
