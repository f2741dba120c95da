/** Whose an event is: the owner on it, and the subscribers of one owner. */
import { describe, expect, test } from 'vitest'
import type { ConversationEvent, Engine, EventOptions } from '../../src/index.ts'
import { testChat, testEngine } from '../support/engine.ts'
import { arrivals, rebuiltText } from '../support/reading.ts'
import { chunk, closedGate, steps, streamed } from '../support/scripts.ts'
import { eventLog, nextEvent } from '../support/waiting.ts'

function logOf(engine: Engine, options: EventOptions): ConversationEvent[] {
  const log: ConversationEvent[] = []
  engine.events(options).subscribe((event) => log.push(event))
  return log
}

/** An engine with a conversation of Ann, one of Ben, and one of nobody. */
async function owned() {
  const chat = await testChat()
  for (const ownerId of ['ann', 'ben']) {
    await chat.engine.startConversation({ id: `of-${ownerId}`, ownerId })
  }
  return { ...chat, nobodys: chat.conversation.id }
}

async function ask(engine: Engine, id: string): Promise<void> {
  await (
    await engine.send(id, 'hello')
  ).reply
}

test('a conversation that is started is told, with its record', async () => {
  const engine = await testEngine()
  const log = eventLog(engine)

  const conversation = await engine.startConversation({ title: 'Stories', ownerId: 'ann' })

  const base = { seq: 0, conversationId: conversation.id, ownerId: 'ann', at: expect.any(Date) }
  expect(log).toEqual([{ ...base, type: 'conversation.changed', change: 'created', conversation }])
})

test('every event of an owned conversation carries its owner, and no other event does', async () => {
  const { engine, nobodys } = await owned()
  const log = eventLog(engine)

  for (const id of ['of-ann', 'of-ben', nobodys]) {
    await ask(engine, id)
    await engine.updateConversation(id, { title: 'A' })
    await engine.deleteConversation(id)
  }

  const owners = { 'of-ann': 'ann', 'of-ben': 'ben', [nobodys]: undefined }
  for (const event of log) {
    expect(event.ownerId).toBe(owners[event.conversationId])
    if (event.conversationId === nobodys) expect(event).not.toHaveProperty('ownerId')
  }
  const types = new Set(log.map((event) => ('change' in event ? event.change : event.type)))
  expect(types).toEqual(
    new Set([
      'turn.accepted',
      'turn.phase',
      'reply.delta',
      'reply.snapshot',
      'turn.done',
      'updated',
      'deleted',
    ]),
  )
})

test('a subscriber of an owner gets exactly the events of that owner', async () => {
  const { engine, nobodys } = await owned()
  const all = eventLog(engine)
  const ofAnn = logOf(engine, { ownerId: 'ann' })
  const ofAnnThere = logOf(engine, { ownerId: 'ann', conversationId: 'of-ann' })
  const ofBen = logOf(engine, { ownerId: 'ben' })
  const foreign = logOf(engine, { ownerId: 'ann', conversationId: 'of-ben' })

  for (const id of ['of-ann', 'of-ben', nobodys]) await ask(engine, id)

  expect(ofAnn).toEqual(all.filter(({ ownerId }) => ownerId === 'ann'))
  expect(ofAnn.length).toBeGreaterThan(5)
  expect(ofAnnThere).toEqual(ofAnn)
  expect(ofBen).toEqual(all.filter(({ ownerId }) => ownerId === 'ben'))
  expect(foreign).toEqual([])
})

test('a late subscriber of an owner is told of the running turns of that owner alone', async () => {
  const { provider, engine, nobodys } = await owned()
  const gate = closedGate()
  const turns = []
  for (const id of ['of-ann', 'of-ben', nobodys]) {
    provider.next(streamed(['Hi'], { gate: gate.opened }))
    turns.push(await engine.send(id, 'hello'))
  }

  const ofAnn = logOf(engine, { ownerId: 'ann' })
  expect(ofAnn).toMatchObject([{ type: 'turn.phase', conversationId: 'of-ann' }])
  expect(logOf(engine, { ownerId: 'ann', conversationId: 'of-ben' })).toEqual([])
  gate.open()
  await Promise.all(turns.map(({ reply }) => reply))

  expect(new Set(ofAnn.map(({ conversationId }) => conversationId))).toEqual(new Set(['of-ann']))
})

