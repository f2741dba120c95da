/** Lists of conversations: pages, orders, the archive, and fields of metadata. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ConversationListOptions, ConversationRecord, Engine } from '../../src/index.ts'
import { countingTime } from '../support/counting-time.ts'
import { driverCalls } from '../support/driver-calls.ts'
import { testChat, testDatabase, testEngine } from '../support/engine.ts'
import { eventLog } from '../support/waiting.ts'

const IDS = ['a', 'b', 'c', 'd', 'e', 'f', 'g']

/** Seven conversations, of two owners in turns, each a moment younger than the one before. */
async function seven(clock = countingTime()): Promise<Engine> {
  const engine = await testEngine({ clock })
  for (const [n, id] of IDS.entries()) {
    await engine.startConversation({ id, ownerId: n % 2 === 0 ? 'even' : 'odd' })
  }
  return engine
}

function ids(records: readonly ConversationRecord[]): string {
  return records.map(({ id }) => id).join('')
}

/** All pages, one after another, by the last record of each. */
async function pages(engine: Engine, options: ConversationListOptions): Promise<string[]> {
  const found: string[] = []
  let after: ConversationRecord | undefined
  for (;;) {
    const page = await engine.listConversations({ ...options, after })
    found.push(ids(page))
    if (page.length < (options.limit ?? Infinity)) return found
    after = page.at(-1)
  }
}

describe('pages', () => {
  test('follow one another down the list, and up again, by the records themselves', async () => {
    const engine = await seven()

    expect(await pages(engine, { limit: 3 })).toEqual(['gfe', 'dcb', 'a'])
    expect(await pages(engine, { limit: 3, order: 'created' })).toEqual(['gfe', 'dcb', 'a'])
    expect(await pages(engine, { limit: 2, ownerId: 'even' })).toEqual(['ge', 'ca', ''])
    const [first] = await engine.listConversations({ after: (await engine.listConversations())[5] })
    expect(first?.id).toBe('a')
    expect(ids(await engine.listConversations({ before: first, limit: 2 }))).toBe('cb')
    expect(ids(await engine.listConversations({ before: first }))).toBe('gfedcb')
    expect(ids(await engine.listConversations({ before: first, limit: 2, ownerId: 'odd' }))).toBe(
      'db',
    )
  })

  test('are in the order of activity or of creation', async () => {
    const { provider, engine } = await testChat({ clock: countingTime() })
    provider.always((exchange) => exchange.done())
    for (const id of ['x', 'y', 'z']) await engine.startConversation({ id, ownerId: 'me' })
    const turn = await engine.send('x', 'hello')
    await turn.reply.catch(() => {})
    const list = async (options: ConversationListOptions) =>
      ids(await engine.listConversations({ ownerId: 'me', ...options }))

    expect(await list({})).toBe('xzy')
    expect(await list({ order: 'activity' })).toBe('xzy')
    expect(await list({ order: 'created' })).toBe('zyx')
  })

  test('have each conversation once even if many have one time', async () => {
    const engine = await testEngine({ clock: { ...countingTime(), now: () => 1_000 } })
    for (const id of IDS) await engine.startConversation({ id })

    for (const order of ['activity', 'created'] as const) {
      expect((await pages(engine, { limit: 2, order })).join('')).toBe('gfedcba')
    }
  })

  test('by creation miss nothing while others start, send and archive', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.constantFrom('start', 'touch', 'archive', 'page'), { maxLength: 40 }),
        fc.integer({ min: 1, max: 4 }),
        async (steps, limit) => {
          const engine = await seven()
          const seen: string[] = []
          let after: ConversationRecord | undefined
          let isOver = false
          const turn = async () => {
            if (isOver) return
            const page = await engine.listConversations({
              limit,
              after,
              order: 'created',
              archived: 'any',
            })
            seen.push(...page.map(({ id }) => id))
            isOver = page.length < limit
            after = page.at(-1)
          }
          for (const [n, step] of [...steps, ...IDS.map(() => 'page')].entries()) {
            const id = IDS[n % IDS.length] as string
            if (step === 'start') await engine.startConversation({})
            if (step === 'touch') await engine.updateConversation(id, { model: `m${n}` })
            if (step === 'archive') await engine.archiveConversation(id, n % 3 !== 0)
            if (step === 'page') await turn()
          }
          for (let n = 0; n < 100; n += 1) await turn()
          expect(isOver).toBe(true)
          expect(seen.filter((id) => IDS.includes(id)).join('')).toBe('gfedcba')
          expect(new Set(seen).size).toBe(seen.length)
          await engine.close()
        },
      ),
      { numRuns: 20 },
    )
  })
})

