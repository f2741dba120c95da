/** Queues as owner views see them: a foreign one does not exist, whatever is asked of it. */
import { expect, test } from 'vitest'
import type { ConversationEvent } from '../../../src/index.ts'
import { testChat, testDatabase, testEngine } from '../../support/engine.ts'
import { closedGate, streamed } from '../../support/scripts.ts'
import { outcomeOf, ticks } from '../../support/waiting.ts'

const OF_BEN = 'conversation-of-ben'
const secrets = { encryptionKey: new Uint8Array(32).fill(7) }

/** Ben's conversation, with a running turn and a queue of two. */
async function busyBen() {
  const database = await testDatabase()
  const chat = await testChat({ database, secrets, sendPolicy: 'queue' })
  const [ann, ben] = [chat.engine.as('ann'), chat.engine.as('ben')]
  const events: { readonly [who in 'ann' | 'ben']: ConversationEvent[] } = { ann: [], ben: [] }
  ann.events().subscribe((event) => events.ann.push(event))
  ben.events().subscribe((event) => events.ben.push(event))
  await ben.startConversation({ id: OF_BEN })
  const gate = closedGate()
  chat.provider.next(streamed(['first'], { gate: gate.opened }))
  chat.provider.always(streamed(['reply']))
  const running = await ben.send(OF_BEN, 'running')
  await chat.provider.request(0)
  const queued = [await ben.send(OF_BEN, 'one'), await ben.send(OF_BEN, 'two')]
  return { ...chat, database, ann, ben, gate, running, queued, events }
}

test('queued turns are counted for each owner, for all, and after a restart', async () => {
  const { engine, provider, database, ann, ben } = await busyBen()
  provider.next(streamed(['first'], { gate: closedGate().opened }))
  const nobodys = await engine.startConversation()
  await engine.send(nobodys.id, 'running')
  await engine.send(nobodys.id, 'queued')
  expect(await ben.countQueuedTurns()).toBe(2)
  expect(await ann.countQueuedTurns()).toBe(0)
  expect(await engine.countQueuedTurns()).toBe(3)
  expect(await engine.as('ben', { unowned: true }).countQueuedTurns()).toBe(3)
  await engine.close()
  const later = await testEngine({ database, secrets, readOnly: true })
  expect(await later.countQueuedTurns()).toBe(3)
  expect(await later.as('ben').countQueuedTurns()).toBe(2)
})

test('a foreign queue is not seen, cancelled, resumed, joined or replaced', async () => {
  const { ann, ben, gate, queued, events } = await busyBen()
  const turnId = queued[0]?.id ?? ''
  const missing = { error: { code: 'conversation-not-found' } }
  for (const call of [
    () => ann.listQueue(OF_BEN),
    () => ann.resumeQueue(OF_BEN),
    () => ann.resumeQueue(OF_BEN, { first: turnId }),
    () => ann.cancel(OF_BEN, { turnId }),
    () => ann.cancel(OF_BEN, { queued: 'cancel' }),
    () => ann.cancel(OF_BEN, { queued: 'run' }),
    () => ann.send(OF_BEN, 'x', { sendPolicy: 'replace' }),
    () => ann.send(OF_BEN, 'x', { sendPolicy: 'merge' }),
    () => ann.retry(OF_BEN, { sendPolicy: 'replace' }),
  ]) {
    expect(await outcomeOf<unknown>(call())).toMatchObject(missing)
  }
  expect(await outcomeOf(ann.attachTurn(turnId))).toMatchObject({
    error: { code: 'turn-not-found' },
  })
  await ann.resumeQueue()
  expect(await ben.listQueue(OF_BEN)).toHaveLength(2)
  expect((await ben.attachTurn(turnId)).phase).toBe('queued')
  gate.open()
  for (const { reply } of queued) await reply
  expect(events.ann).toEqual([])
  const types = new Set(events.ben.map(({ type }) => type))
  expect([...types]).toEqual(expect.arrayContaining(['turn.queued', 'queue.changed']))
  for (const { ownerId } of events.ben) expect(ownerId).toBe('ben')
})

test('a view resumes and cancels its own queues, also after a restart, and no others', async () => {
  const { engine, database, queued } = await busyBen()
  const plain = await engine.startConversation({ id: 'of-nobody', ownerId: 'carl' })
  await engine.close()
  const again = await testEngine({ database, secrets })
  await again.as('ann').resumeQueue()
  await again.as('carl').resumeQueue(plain.id)
  await ticks(3)
  const ben = again.as('ben')
  expect((await ben.listQueue(OF_BEN)).map(({ turnId }) => turnId)).toEqual(
    queued.map(({ id }) => id),
  )
  const receipt = await ben.cancel(OF_BEN, { turnId: queued[1]?.id ?? '' })
  expect(receipt).toMatchObject({ outcome: 'cancelled', withdrawn: [{ text: 'two' }] })
  const turn = await ben.attachTurn(queued[0]?.id ?? '')
  await ben.resumeQueue()
  expect((await turn.reply).message.text).toBe('reply')
})

test('a queued turn follows its conversation to another owner', async () => {
  const { engine, ann, ben, gate, queued, events } = await busyBen()
  await engine.updateConversation(OF_BEN, { ownerId: 'ann' })
  expect(await outcomeOf(ben.listQueue(OF_BEN))).toMatchObject({
    error: { code: 'conversation-not-found' },
  })
  expect(await ann.listQueue(OF_BEN)).toHaveLength(2)
  const before = events.ben.length
  gate.open()
  for (const { reply } of queued) await reply
  expect(events.ben.slice(before)).toEqual([])
  const done = events.ann.flatMap(({ type, turnId }) => (type === 'turn.done' ? [turnId] : []))
  expect(done).toEqual(expect.arrayContaining(queued.map(({ id }) => id)))
})
