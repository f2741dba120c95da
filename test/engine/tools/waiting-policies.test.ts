/** A send, an edit, a switch and a deletion where a turn waits for an answer to its calls. */
import { describe, expect, test } from 'vitest'
import type { CallRecord, SendPolicy } from '../../../src/index.ts'
import { closedGate } from '../../support/scripts.ts'
import { nextEvent, ticks } from '../../support/waiting.ts'
import { bodyOf, calling, done, resultsOf } from './tool-chat.ts'
import { mortalChat } from './mortal-chat.ts'
import { noting, waits } from './waiting-chat.ts'

function idOf(call: CallRecord | undefined): string {
  return call?.callId ?? ''
}

/** A turn that waits, in memory or only on disk. */
async function waitingTurn(place: 'in memory' | 'after a restart') {
  const ran: unknown[] = []
  const chat = await mortalChat({ pay: noting(ran) })
  const { provider, id } = chat
  provider.next(calling({ name: 'pay' }))
  const turn = await chat.engine.send(id, 'pay')
  const [call] = await waits(turn)
  const engine = place === 'in memory' ? chat.engine : await chat.afterDeath()
  return { ...chat, engine, ran, turn, call }
}

describe.each(['in memory', 'after a restart'] as const)('where a turn waits, %s,', (place) => {
  test('a send is refused with its calls', async () => {
    const { engine, id, turn, call, provider } = await waitingTurn(place)
    await expect(engine.send(id, 'more')).rejects.toMatchObject({
      code: 'turn-waiting',
      turnId: turn.id,
      calls: [{ callId: idOf(call) }],
    })
    await expect(engine.retry(id)).rejects.toMatchObject({ code: 'turn-waiting' })
    await expect(engine.edit(turn.userMessage.id, 'other')).rejects.toMatchObject({
      code: 'turn-waiting',
    })
    await expect(engine.regenerate(turn.userMessage.id)).rejects.toMatchObject({
      code: 'turn-waiting',
    })
    await expect(engine.switchBranch(turn.userMessage.id)).rejects.toMatchObject({
      code: 'turn-waiting',
    })
    expect(await engine.listMessages(id)).toHaveLength(1)
    expect(await engine.listWaitingCalls()).toEqual([call])
    expect(provider.requests).toHaveLength(1)
    const copy = await engine.fork(turn.userMessage.id)
    expect(await engine.listMessages(copy.id)).toHaveLength(1)
  })

  test.each(['queue', 'merge'] as const)('a %s send starts when it has ended', async (policy) => {
    const { engine, id, call, provider } = await waitingTurn(place)
    const next = await engine.send(id, 'more', { sendPolicy: policy })
    expect(next.placed).toBe('queued')
    await engine.resumeQueue(id)
    await ticks(5)
    expect(provider.requests).toHaveLength(1)
    expect(await engine.listQueue(id)).toHaveLength(1)
    provider.next(done, done)
    const waiting = await engine.currentTurn(id)
    await engine.decide(idOf(call), { approved: true })
    expect((await waiting?.reply)?.message.text).toBe('Done.')
    expect((await next.reply).message.text).toBe('Done.')
    expect(provider.requests).toHaveLength(3)
  })

  test('a steering send denies what waits, and begins with the results in its history', async () => {
    const { engine, id, ran, turn, provider } = await waitingTurn(place)
    const waiting = await engine.currentTurn(id)
    provider.next(done)
    const next = await engine.send(id, 'rather not', { sendPolicy: 'steer' })
    const { message, turn: record } = (await waiting?.reply) ?? {}
    expect(record).toMatchObject({ id: turn.id, status: 'done', endedBy: next.id })
    expect(message).toMatchObject({ finishReason: 'other', status: 'complete' })
    expect(resultsOf(message ?? { parts: [] })).toMatchObject([
      { code: 'denied', output: expect.stringContaining('The user wrote something else.') },
    ])
    await next.reply
    expect(bodyOf(provider, 1)['messages']).toMatchObject([
      { role: 'user', content: 'pay' },
      { role: 'assistant' },
      { role: 'tool' },
      { role: 'user', content: 'rather not' },
    ])
    expect(ran).toEqual([])
    expect((await engine.getTurn(turn.id))?.endedBy).toBe(next.id)
    expect(await engine.listCalls(turn.id)).toMatchObject([{ state: 'denied', code: 'denied' }])
  })

  test('a replacing send cancels it, and starts', async () => {
    const { engine, id, ran, turn, call, provider } = await waitingTurn(place)
    const waiting = await engine.currentTurn(id)
    provider.next(done)
    const next = await engine.send(id, 'instead', { sendPolicy: 'replace' })
    await expect(waiting?.reply).rejects.toMatchObject({ code: 'replaced' })
    expect((await next.reply).message.text).toBe('Done.')
    expect(await engine.getTurn(turn.id)).toMatchObject({
      status: 'cancelled',
      error: { code: 'replaced' },
    })
    expect(await engine.decide(idOf(call), { approved: true })).toMatchObject({
      outcome: 'turn-ended',
    })
    expect(ran).toEqual([])
  })

  test('a regeneration may replace it', async () => {
    const { engine, id, turn, provider } = await waitingTurn(place)
    provider.next(done)
    const next = await engine.regenerate(turn.userMessage.id, { sendPolicy: 'replace' })
    expect((await next.reply).message.text).toBe('Done.')
    expect((await engine.getTurn(turn.id))?.status).toBe('cancelled')
    expect((await engine.listMessages(id)).at(-1)?.text).toBe('Done.')
  })

  test('a cancel ends it, asks nobody, and says how many calls did not run', async () => {
    const { engine, id, turn, provider } = await waitingTurn(place)
    const waiting = await engine.currentTurn(id)
    expect(await engine.cancel(id)).toMatchObject({
      outcome: 'cancelled',
      from: 'waiting',
      tools: { stopped: 0, notRun: 1 },
    })
    await expect(waiting?.reply).rejects.toMatchObject({ code: 'cancelled' })
    expect((await engine.getTurn(turn.id))?.status).toBe('cancelled')
    expect(provider.requests).toHaveLength(1)
    expect(await engine.cancel(id)).toMatchObject({ outcome: 'already-done' })
    provider.next(done)
    expect((await (await engine.send(id, 'more')).reply).message.text).toBe('Done.')
  })

  test('a cancel may empty the queue behind it too', async () => {
    const { engine, id, turn } = await waitingTurn(place)
    const next = await engine.send(id, 'more', { sendPolicy: 'queue' })
    const receipt = await engine.cancel(id, { queued: 'cancel' })
    expect(receipt).toMatchObject({ outcome: 'cancelled', from: 'waiting' })
    expect(receipt.withdrawn).toMatchObject([{ text: 'more' }])
    await expect(next.reply).rejects.toMatchObject({ code: 'cancelled' })
    expect((await engine.getTurn(turn.id))?.status).toBe('cancelled')
    expect(await engine.listQueue(id)).toEqual([])
  })

  test('a deletion takes its calls with it', async () => {
    const { engine, id, turn, call } = await waitingTurn(place)
    const waiting = await engine.currentTurn(id)
    await engine.deleteConversation(id)
    await expect(waiting?.reply).rejects.toMatchObject({ code: 'cancelled' })
    await expect(engine.decide(idOf(call), { approved: true })).rejects.toMatchObject({
      code: 'call-not-found',
    })
    expect(await engine.listWaitingCalls()).toEqual([])
    await expect(engine.attachTurn(turn.id)).rejects.toMatchObject({ code: 'turn-not-found' })
  })

  test("another owner's view finds nothing to delete, and the turn goes on waiting", async () => {
    const { engine, id, turn } = await waitingTurn(place)
    await expect(engine.as('eve').deleteConversation(id)).rejects.toMatchObject({
      code: 'conversation-not-found',
    })
    expect((await engine.getTurn(turn.id))?.status).toBe('waiting')
  })

  test('airplane mode refuses a yes, and lets a no and a cancel through', async () => {
    const { engine, id, ran, call, turn } = await waitingTurn(place)
    await engine.setAirplaneMode(true)
    expect((await engine.getTurn(turn.id))?.status).toBe('waiting')
    await expect(engine.decide(idOf(call), { approved: true })).rejects.toMatchObject({
      code: 'airplane-mode',
    })
    expect(await engine.listWaitingCalls()).toEqual([call])
    const waiting = await engine.currentTurn(id)
    expect(await engine.decide(idOf(call), { approved: false })).toMatchObject({
      outcome: 'decided',
    })
    await expect(waiting?.reply).rejects.toMatchObject({ code: 'airplane-mode' })
    expect(ran).toEqual([])
  })
})

