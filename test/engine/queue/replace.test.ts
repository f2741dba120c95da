/** Sends that replace the running turn and the queue: what ends, what comes back, what is asked. */
import { describe, expect, test } from 'vitest'
import type { Turn } from '../../../src/index.ts'
import { testDatabase, testEngine } from '../../support/engine.ts'
import { json } from '../../support/scripts.ts'
import { eventLog } from '../../support/waiting.ts'
import { busyChat, ids, queueOf } from './chat.ts'

const REPLACED = { code: 'replaced' }

async function texts(engine: Awaited<ReturnType<typeof busyChat>>['engine'], id: string) {
  return (await engine.listMessages(id)).map(({ text }) => text)
}

describe('a send that replaces', () => {
  test('ends the running turn and the queue, and then starts', async () => {
    const { provider, engine, id, running } = await busyChat()
    const queued = [await engine.send(id, 'one'), await engine.send(id, 'two')]
    const log = eventLog(engine, id)
    const turn = await engine.send(id, 'instead', { sendPolicy: 'replace' })

    expect(turn.placed).toBe('queued')
    expect((await turn.reply).message.text).toBe('re: instead')
    for (const { reply } of [running, ...queued])
      await expect(reply).rejects.toMatchObject(REPLACED)
    for (const { id: turnId } of [running, ...queued]) {
      expect(await engine.getTurn(turnId)).toMatchObject({ status: 'cancelled', error: REPLACED })
    }
    expect(await engine.getTurn(turn.id)).toMatchObject({ status: 'done', sendPolicy: 'replace' })
    const ended = log.filter((event) => event.type === 'turn.cancelled')
    expect(ended.map((event) => 'withdrawn' in event && event.withdrawn)).toEqual(
      expect.arrayContaining([[queued[0]?.userMessage], [queued[1]?.userMessage]]),
    )
    expect((await texts(engine, id)).filter((text) => text === 'one' || text === 'two')).toEqual([])
    expect((await texts(engine, id)).slice(-2)).toEqual(['instead', 're: instead'])
    expect(await queueOf(engine, id)).toEqual([])
    expect(provider.requests).toHaveLength(2)
    expect((await engine.attachTurn(running.id)).phase).toBe('cancelled')
    await expect((await engine.attachTurn(running.id)).reply).rejects.toMatchObject(REPLACED)
  })

  test('starts where nothing runs and nothing is queued', async () => {
    const { engine, id, gate, running } = await busyChat()
    gate.open()
    await running.reply
    const turn = await engine.send(id, 'next', { sendPolicy: 'replace' })
    expect(turn.placed).toBe('started')
    expect((await turn.reply).message.text).toBe('re: next')
  })

  test('ends a held queue, also one of before a restart', async () => {
    const database = await testDatabase()
    const secrets = { encryptionKey: new Uint8Array(32).fill(7) }
    const { engine, id, running } = await busyChat({ database, secrets })
    const queued = [await engine.send(id, 'one'), await engine.send(id, 'two')]
    await running.cancel()
    await engine.close()
    const again = await testEngine({ database, secrets })
    const turn = await again.send(id, 'instead', { sendPolicy: 'replace' })
    expect((await turn.reply).message.text).toBe('re: instead')
    for (const turnId of ids(queued)) {
      await expect.poll(() => again.getTurn(turnId)).toMatchObject({ error: REPLACED })
    }
    expect(await queueOf(again, id)).toEqual([])
  })

  test('is not counted by limits.queuedTurns, and changes nothing where it is refused', async () => {
    const { engine, id, running } = await busyChat({ limits: { queuedTurns: 0 } })
    const options = { sendPolicy: 'replace', endpoint: 'nowhere' } as const
    await expect(engine.send(id, 'x', options)).rejects.toMatchObject({
      code: 'endpoint-not-found',
    })
    expect(engine.runningTurn(id)?.id).toBe(running.id)
    await expect(engine.send(id, 'x', { sendPolicy: 'steer' })).rejects.toMatchObject({
      code: 'queue-full',
    })
    const turn = await engine.send(id, 'instead', { sendPolicy: 'replace' })
    expect((await turn.reply).message.text).toBe('re: instead')
    await expect(running.reply).rejects.toMatchObject(REPLACED)
  })

  test('starts also after a reply that failed in the meantime', async () => {
    const { provider, engine, id, gate, running } = await busyChat()
    provider.next(json({ error: { message: 'down' } }, { status: 400 }))
    const failing = await engine.send(id, 'fails')
    let sent: Promise<Turn> | undefined
    engine.inspect((event) => {
      // The machine of the failing turn is about to save its end.
      if (event.type !== '@xstate.event' || event.event.type !== 'reply.failed') return
      sent ??= engine.send(id, 'instead', { sendPolicy: 'replace' })
    })
    gate.open()
    await running.reply
    await expect(failing.reply).rejects.toMatchObject({ code: 'request-rejected' })
    expect((await (await sent)?.reply)?.message.text).toBe('re: instead')
  })

  test('with another parent begins a branch', async () => {
    const { engine, id, running } = await busyChat()
    const turn = await engine.send(id, 'a new root', { parentId: null, sendPolicy: 'replace' })
    expect((await turn.reply).message.text).toBe('re: a new root')
    expect(await texts(engine, id)).toEqual(['a new root', 're: a new root'])
    expect((await engine.listBranches(running.userMessage.id)).map(({ text }) => text)).toEqual([
      'running',
      'a new root',
    ])
  })
})

