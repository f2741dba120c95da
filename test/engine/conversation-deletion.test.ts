/** Deleting a conversation, at rest and during a send. */
import { describe, expect, test } from 'vitest'
import { testChat } from '../support/engine.ts'
import { endless, hang } from '../support/scripts.ts'
import { eventLog, nextEvent, shown } from '../support/waiting.ts'

describe('deleting a conversation', () => {
  test('removes it with all that it holds', async () => {
    const { engine, conversation } = await testChat()
    const { id } = conversation
    const other = await engine.startConversation()
    const { turn } = await (await engine.send(id, 'hello')).reply
    await (
      await engine.send(other.id, 'hello')
    ).reply
    const log = eventLog(engine)

    await engine.deleteConversation(id)

    expect(log).toMatchObject([
      { type: 'conversation.changed', change: 'deleted', conversationId: id, seq: 0 },
    ])
    expect(log[0]).not.toHaveProperty('conversation')
    expect(await engine.getConversation(id)).toBeUndefined()
    expect(await engine.getTurn(turn.id)).toBeUndefined()
    expect((await engine.listConversations()).map((each) => each.id)).toEqual([other.id])
    expect(await engine.listMessages(other.id)).toHaveLength(2)
    await expect(engine.listMessages(id)).rejects.toMatchObject({ code: 'conversation-not-found' })
    await expect(engine.send(id, 'hello')).rejects.toMatchObject({ code: 'conversation-not-found' })
    await expect(engine.deleteConversation(id)).rejects.toMatchObject({
      code: 'conversation-not-found',
    })
  })

  test('first cancels the turn that runs in it', async () => {
    const { provider, engine, conversation } = await testChat()
    const { id } = conversation
    provider.next(endless())
    const log = eventLog(engine, id)
    const turn = await engine.send(id, 'go on')
    await shown(turn, 10)

    await engine.deleteConversation(id)

    await expect(turn.reply).rejects.toMatchObject({
      code: 'cancelled',
      partial: { text: expect.stringContaining('word') },
    })
    await (
      await provider.request(0)
    ).closed
    expect(engine.runningTurn(id)).toBeUndefined()
    expect(log.map(({ type }) => type).slice(-2)).toEqual([
      'turn.cancelled',
      'conversation.changed',
    ])
    expect(await engine.getTurn(turn.id)).toBeUndefined()
  })

  test('leaves its id to a new one', async () => {
    const { engine } = await testChat()
    await engine.startConversation({ id: 'mine', title: 'Old' })
    await (
      await engine.send('mine', 'hello')
    ).reply

    await engine.deleteConversation('mine')
    await engine.startConversation({ id: 'mine' })
    const { message } = await (await engine.send('mine', 'hello')).reply

    expect(message.position).toBe(2)
    expect(await engine.getConversation('mine')).not.toHaveProperty('title')
  })

  test('at whatever point of a send either refuses the send or cancels its turn', async () => {
    const { provider, engine, conversation } = await testChat()
    provider.always(hang())

    for (let steps = 0; steps < 40; steps += 1) {
      const { id } = await engine.startConversation()
      const sending = engine.send(id, 'hello').then(({ reply }) => reply)
      const outcome = sending.catch((error: unknown) => error)
      for (let step = 0; step < steps; step += 1) await Promise.resolve()

      await engine.deleteConversation(id)

      expect(await outcome).toMatchObject({
        code: expect.stringMatching(/^(cancelled|conversation-not-found)$/),
      })
      expect(engine.runningTurn(id)).toBeUndefined()
    }
    expect(await engine.listConversations()).toEqual([conversation])
    await Promise.all(provider.requests.map(({ closed }) => closed))
  })

  test('while another send waits refuses that one', async () => {
    const { provider, engine, conversation } = await testChat()
    const { id } = conversation
    provider.next(endless())
    const turn = await engine.send(id, 'go on')
    await shown(turn, 1)
    const ended = nextEvent(turn.events, 'turn.cancelled')

    const deleted = engine.deleteConversation(id)
    await ended
    const outcome = await turn.reply
      .catch(() => engine.send(id, 'quick, before it is gone'))
      .then((again) => (again as { reply: Promise<unknown> }).reply)
      .catch((error: unknown) => error)
    await deleted

    expect(outcome).toMatchObject({
      code: expect.stringMatching(/^(conversation-not-found|cancelled|turn-lost)$/),
    })
    expect(await engine.getConversation(id)).toBeUndefined()
    expect(engine.runningTurn(id)).toBeUndefined()
  })
})
