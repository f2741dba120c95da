/**
 * Files that earlier versions really wrote, with retries in them, as trees.
 *
 * `files/written-by-0003.sql` and `-0004.sql` are dumps of what engines of those schemas wrote: the
 * same calls each, ended by a copy of the file while two turns streamed.
 */
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import type { Engine, Message } from '../../../src/index.ts'
import { testDatabase, testEngine, testProvider } from '../../support/engine.ts'
import { streamed } from '../../support/scripts.ts'
import { connect } from '../sqlite-files.ts'
import { fileOfSchema, insert } from './old-schema.ts'

const line = (messages: readonly Message[]) =>
  messages.map(({ text, siblings }) => {
    const shown = text.length > 12 ? `${text.slice(0, 5)}…` : text
    return siblings === undefined ? shown : `${shown} ${siblings.index + 1}/${siblings.count}`
  })

describe.each(['0003', '0004'])('a file written by %s', (version) => {
  async function written(): Promise<string> {
    const file = await testDatabase()
    const path = fileURLToPath(new URL(`files/written-by-${version}.sql`, import.meta.url))
    connect(file).exec(await readFile(path, 'utf8'))
    return file
  }

  test('keeps a conversation without retries as one line', async () => {
    const database = await written()
    const before = connect(database)
      .prepare("select id from message where conversation_id = 'plain' order by position")
      .pluck()
      .all()

    const engine = await testEngine({ database })

    const messages = await engine.listMessages('plain')
    expect(messages.map(({ id }) => id)).toEqual(before)
    expect(line(messages)).toEqual(['before', 'Hello.', 'one', 'First', 'two', 'Second'])
    expect((await engine.getConversation('plain'))?.headMessageId).toBe(before.at(-1))
  })

  test('has the replies to one input as siblings, and the newest on the active line', async () => {
    const engine = await testEngine({ database: await written() })

    const messages = await engine.listMessages('retried')

    expect(line(messages)).toEqual(['one', 'Third 3/3', 'two', 'Fourth', 'three', 'Sixth 2/2'])
    const ids = messages.map(({ id }) => id)
    expect(messages.map(({ parentId }) => parentId)).toEqual([undefined, ...ids.slice(0, -1)])
    const first = await engine.listBranches(ids[1] as string)
    expect(first.map(({ text }) => text)).toEqual(['First', 'Second', 'Third'])
    const through = await engine.listMessages('retried', { through: first[0]?.id })
    expect(line(through)).toEqual(['one', 'First 1/3'])
    expect((await engine.getConversation('retried'))?.headMessageId).toBe(ids.at(-1))
    expect((await engine.listConversations({ ownerId: 'anna' })).map(({ id }) => id)).toEqual([
      'retried',
    ])
  })

  test('goes on with the reply that counted, where a newer one says nothing', async () => {
    const provider = await testProvider()
    const engine = await testEngine({ database: await written() })
    await engine.putEndpoint('online', { url: provider.url, model: 'm' })

    const messages = await engine.listMessages('cut')

    expect(messages.map(({ text }) => text.trim())).toEqual([
      'one',
      expect.stringMatching(/^Half/),
      'two',
      'Second',
      'three',
      'Third',
    ])
    await (
      await engine.send('cut', 'four')
    ).reply
    const { body } = await provider.request(0)
    expect((body.messages as { content: string }[]).map(({ content }) => content)).toEqual([
      ...messages.map(({ text }) => text),
      'four',
    ])
  })

  test('saves the replies of turns that ran at their places', async () => {
    const engine = await testEngine({ database: await written() })

    expect(line(await engine.listMessages('first'))).toEqual(['one', 'Once …'])
    const [input, again] = await engine.listMessages('running')
    expect(again).toMatchObject({ status: 'interrupted', siblings: { index: 1, count: 2 } })
    expect(line(await engine.listBranches(again?.id as string))).toEqual([
      'First 1/2',
      'Again… 2/2',
    ])
    const turns = await engine.listTurns('running')
    expect(turns.map(({ status }) => status)).toEqual(['done', 'interrupted'])
    expect(turns.map(({ inputMessageId }) => inputMessageId)).toEqual([input?.id, input?.id])
  })

  test('finds conversations by the fields of the metadata that they had', async () => {
    const database = await written()
    const old = connect(database)
    const set = old.prepare('update conversation set metadata = ? where id = ?')
    const many = Object.fromEntries(Array.from({ length: 17 }, (_, n) => [`f${n}`, n]))
    set.run(JSON.stringify({ folder: 'work', stars: 3, tags: ['a'], none: null }), 'retried')
    set.run(JSON.stringify({ folder: 'work', long: 'x'.repeat(201), isPinned: true }), 'plain')
    set.run(JSON.stringify(many), 'cut')
    set.run('{"folder": "work"', 'running')
    set.run('["work"]', 'first')
    old.close()

    const engine = await testEngine({ database })

    const found = async (where: Readonly<Record<string, string | number | boolean>>) =>
      (await engine.listConversations({ where })).map(({ id }) => id).toSorted()
    expect(await found({ folder: 'work' })).toEqual(['plain', 'retried'])
    expect(await found({ folder: 'work', stars: 3 })).toEqual(['retried'])
    expect(await found({ stars: '3' })).toEqual([])
    expect(await found({ isPinned: true })).toEqual(['plain'])
    expect(await found({ f15: 15 })).toEqual(['cut'])
    expect(await found({ f16: 16 })).toEqual([])
    const fields = connect(database)
      .prepare('select conversation_id, count(*) from conversation_field group by 1 order by 1')
      .raw()
      .all()
    expect(fields).toEqual([
      ['cut', 16],
      ['plain', 2],
      ['retried', 2],
    ])
  })

  test('finds the turn of a key, of a send and of a retry', async () => {
    const engine = await testEngine({ database: await written() })
    const [, , , first] = await engine.listMessages('plain')

    const sent = await engine.send('plain', 'one', { idempotencyKey: 'k1' })
    const retried = await engine.retry('retried', { idempotencyKey: 'again' })

    expect((await sent.reply).message).toMatchObject({ id: first?.id, text: 'First' })
    expect((await retried.reply).message.text).toBe('Second')
    await expect(engine.send('plain', 'other', { idempotencyKey: 'k1' })).rejects.toMatchObject({
      code: 'idempotency-conflict',
    })
  })

  test('takes sends, retries, edits and switches, and says that it is brought up to date', async () => {
    const provider = await testProvider()
    const logged: string[] = []
    const log = (_: object, message: string) => void logged.push(message)
    const engine = await testEngine({
      database: await written(),
      logger: { debug() {}, info: log, warn: log, error: log },
    })
    await engine.putEndpoint('online', { url: provider.url, model: 'm' })
    const ask = async (turn: ReturnType<Engine['send']>) => (await (await turn).reply).message
    for (const conversation of await engine.listConversations()) {
      const { id } = conversation
      const before = await engine.listMessages(id)
      const last = before.findLast(({ role }) => role === 'user')
      provider.next(streamed(['A']), streamed(['B']), streamed(['C']))

      await ask(engine.send(id, 'next'))
      await ask(engine.retry(id))
      await ask(engine.edit(last?.id as string, 'edited'))
      await engine.switchBranch(before.at(-1)?.id as string)

      const after = (await engine.listMessages(id)).map(({ text }) => text)
      expect(after).toEqual([...before.map(({ text }) => text), 'next', 'B'])
    }
    expect(logged[0]).toContain('is being brought up to date')
  })
})