test('in airplane mode a turn that is bound to airplane goes on, with its local tools', async () => {
  const ran: unknown[] = []
  const { provider, engine, id } = await mortalChat({ pay: noting(ran, { local: true }) })
  await engine.putEndpoint('airplane', { url: provider.url, model: 'm' })
  await engine.setAirplaneMode(true)
  provider.next(calling({ name: 'pay' }), done)
  const turn = await engine.send(id, 'pay')
  const [call] = await waits(turn)
  await engine.decide(idOf(call), { approved: true })
  expect((await turn.reply).message.text).toBe('Done.')
  expect(ran).toHaveLength(1)
})

test('a steering send ends a running turn at the end of its step', async () => {
  const gate = closedGate()
  const { provider, engine, id } = await mortalChat({
    slow: { execute: () => gate.opened.then(() => 'late') },
    pay: noting([]),
  })
  provider.next(calling({ name: 'slow' }, { name: 'pay' }), done)
  const turn = await engine.send(id, 'go')
  await nextEvent(turn.events, 'tool.started')
  const next = await engine.send(id, 'turn left', { sendPolicy: 'steer' })
  gate.open()
  const { message, turn: record } = await turn.reply
  expect(record).toMatchObject({ status: 'done', endedBy: next.id })
  expect(resultsOf(message)).toMatchObject([{ output: 'late' }, { code: 'denied' }])
  await next.reply
  expect(provider.requests).toHaveLength(2)
  expect(bodyOf(provider, 1)['messages']).toMatchObject([
    { role: 'user' },
    { role: 'assistant' },
    { role: 'tool', content: 'late' },
    { role: 'tool' },
    { role: 'user', content: 'turn left' },
  ])
})