describe('the archive', () => {
  test('hides a conversation from the list, and is told and undone', async () => {
    const engine = await seven()
    const log = eventLog(engine)
    const before = await engine.getConversation('c')
    const archived = await engine.archiveConversation('c', true)

    expect(archived).toEqual({ ...before, archivedAt: expect.any(Date) })
    expect(await engine.getConversation('c')).toEqual(archived)
    expect(ids(await engine.listConversations())).toBe('gfedba')
    expect(ids(await engine.listConversations({ archived: true }))).toBe('c')
    expect(ids(await engine.listConversations({ archived: 'any' }))).toBe('gfedcba')
    expect(ids(await engine.listConversations({ archived: 'any', ownerId: 'even' }))).toBe('geca')
    expect(await pages(engine, { archived: 'any', limit: 2 })).toEqual(['gf', 'ed', 'cb', 'a'])
    expect(await engine.archiveConversation('c', true)).toEqual(archived)
    expect(await engine.archiveConversation('c', false)).toEqual(before)
    expect(ids(await engine.listConversations())).toBe('gfedcba')
    expect(log).toMatchObject([
      { type: 'conversation.changed', change: 'archived', conversation: archived, ownerId: 'even' },
      { type: 'conversation.changed', change: 'archived', conversation: before },
    ])
  })

  test('takes only conversations that exist, and a yes or no', async () => {
    const engine = await seven()
    await expect(engine.archiveConversation('other', true)).rejects.toMatchObject({
      code: 'conversation-not-found',
    })
    await expect(engine.archiveConversation('c', 'yes' as never)).rejects.toMatchObject({
      code: 'invalid-option',
    })
  })
})

describe('fields of metadata', () => {
  const metadata = { folder: 'work', stars: 3, isPinned: true, tags: ['a'], none: null }

  test('select conversations by their values, each of its own type', async () => {
    const engine = await testEngine({ clock: countingTime() })
    await engine.startConversation({ id: 'a', metadata, ownerId: 'me' })
    await engine.startConversation({ id: 'b', metadata: { ...metadata, stars: '3' } })
    await engine.startConversation({ id: 'c', metadata: { folder: 'home' } })
    await engine.startConversation({ id: 'd', metadata: 'work' })
    const list = async (options: ConversationListOptions) =>
      ids(await engine.listConversations(options))

    expect(await list({ where: { folder: 'work' } })).toBe('ba')
    expect(await list({ where: { folder: 'work' }, limit: 1 })).toBe('b')
    expect(await list({ where: { folder: 'work', stars: 3 } })).toBe('a')
    expect(await list({ where: { stars: 3, folder: 'work', isPinned: true } })).toBe('a')
    expect(await list({ where: { stars: '3' } })).toBe('b')
    expect(await list({ where: { isPinned: 'true' } })).toBe('')
    expect(await list({ where: { folder: 'work' }, ownerId: 'me' })).toBe('a')
    expect(await list({ where: {} })).toBe('dcba')
    const [b] = await engine.listConversations({ where: { folder: 'work' } })
    expect(await list({ where: { folder: 'work' }, after: b })).toBe('a')
    await engine.archiveConversation('a', true)
    expect(await list({ where: { folder: 'work' } })).toBe('b')
    expect(await list({ where: { folder: 'work' }, archived: 'any', order: 'created' })).toBe('ba')
  })

  test('follow a change of the metadata, a copy, and a deletion', async () => {
    const { engine } = await testChat({ clock: countingTime() })
    const messages = [{ role: 'user' as const, content: 'hello' }]
    await engine.startConversation({ id: 'a', metadata: { folder: 'work' }, messages })
    const list = async (folder: string) =>
      (await engine.listConversations({ where: { folder } })).map(({ id }) => id)
    const [message] = await engine.listMessages('a')
    const copy = await engine.fork(message?.id ?? '')
    const other = await engine.fork(message?.id ?? '', { metadata: { folder: 'home' } })

    expect(await list('work')).toEqual([copy.id, 'a'])
    expect(await list('home')).toEqual([other.id])
    await engine.updateConversation('a', { title: 'A' })
    expect(await list('work')).toEqual([copy.id, 'a'])
    await engine.updateConversation('a', { metadata: { folder: 'home' } })
    expect(await list('work')).toEqual([copy.id])
    expect(await list('home')).toEqual(['a', other.id])
    await engine.updateConversation('a', { metadata: null })
    await engine.deleteConversation(other.id)
    expect(await list('home')).toEqual([])
  })

  test('are the first sixteen that can be selected by', async () => {
    const engine = await testEngine()
    const fields = Object.fromEntries(Array.from({ length: 17 }, (_, n) => [`f${n}`, n]))
    await engine.startConversation({
      id: 'a',
      metadata: { long: 'x'.repeat(201), list: [], ...fields, ['n'.repeat(201)]: 1 },
    })
    const { f16, ...first } = fields

    expect(await engine.listConversations({ where: first })).toHaveLength(1)
    expect(await engine.listConversations({ where: { f16: f16 ?? 0 } })).toEqual([])
  })
})

