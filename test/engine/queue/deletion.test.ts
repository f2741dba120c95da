/** Deleting a conversation that has a queue, at whatever point of a send, a start or a cancel. */
import { expect, test } from 'vitest'
import { testChat } from '../../support/engine.ts'
import { hang } from '../../support/scripts.ts'
import { eventLog, outcomeOf, ticks } from '../../support/waiting.ts'
import { queueOf } from './chat.ts'

type Chat = Awaited<ReturnType<typeof testChat>>

/** A conversation with a held queue of two turns. */
async function heldQueue({ engine, provider }: Chat, id: string) {
  provider.next(hang())
  await engine.startConversation({ id })
  const asked = provider.requests.length
  const running = await engine.send(id, 'running')
  await provider.request(asked)
  const queued = [await engine.send(id, 'a'), await engine.send(id, 'b')]
  await engine.cancel(id)
  await outcomeOf(running.reply)
  return { queued }
}

const ENDS = ['turn.done', 'turn.cancelled', 'turn.failed']

test('a conversation that gets the id of a deleted one runs its own queue only', async () => {
  const chat = await testChat({ sendPolicy: 'queue' })
  const { engine } = chat
  for (let steps = 0; steps < 16; steps += 1) {
    const id = `conversation-${steps}`
    const { queued: old } = await heldQueue(chat, id)
    const log = eventLog(engine, id)

    const deleted = engine.deleteConversation(id)
    for (let step = 0; step < steps; step += 1) await Promise.resolve()
    // Its write comes after that of the new conversation.
    const [started, sent] = await Promise.all([
      outcomeOf(engine.startConversation({ id })),
      outcomeOf(engine.send(id, 'x')),
      deleted,
    ])
    if ('error' in started) await engine.startConversation({ id })
    const turns = [...('value' in sent ? [sent.value] : []), await engine.send(id, 'y')]

    for (const { reply } of turns) await outcomeOf(reply)
    expect((await turns.at(-1)?.reply)?.message.text).toBe('Hello')
    await ticks(2)
    for (const { id: turnId } of [...old, ...turns]) {
      const ends = log.filter((event) => event.turnId === turnId && ENDS.includes(event.type))
      expect(ends).toHaveLength(1)
    }
    expect(await queueOf(engine, id)).toEqual([])
  }
})

test('a queued turn that is being started while its conversation is deleted was cancelled', async () => {
  const chat = await testChat({ sendPolicy: 'queue' })
  const { engine } = chat
  const outcomes: unknown[] = []
  for (let steps = 0; steps < 16; steps += 1) {
    const id = `conversation-${steps}`
    const { queued } = await heldQueue(chat, id)
    const resumed = outcomeOf(engine.resumeQueue(id))
    for (let step = 0; step < steps; step += 1) await Promise.resolve()
    const deleted = engine.deleteConversation(id)
    const cancelled = steps % 4 < 2 ? outcomeOf(engine.cancel(id)) : undefined
    // Its row may be missing in a conversation that is there again.
    const again = steps % 2 === 0 ? outcomeOf(engine.startConversation({ id })) : undefined
    await Promise.all([resumed, deleted, cancelled, again])
    outcomes.push(...(await Promise.all(queued.map(({ reply }) => outcomeOf(reply)))))
  }

  for (const outcome of outcomes) {
    const code: unknown = expect.stringMatching(/^(cancelled|conversation-not-found)$/)
    expect(outcome).toMatchObject({ error: { code } })
  }
})

test('a queued turn that is being cancelled while its conversation is deleted ends once', async () => {
  const chat = await testChat({ sendPolicy: 'queue' })
  const { engine } = chat
  for (let steps = 0; steps < 40; steps += 1) {
    const id = `conversation-${steps}`
    const { queued } = await heldQueue(chat, id)
    const log = eventLog(engine, id)
    const deleted = engine.deleteConversation(id)
    for (let step = 0; step < steps; step += 1) await Promise.resolve()
    const cancelled = queued.map((turn) => outcomeOf(turn.cancel()))
    await Promise.all([deleted, ...cancelled, ...queued.map(({ reply }) => outcomeOf(reply))])
    await ticks(2)

    const ends = log.filter(({ turnId, type }) => turnId !== undefined && ENDS.includes(type))
    expect(ends).toMatchObject([{ type: 'turn.cancelled' }, { type: 'turn.cancelled' }])
  }
})

test('a send that is queued as its conversation is deleted is refused, or its turn is cancelled', async () => {
  const chat = await testChat({ sendPolicy: 'queue' })
  const { engine, provider } = chat
  for (let steps = 0; steps < 32; steps += 1) {
    const { id } = await engine.startConversation()
    const log = eventLog(engine, id)
    provider.next(hang())
    const asked = provider.requests.length
    await engine.send(id, 'running')
    await provider.request(asked)
    const deleted = engine.deleteConversation(id)
    for (let step = 0; step < steps; step += 1) await Promise.resolve()
    const sent = await outcomeOf(engine.send(id, 'late'))
    await deleted

    const code: unknown = expect.stringMatching(/^(cancelled|conversation-not-found)$/)
    if ('error' in sent) expect(sent).toMatchObject({ error: { code } })
    else {
      expect(await outcomeOf(sent.value.reply)).toMatchObject({ error: { code } })
      const { id: turnId } = sent.value
      const ends = log.filter((event) => event.turnId === turnId && ENDS.includes(event.type))
      expect(ends).toMatchObject([{ type: 'turn.cancelled' }])
    }
  }
})
