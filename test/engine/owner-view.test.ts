/** Promise 13: an owner view is the same whether the data of other owners exist or not. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ConversationEvent, Engine, OwnerView } from '../../src/index.ts'
import { chatReply } from '../../src/testing/chat.ts'
import { countingTime } from '../support/counting-time.ts'
import { driverCalls } from '../support/driver-calls.ts'
import { testChat, testDatabase, testEngine } from '../support/engine.ts'
import { closedGate, streamed } from '../support/scripts.ts'
import { outcomeOf } from '../support/waiting.ts'

const OF_BEN = 'conversation-of-ben'
const MISSING = 'conversation-of-nobody-at-all'

/** Conversations of Ben: one with a turn that has ended, and its messages. */
async function bens() {
  const tools = { note: { execute: () => 'noted' } }
  const chat = await testChat({ clock: countingTime(), tools })
  chat.provider.next(
    chatReply('', { toolCalls: [{ id: 'a', name: 'note', arguments: '{}' }] }),
    chatReply('Hello'),
  )
  const ben = chat.engine.as('ben')
  await ben.startConversation({ id: OF_BEN, title: 'Secret' })
  const turn = await ben.send(OF_BEN, 'hello', { idempotencyKey: 'k' })
  const { message } = await turn.reply
  const [call] = await ben.listCalls(turn.id)
  return { ...chat, ben, ann: chat.engine.as('ann'), turn, message, call: call?.callId ?? '' }
}

interface Ids {
  readonly conversation: string
  readonly message: string
  readonly turn: string
  /** The call of a tool. */
  readonly call: string
}

const CALLS: Readonly<Record<string, (view: OwnerView, ids: Ids) => unknown>> = {
  getConversation: (view, { conversation }) => view.getConversation(conversation),
  updateConversation: (view, { conversation }) =>
    view.updateConversation(conversation, { title: 'Mine' }),
  archiveConversation: (view, { conversation }) => view.archiveConversation(conversation, true),
  unarchive: (view, { conversation }) => view.archiveConversation(conversation, false),
  deleteConversation: (view, { conversation }) => view.deleteConversation(conversation),
  listMessages: (view, { conversation }) => view.listMessages(conversation),
  'listMessages: page': (view, { conversation, message }) =>
    view.listMessages(conversation, { limit: 1, before: message }),
  listTurns: (view, { conversation }) => view.listTurns(conversation),
  send: (view, { conversation }) => view.send(conversation, 'hello'),
  'send: key': (view, { conversation }) =>
    view.send(conversation, 'hello', { idempotencyKey: 'k' }),
  retry: (view, { conversation }) => view.retry(conversation),
  cancel: (view, { conversation }) => view.cancel(conversation),
  'cancel: turn': (view, { conversation, turn }) => view.cancel(conversation, { turnId: turn }),
  'cancel: queue': (view, { conversation }) => view.cancel(conversation, { queued: 'cancel' }),
  'cancel: queue runs': (view, { conversation }) => view.cancel(conversation, { queued: 'run' }),
  listQueue: (view, { conversation }) => view.listQueue(conversation),
  resumeQueue: (view, { conversation }) => view.resumeQueue(conversation),
  'resumeQueue: first': (view, { conversation, turn }) =>
    view.resumeQueue(conversation, { first: turn }),
  runningTurn: (view, { conversation }) => view.runningTurn(conversation),
  listBranches: (view, { message }) => view.listBranches(message),
  switchBranch: (view, { message }) => view.switchBranch(message),
  fork: (view, { message }) => view.fork(message),
  regenerate: (view, { message }) => view.regenerate(message),
  edit: (view, { message }) => view.edit(message, 'other'),
  getTurn: (view, { turn }) => view.getTurn(turn),
  attachTurn: (view, { turn }) => view.attachTurn(turn),
  listCalls: (view, { turn }) => view.listCalls(turn),
  listSteps: (view, { turn }) => view.listSteps(turn),
  supply: (view, { call }) => view.supply(call, { output: 1 }),
}

/** The outcome of a call as somebody sees it who knows the ids: they are struck out. */
async function seenBy(view: OwnerView, call: string, ids: Ids): Promise<unknown> {
  const outcome = await outcomeOf((async () => await CALLS[call]?.(view, ids))())
  if (!('error' in outcome)) return outcome.value
  const { code, message } = outcome.error as { code: string; message: string }
  return { code, words: Object.values(ids).reduce((text, id) => text.replaceAll(id, '*'), message) }
}