describe('a conversation that gets another owner while its turn runs', () => {
  test('goes on for the new one, who first gets what was missed; the old one hears no more', async () => {
    for (const selection of [{}, { conversationId: 'of-ann' }]) {
      const { provider, engine } = await owned()
      const { gate, step } = steps()
      const arrived = arrivals(engine, 'of-ann')
      provider.next(streamed(['Once', ' upon'], { gate }))
      const [ann, ben] = ['ann', 'ben'].map((ownerId) => logOf(engine, { ...selection, ownerId }))
      const benDeltas = logOf(engine, { ...selection, ownerId: 'ben', content: 'deltas' })
      const benPlain = logOf(engine, { ...selection, ownerId: 'ben', content: false })
      const turn = await engine.send('of-ann', 'a story')
      step()
      await arrived.chars(4)

      await engine.updateConversation('of-ann', { ownerId: 'ben' })
      const heard = ann?.length
      step()
      await turn.reply

      expect(ann).toHaveLength(heard ?? 0)
      expect(ben?.slice(0, 3)).toMatchObject([
        { type: 'turn.phase', phase: 'receiving', ownerId: 'ben' },
        { type: 'reply.snapshot', snapshot: { text: 'Once' }, ownerId: 'ben' },
        { type: 'conversation.changed', change: 'updated', ownerId: 'ben' },
      ])
      expect(ben?.at(-1)).toMatchObject({ type: 'turn.done', ownerId: 'ben' })
      expect(rebuiltText(ben ?? [])).toBe('Once upon')
      expect(rebuiltText(benDeltas)).toBe('Once upon')
      expect(benDeltas.filter(({ type }) => type === 'reply.snapshot')).toHaveLength(1)
      expect(new Set(benPlain.map(({ type }) => type))).toEqual(
        new Set(['turn.phase', 'conversation.changed', 'turn.done']),
      )
    }
  })

  test('has the newest owner even if the turn is being recorded', async () => {
    const { engine } = await owned()
    const log = eventLog(engine, 'of-ann')
    const sending = engine.send('of-ann', 'hello')
    const updating = engine.updateConversation('of-ann', { ownerId: 'ben' })
    await updating
    await (
      await sending
    ).reply

    expect(log.at(-1)).toMatchObject({ type: 'turn.done', ownerId: 'ben' })
    const changed = log.findIndex(({ type }) => type === 'conversation.changed')
    expect(log.slice(changed).every(({ ownerId }) => ownerId === 'ben')).toBe(true)
  })

  test('has no owner any more if the owner is removed', async () => {
    const { provider, engine } = await owned()
    const gate = closedGate()
    provider.next(streamed(['Once'], { gate: gate.opened }))
    const ann = logOf(engine, { ownerId: 'ann' })
    const log = eventLog(engine, 'of-ann')
    const turn = await engine.send('of-ann', 'a story')
    await provider.request(0)

    await engine.updateConversation('of-ann', { ownerId: null })
    gate.open()
    await turn.reply

    expect(ann.at(-1)?.type).toBe('turn.phase')
    expect(log.at(-1)?.type).toBe('turn.done')
    expect(log.at(-1)).not.toHaveProperty('ownerId')
  })
})

test('the usage of a cancelled turn that comes late is told to the owner of that moment', async () => {
  const { provider, engine } = await testChat({ usageOnCancel: 'drain' })
  await engine.startConversation({ id: 'c', ownerId: 'ann' })
  const gate = closedGate()
  const arrived = arrivals(engine, 'c')
  provider.next(async (exchange) => {
    exchange.write(chunk({ content: 'Once' }))
    await gate.opened
    exchange.write(chunk({}, { finish_reason: 'stop' }))
    exchange.done({ choices: [], usage: { prompt_tokens: 1, completion_tokens: 2 } })
  })
  const turn = await engine.send('c', 'a story')
  await arrived.chars(4)
  await turn.cancel()
  await engine.updateConversation('c', { ownerId: 'ben' })
  const told = nextEvent(engine.events({ ownerId: 'ben' }), 'turn.usage')
  gate.open()

  expect(await told).toMatchObject({ conversationId: 'c', ownerId: 'ben', turn: { id: turn.id } })
})

test('the turns that run are listed, oldest first, until they have ended', async () => {
  const { provider, engine, nobodys } = await owned()
  const gates = [closedGate(), closedGate()]
  for (const gate of gates) provider.next(streamed(['Hi'], { gate: gate.opened }))
  expect(engine.runningTurns()).toEqual([])
  const sending = engine.send('of-ann', 'hello')
  expect(engine.runningTurns()).toEqual([])
  const turns = [await sending, await engine.send(nobodys, 'hello')]

  const running = engine.runningTurns()
  expect(running.map(({ id, conversationId }) => [id, conversationId])).toEqual(
    turns.map(({ id, conversationId }) => [id, conversationId]),
  )
  expect(running[0]?.phase).toBe(engine.runningTurn('of-ann')?.phase)
  const receipt = await running[0]?.cancel()
  expect(receipt).toMatchObject({ outcome: 'cancelled' })
  expect(engine.runningTurns().map(({ id }) => id)).toEqual([turns[1]?.id])
  for (const gate of gates) gate.open()
  await turns[1]?.reply
  expect(engine.runningTurns()).toEqual([])

  await engine.close()
  expect(() => engine.runningTurns()).toThrow(expect.objectContaining({ code: 'engine-closed' }))
})

test.each(['', 'x'.repeat(201)])(
  'an owner of %s is refused before anything changes',
  async (id) => {
    const { engine } = await owned()
    const refusal = { code: 'invalid-option', message: expect.stringContaining('ownerId') }
    await expect(engine.startConversation({ id: 'new', ownerId: id })).rejects.toMatchObject(
      refusal,
    )
    await expect(
      engine.updateConversation('of-ann', { title: 'A', ownerId: id }),
    ).rejects.toMatchObject(refusal)
    await expect(engine.listConversations({ ownerId: id })).rejects.toMatchObject(refusal)
    expect(await engine.getConversation('new')).toBeUndefined()
    expect(await engine.getConversation('of-ann')).not.toHaveProperty('title')
  },
)