describe('a regeneration that replaces', () => {
  test('answers the input again whose reply ran', async () => {
    const { engine, id, running } = await busyChat()
    const log = eventLog(engine, id)
    const input = running.userMessage
    const turn = await engine.regenerate(input.id, { sendPolicy: 'replace' })
    expect(turn).toMatchObject({ placed: 'queued', userMessage: { id: input.id } })
    const { message } = await turn.reply
    expect(message).toMatchObject({ text: 're: running', parentId: input.id })
    await expect(running.reply).rejects.toMatchObject(REPLACED)
    expect(await texts(engine, id)).toEqual(['running', 're: running'])
    const types = log.flatMap(({ type, turnId }) => (turnId === turn.id ? [type] : []))
    expect(types.slice(0, 2)).toEqual(['turn.queued', 'turn.accepted'])
  })

  test('answers the last input again where a turn of it has ended', async () => {
    const { engine, id, running } = await busyChat()
    await running.cancel()
    const held = await engine.send(id, 'held', { sendPolicy: 'queue' })
    await held.reply
    const again = await engine.retry(id, { sendPolicy: 'replace' })
    expect((await again.reply).message.text).toBe('re: held')
    expect(await texts(engine, id)).toContain('held')
  })

  test.each(['queue', 'merge', 'steer'] as const)('does not take %s', async (sendPolicy) => {
    const { engine, id, running, gate } = await busyChat()
    const refused = { code: 'invalid-option' }
    const message = running.userMessage.id
    await expect(engine.regenerate(message, { sendPolicy })).rejects.toMatchObject(refused)
    await expect(engine.edit(message, 'x', { sendPolicy })).rejects.toMatchObject(refused)
    await expect(engine.retry(id, { sendPolicy })).rejects.toMatchObject(refused)
    const options = { sendPolicy, parentId: null }
    await expect(engine.send(id, 'x', options)).rejects.toMatchObject(refused)
    expect(await queueOf(engine, id)).toEqual([])
    gate.open()
    await running.reply
    await expect(engine.send(id, 'x', options)).rejects.toMatchObject(refused)
  })

  test('takes the policy of the conversation, and reject in place of one that queues', async () => {
    const { engine, id, running } = await busyChat()
    const message = running.userMessage.id
    for (const sendPolicy of ['queue', 'merge', 'steer'] as const) {
      await engine.updateConversation(id, { sendPolicy })
      await expect(engine.edit(message, 'x')).rejects.toMatchObject({ code: 'turn-running' })
    }
    await engine.updateConversation(id, { sendPolicy: 'replace' })
    const turn = await engine.edit(message, 'edited')
    expect((await turn.reply).message.text).toBe('re: edited')
  })
})