describe('what is missing, deleted or of another owner', () => {
  test.each(Object.keys(CALLS))('is the same to %s, at the same cost', async (call) => {
    const { ann, ben, turn, message, call: callId } = await bens()
    const deleted = await ben.startConversation({ id: 'conversation-that-was-deleted' })
    await ben.deleteConversation(deleted.id)
    const foreign = { conversation: OF_BEN, message: message.id, turn: turn.id, call: callId }
    const missing = { conversation: MISSING, message: 'no-message', turn: 'no-turn', call: 'none' }
    const { run } = driverCalls()
    const costs: (readonly string[])[] = []
    const outcomes: unknown[] = []
    for (const ids of [missing, foreign, { ...missing, conversation: deleted.id }]) {
      const before = run().length
      outcomes.push(await seenBy(ann, call, ids))
      costs.push(run().slice(before))
    }

    expect(outcomes[1]).toEqual(outcomes[0])
    expect(outcomes[2]).toEqual(outcomes[0])
    expect(costs[1]).toEqual(costs[0])
    expect(costs[2]).toEqual(costs[0])
    const own = await seenBy(ben, call, foreign)
    if (call !== 'runningTurn') expect(own).not.toEqual(outcomes[0])
  })

  test('is the same while a turn of it runs, which goes on', async () => {
    const { provider, engine, ann, ben, call: callId } = await bens()
    const gate = closedGate()
    provider.next(streamed(['Once'], { gate: gate.opened }))
    const turn = await ben.send(OF_BEN, 'a story')
    const foreign = {
      conversation: OF_BEN,
      message: turn.userMessage.id,
      turn: turn.id,
      call: callId,
    }
    const missing = { conversation: MISSING, message: 'no-message', turn: 'no-turn', call: 'none' }
    for (const call of Object.keys(CALLS)) {
      expect(await seenBy(ann, call, foreign), call).toEqual(await seenBy(ann, call, missing))
    }
    expect(ann.runningTurns()).toEqual([])
    expect(ben.runningTurns().map(({ id }) => id)).toEqual([turn.id])
    gate.open()
    expect((await turn.reply).message.text).toBe('Once')
    expect(await engine.getConversation(OF_BEN)).toMatchObject({ title: 'Secret' })
  })
})

test('a view reads and writes what is its own, and creates nothing else', async () => {
  const { engine, ben, ann, message } = await bens()
  const forked = await ben.fork(message.id)
  const started = await ann.send('conversation-of-ann', 'hello', { startWith: { title: 'A' } })
  await started.reply

  expect(ann.ownerId).toBe('ann')
  expect(forked.ownerId).toBe('ben')
  expect((await ann.listConversations()).map(({ id }) => id)).toEqual(['conversation-of-ann'])
  expect((await ben.listConversations()).map(({ id }) => id)).toEqual([forked.id, OF_BEN])
  expect(await engine.getConversation('conversation-of-ann')).toMatchObject({ ownerId: 'ann' })
  expect(await ann.listMessages('conversation-of-ann')).toHaveLength(2)
  for (const taken of [
    () => ann.startConversation({ id: OF_BEN }),
    () => ann.send(OF_BEN, 'hello', { startWith: {} }),
  ]) {
    await expect(taken()).rejects.toMatchObject({ code: 'conversation-exists' })
  }
  expect(await ben.listMessages(OF_BEN)).toHaveLength(2)
})

test('a send is refused whose conversation goes to somebody else before it is written', async () => {
  const { engine, ann } = await bens()
  const { id } = await ann.startConversation()
  const sending = outcomeOf(ann.send(id, 'hello'))
  await engine.updateConversation(id, { ownerId: 'ben' })

  expect(await sending).toMatchObject({ error: { code: 'conversation-not-found' } })
  expect(await engine.listMessages(id)).toEqual([])
})

test('conversations of nobody are seen only by a view that has them too', async () => {
  const { engine, conversation } = await bens()
  const [hidden, shared] = [engine.as('ann'), engine.as('ann', { unowned: true })]
  const seen: ConversationEvent[] = []
  shared.events().subscribe((event) => seen.push(event))

  expect(await hidden.getConversation(conversation.id)).toBeUndefined()
  expect(await hidden.listConversations()).toEqual([])
  expect((await shared.listConversations()).map(({ id }) => id)).toEqual([conversation.id])
  await (
    await shared.send(conversation.id, 'hello')
  ).reply
  expect(seen.at(-1)).toMatchObject({ type: 'turn.done', conversationId: conversation.id })
  expect(await shared.getConversation(OF_BEN)).toBeUndefined()
})