test('positions with gaps, lost parents and a lost head keep every message', async () => {
  const { file, database } = await fileOfSchema(4)
  insert(database, 'conversation', {
    id: 'c',
    head_message_id: 'gone',
    created_at: 1,
    updated_at: 1,
  })
  const parents = [null, 'gone', 'm2', null, 'm1']
  for (const [index, parent] of parents.entries()) {
    insert(database, 'message', {
      id: `m${index + 1}`,
      conversation_id: 'c',
      import_id: 'i',
      parent_id: parent,
      position: index === 4 ? 'x' : 3 * index + 1,
      role: 'user',
      parts: JSON.stringify([{ type: 'text', text: `${index + 1}` }]),
      status: 'complete',
      created_at: 1,
    })
  }
  database.exec("update message set position = 9007199254740991 where id = 'm5'")
  database.close()

  const engine = await testEngine({ database: file })

  const through = await engine.listMessages('c', { through: 'm4' })
  expect(through.map(({ id }) => id)).toEqual(['m1', 'm2', 'm3', 'm4'])
  expect(through.map(({ parentId }) => parentId)).toEqual([undefined, 'm1', 'm2', 'm3'])
  expect((await engine.listMessages('c')).map(({ id }) => id)).toEqual(['m1', 'm5'])
  expect((await engine.getConversation('c'))?.headMessageId).toBe('m5')
})