describe('what a list costs', () => {
  test('is one statement, whatever its options', async () => {
    const engine = await testEngine({ database: await testDatabase() })
    const metadata = { folder: 'work', stars: 3 }
    for (const id of IDS) await engine.startConversation({ id, ownerId: 'me', metadata })
    const [record] = await engine.listConversations()
    const lists: readonly ConversationListOptions[] = [
      {},
      { ownerId: 'me', limit: 2 },
      { archived: 'any', limit: 2, after: record },
      { order: 'created', before: record },
      { where: { folder: 'work', stars: 3 }, ownerId: 'me' },
    ]
    const { run } = driverCalls()
    for (const options of lists) await engine.listConversations(options)
    expect(run()).toHaveLength(lists.length)
  })

  test('of a start with metadata is one statement more for each field', async () => {
    const engine = await testEngine()
    const { run } = driverCalls()
    const count = async (metadata?: unknown) => {
      const before = run().length
      await engine.startConversation({ metadata })
      return run().length - before
    }
    const plain = await count()
    expect(await count({ a: 1, b: 2, c: [] })).toBe(plain + 2)
  })
})

const LATER = { id: 'a', createdAt: new Date(), updatedAt: new Date() }
test.each<[object, string]>([
  [{ limit: 0 }, 'limit'],
  [{ limit: 501 }, 'limit'],
  [{ limit: 1.5 }, 'limit'],
  [{ before: LATER, after: LATER }, 'before and after'],
  [{ after: 'a' }, 'after'],
  [{ after: { ...LATER, updatedAt: new Date(NaN) } }, 'after.updatedAt'],
  [{ before: { ...LATER, createdAt: '2026-01-01' } }, 'before.createdAt'],
  [{ before: { ...LATER, id: '' } }, 'before.id'],
  [{ order: 'title' }, 'order'],
  [{ archived: 'yes' }, 'archived'],
  [{ where: { a: {} } }, 'where'],
  [{ where: { a: null } }, 'where'],
  [{ where: { a: NaN } }, 'where'],
  [{ where: { a: 'x'.repeat(201) } }, 'where'],
  [{ where: { ['x'.repeat(201)]: 1 } }, 'where'],
  [{ where: Object.fromEntries(Array.from({ length: 17 }, (_, n) => [`f${n}`, n])) }, 'where'],
  [{ where: 'folder' }, 'where'],
])('a list by %j is refused', async (options, where) => {
  const engine = await testEngine()
  await expect(engine.listConversations(options)).rejects.toMatchObject({
    code: 'invalid-option',
    message: expect.stringContaining(where),
  })
})