test('the policy of the conversation counts where the send names none', async () => {
  const policies: readonly SendPolicy[] = ['queue', 'replace']
  for (const sendPolicy of policies) {
    const { provider, engine, id } = await mortalChat({ pay: noting([]) })
    await engine.updateConversation(id, { sendPolicy })
    provider.next(calling({ name: 'pay' }), done)
    const turn = await engine.send(id, 'pay')
    await waits(turn)
    const next = await engine.send(id, 'more')
    expect(next.placed).toBe('queued')
    if (sendPolicy === 'replace') await next.reply
  }
})

test.each(['steer', 'replace'] as const)(
  'a %s send that a close meets leaves the turn waiting and its input queued, and is no fault',
  async (sendPolicy) => {
    const warned: string[] = []
    const note = (_: unknown, text?: string) => void warned.push(text ?? '')
    const logger = { debug: () => {}, info: () => {}, warn: note, error: note }
    const ends = new Set<string | undefined>()
    for (let steps = 0; steps < 5; steps += 1) {
      const { provider, engine, id, restarted } = await mortalChat({ pay: noting([]) }, { logger })
      provider.next(calling({ name: 'pay' }))
      const turn = await engine.send(id, 'pay')
      await waits(turn)
      const next = await engine.send(id, 'rather not', { sendPolicy })
      for (let step = 0; step < steps; step += 1) await Promise.resolve()
      const second = await restarted()

      const { status } = (await second.getTurn(turn.id)) ?? {}
      ends.add(status)
      expect((await second.currentTurn(id))?.id).toBe(status === 'waiting' ? turn.id : undefined)
      if (status === 'waiting') expect((await second.listQueue(id))[0]?.turnId).toBe(next.id)
      await second.close()
    }
    expect(ends).toContain('waiting')
    expect(warned).toEqual([])
  },
)
