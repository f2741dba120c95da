/** A host may choose any id for a conversation. */
import { describe, expect, test } from 'vitest'
import { testChat } from '../../support/engine.ts'
import { endless } from '../../support/scripts.ts'
import { eventLog, shown } from '../../support/waiting.ts'

const WEIRD_IDS = [
  '__proto__',
  'constructor',
  'toString',
  'a.b.c',
  '*',
  'xstate.done.actor.turn',
  'turn',
  '#conversation',
  '../../etc/passwd',
  "'; drop table conversation; --",
  '"quoted"',
  ' ',
  'with\u0000nul',
  '\ud83d',
  'émoji 👨‍👩‍👧 and ελληνικά',
  'x'.repeat(200),
]

describe('an id like', () => {
  test.each(WEIRD_IDS)('%j works like any other', async (id) => {
    const { engine, provider } = await testChat()
    const log = eventLog(engine, id)
    await engine.startConversation({ id })
    await expect(engine.startConversation({ id })).rejects.toMatchObject({
      code: 'conversation-exists',
    })

    const { message, turn } = await (await engine.send(id, 'hello')).reply
    provider.next(endless())
    const running = await engine.send(id, 'go on')
    await shown(running, 1)
    const found = engine.runningTurn(id)?.id
    const receipt = await engine.cancel(id)

    expect([message.conversationId, turn.conversationId, found]).toEqual([id, id, running.id])
    expect(receipt.outcome).toBe('cancelled')
    expect(await engine.getConversation(id)).toMatchObject({ id })
    expect((await engine.listConversations()).map((each) => each.id)).toContain(id)
    expect(await engine.listMessages(id)).toHaveLength(4)
    expect((await engine.listTurns(id)).map(({ status }) => status)).toEqual(['done', 'cancelled'])
    expect(log.every((event) => event.conversationId === id)).toBe(true)
    await engine.deleteConversation(id)
    expect(await engine.getConversation(id)).toBeUndefined()
  })

  test('another one does not get in its way', async () => {
    const { engine } = await testChat()
    for (const id of WEIRD_IDS) await engine.startConversation({ id, title: `of ${id}` })

    await Promise.all(WEIRD_IDS.map(async (id) => (await engine.send(id, `to ${id}`)).reply))

    for (const id of WEIRD_IDS) {
      expect((await engine.listMessages(id)).map(({ text }) => text)).toEqual([`to ${id}`, 'Hello'])
    }
  })
})