test('a view of an engine that only reads is a view too', async () => {
  const database = await testDatabase()
  const writer = await testEngine({ database })
  await writer.as('ben').startConversation({ id: OF_BEN })
  const viewer = await testEngine({ database, readOnly: true })

  expect(await viewer.as('ben').listMessages(OF_BEN)).toEqual([])
  expect(await viewer.as('ann').getConversation(OF_BEN)).toBeUndefined()
  await expect(viewer.as('ann').listMessages(OF_BEN)).rejects.toMatchObject({
    code: 'conversation-not-found',
  })
  await expect(viewer.as('ben').deleteConversation(OF_BEN)).rejects.toMatchObject({
    code: 'read-only',
  })
})

test.each<[string, (engine: Engine) => unknown]>([
  ['an empty owner', (engine) => engine.as('')],
  ['an owner of 201 characters', (engine) => engine.as('x'.repeat(201))],
  ['another option', (engine) => engine.as('ann', { all: true } as never)],
  ['ownerId at a start', (engine) => engine.as('ann').startConversation({ ownerId: 'ann' })],
  ['ownerId in a list', (engine) => engine.as('ann').listConversations({ ownerId: 'ann' })],
  ['ownerId in events', (engine) => engine.as('ann').events({ ownerId: 'ann' })],
  [
    'ownerId in an update',
    (engine) => engine.as('ben').updateConversation(OF_BEN, { ownerId: 'ann' }),
  ],
  ['a short id', (engine) => engine.as('ann').startConversation({ id: 'x'.repeat(15) })],
  ['a short id to begin with', (engine) => engine.as('ann').send('short', 'hi', { startWith: {} })],
  [
    'ownerId to begin with',
    (engine) => engine.as('ann').send(MISSING, 'hi', { startWith: { ownerId: 'ben' } }),
  ],
])('%s is refused before anything changes', async (_, call) => {
  const { engine } = await bens()
  const before = await engine.listConversations()
  const outcome = await outcomeOf((async () => await call(engine))())

  expect(outcome).toMatchObject({ error: { code: 'invalid-option' } })
  expect(await engine.listConversations()).toEqual(before)
})

describe('whatever two owners do', () => {
  /** What Ann sees of her calls and events, if Ben makes his between them or not. */
  async function seenByAnn(
    steps: readonly { who: 'ann' | 'ben'; call: string; other: boolean }[],
    hasBen: boolean,
  ): Promise<unknown> {
    const { engine } = await testChat()
    const names = { ann: 'conversation-of-ann', ben: OF_BEN }
    const events: string[] = []
    const ann = engine.as('ann')
    ann.events().subscribe(({ type, conversationId, seq }) => {
      events.push(`${type} ${conversationId === names.ann ? 'own' : 'new'} ${seq}`)
    })
    const ids: Record<'ann' | 'ben', Ids> = {
      ann: { conversation: names.ann, message: 'none', turn: 'none', call: 'none' },
      ben: { conversation: names.ben, message: 'none', turn: 'none', call: 'none' },
    }
    for (const who of ['ann', 'ben'] as const) {
      if (who === 'ben' && !hasBen) continue
      const view = engine.as(who)
      await view.startConversation({ id: names[who] })
      const turn = await view.send(names[who], 'hello')
      const { message } = await turn.reply
      ids[who] = { conversation: names[who], message: message.id, turn: turn.id, call: 'none' }
    }
    const seen: unknown[] = []
    for (const { who, call, other } of steps) {
      if (who === 'ben' && !hasBen) continue
      const view = engine.as(who)
      const wanted = (who === 'ann') === other ? ids.ben : ids.ann
      const outcome = await seenBy(view, call, wanted)
      await Promise.all(view.runningTurns().map(({ reply }) => reply.catch(() => {})))
      if (who === 'ann') seen.push(summary(outcome))
    }
    seen.push((await ann.listConversations({ archived: 'any' })).length, events)
    await engine.close()
    return seen
  }

  /** Without ids and times, which differ from run to run. */
  function summary(value: unknown): unknown {
    if (Array.isArray(value)) return value.map(summary)
    if (typeof value !== 'object' || value === null) return value
    const { code, words, title, status, text, outcome, from, phase } = value as Record<
      string,
      unknown
    >
    return { code, words, title, status, text, outcome, from, phase }
  }

  test('one of them sees the same as if the other were not there', async () => {
    const step = fc.record({
      who: fc.constantFrom('ann' as const, 'ben' as const),
      call: fc.constantFrom(...Object.keys(CALLS)),
      other: fc.boolean(),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 15 }), async (steps) => {
        expect(await seenByAnn(steps, true)).toEqual(await seenByAnn(steps, false))
      }),
      { numRuns: 12 },
    )
  }, 120_000)
})
