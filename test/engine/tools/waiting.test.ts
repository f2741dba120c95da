/** Calls that wait for an answer: what waits, how it is answered, and how the turn goes on. */
import { describe, expect, test } from 'vitest'
import type { CallRecord } from '../../../src/index.ts'
import { Inspection } from '../../support/inspection.ts'
import { closedGate } from '../../support/scripts.ts'
import { eventLog, nextEvent, ticks } from '../../support/waiting.ts'
import { bodyOf, calling, done, resultsOf, toolChat } from './tool-chat.ts'
import { noting, waits } from './waiting-chat.ts'

function idOf(call: CallRecord | undefined): string {
  return call?.callId ?? ''
}

describe('a call that needs an approval', () => {
  test('waits, and runs with the arguments of its row once it is approved', async () => {
    const ran: unknown[] = []
    const { provider, engine, id } = await toolChat({ tools: { pay: noting(ran) } })
    provider.next(calling({ name: 'pay', input: { to: 'Ann' } }), done)
    const turn = await engine.send(id, 'pay')
    const calls = await waits(turn)

    expect(calls).toMatchObject([
      { toolName: 'pay', state: 'waiting', waitsFor: 'decision', input: { to: 'Ann' } },
    ])
    expect(ran).toEqual([])
    expect(turn.phase).toBe('waiting')
    expect(turn.current()).toMatchObject({
      status: 'waiting',
      calls: [{ toolName: 'pay', state: 'waiting', waitsFor: 'decision' }],
    })
    expect((await engine.getTurn(turn.id))?.status).toBe('waiting')
    expect(engine.runningTurn(id)).toBeUndefined()
    expect(engine.runningTurns()).toEqual([])
    expect((await engine.currentTurn(id))?.id).toBe(turn.id)
    expect(provider.requests).toHaveLength(1)

    const [call] = await engine.listWaitingCalls({ conversationId: id })
    const decision = await engine.decide(idOf(call), { approved: true, by: 'me', reason: 'fine' })
    expect(decision).toMatchObject({
      outcome: 'decided',
      call: { state: 'pending', approved: true, by: 'me', reason: 'fine' },
    })
    const { message, turn: record } = await turn.reply
    expect(message.text).toBe('Done.')
    expect(record).toMatchObject({ status: 'done', steps: 2 })
    expect(ran).toEqual([{ to: 'Ann' }])
    expect(resultsOf(message)).toMatchObject([{ isError: false, output: 'noted' }])
    expect(await engine.listWaitingCalls()).toEqual([])
    const [stored] = await engine.listCalls(turn.id)
    expect(stored).toMatchObject({ state: 'finished', approved: true, by: 'me' })
    expect(stored?.input).toBeUndefined()
  })

  test('has the result denied after a no, with its reason, and does not run', async () => {
    const ran: unknown[] = []
    const { provider, engine, id } = await toolChat({ tools: { pay: noting(ran) } })
    provider.next(calling({ name: 'pay' }), done)
    const turn = await engine.send(id, 'pay')
    const [call] = await waits(turn)
    await engine.decide(idOf(call), { approved: false, reason: 'Too much.' })
    const { message } = await turn.reply

    expect(ran).toEqual([])
    expect(resultsOf(message)).toMatchObject([{ code: 'denied', isError: true }])
    expect(bodyOf(provider, 1)['messages']).toMatchObject([
      { role: 'user' },
      { role: 'assistant' },
      { role: 'tool', content: expect.stringContaining('Too much.') },
    ])
    expect(message.text).toBe('Done.')
  })

  test('is asked about by the tool, for its own input', async () => {
    const ran: unknown[] = []
    const needsApproval = (input: unknown) => (input as { sum: number }).sum > 10
    const { provider, engine, id } = await toolChat({
      tools: { pay: noting(ran, { needsApproval }) },
    })
    const [small, large] = [{ sum: 1 }, { sum: 100 }]
    provider.next(calling({ name: 'pay', input: small }, { name: 'pay', input: large }), done)
    const turn = await engine.send(id, 'pay')
    const calls = await waits(turn)
    expect(calls).toMatchObject([{ input: large }])
    expect(ran).toEqual([small])
    await engine.decide(idOf(calls[0]), { approved: true })
    await turn.reply
    expect(ran).toEqual([small, large])
  })

  test('does not run if its tool cannot say whether it needs one', async () => {
    const ran: unknown[] = []
    const broken = () => {
      throw new Error('no')
    }
    const { provider, engine, id } = await toolChat({
      tools: { pay: noting(ran, { needsApproval: broken }) },
    })
    provider.next(calling({ name: 'pay' }), done)
    const { message } = await (await engine.send(id, 'pay')).reply
    expect(resultsOf(message)).toMatchObject([{ code: 'failed' }])
    expect(ran).toEqual([])
  })

  test('runs with the arguments of the decision, which the model is told', async () => {
    const ran: unknown[] = []
    const inputSchema = {
      type: 'object',
      properties: { sum: { type: 'number' } },
      required: ['sum'],
    }
    const { provider, engine, id } = await toolChat({
      tools: { pay: noting(ran, { inputSchema }) },
    })
    provider.next(calling({ name: 'pay', input: { sum: 100 } }), done)
    const turn = await engine.send(id, 'pay')
    const [call] = await waits(turn)
    await expect(
      engine.decide(idOf(call), { approved: true, input: { sum: 'ten' } }),
    ).rejects.toMatchObject({ code: 'invalid-input' })
    expect((await engine.getTurn(turn.id))?.status).toBe('waiting')
    await engine.decide(idOf(call), { approved: true, input: { sum: 10 } })
    const { message } = await turn.reply

    expect(ran).toEqual([{ sum: 10 }])
    expect(resultsOf(message)).toMatchObject([
      {
        output: 'noted',
        content: expect.stringMatching(/changed before it ran.*"sum":10.*\nnoted/s),
      },
    ])
    expect((await engine.listCalls(turn.id))[0]).toMatchObject({ givenInput: { sum: 10 } })
    expect(message.parts[0]).toMatchObject({ input: { sum: 100 } })
  })

  test('lets the others run meanwhile, and the next step comes when all have a result', async () => {
    const ran: unknown[] = []
    const { provider, engine, id } = await toolChat({
      tools: { pay: noting(ran), look: { execute: () => 'seen' } },
    })
    provider.next(calling({ name: 'pay' }, { name: 'look' }, { name: 'pay' }), done)
    const turn = await engine.send(id, 'pay')
    const calls = await waits(turn)
    expect(calls).toHaveLength(2)
    expect((await engine.listCalls(turn.id)).map(({ state }) => state)).toEqual([
      'waiting',
      'finished',
      'waiting',
    ])
    await engine.decide(idOf(calls[1]), { approved: true })
    expect(await nextEvent(turn.events, 'turn.waiting')).toMatchObject({
      calls: [{ callId: idOf(calls[0]) }],
    })
    expect(provider.requests).toHaveLength(1)
    await engine.decide(idOf(calls[0]), { approved: false })
    const { message } = await turn.reply
    // In the reply in the order of completion, in the request in that of the calls.
    expect(resultsOf(message).map(({ toolCallId }) => toolCallId)).toEqual(['b', 'c', 'a'])
    const told = bodyOf(provider, 1)['messages'] as { role: string; tool_call_id?: string }[]
    expect(told.flatMap((each) => each.tool_call_id ?? [])).toEqual(['a', 'b', 'c'])
  })

  test('is decided while others run, and starts at once', async () => {
    const gate = closedGate()
    const ran: unknown[] = []
    const { provider, engine, id } = await toolChat({
      tools: { pay: noting(ran), slow: { execute: () => gate.opened } },
    })
    provider.next(calling({ name: 'slow' }, { name: 'pay' }), done)
    const turn = await engine.send(id, 'pay')
    const { call } = await nextEvent(turn.events, 'approval.needed')
    const log = eventLog(engine, id)
    const finished = nextEvent(turn.events, 'tool.finished')
    expect(await engine.decide(call.callId, { approved: true })).toMatchObject({
      outcome: 'decided',
    })
    await finished
    expect(ran).toHaveLength(1)
    gate.open()
    await turn.reply
    expect(log.filter(({ type }) => type === 'turn.waiting')).toEqual([])
    expect(log).toContainEqual(
      expect.objectContaining({ type: 'approval.decided', callId: call.callId, approved: true }),
    )
  })
})

describe('the output of a client', () => {
  test('is supplied, and the turn goes on with it', async () => {
    const { provider, engine, id } = await toolChat({ tools: { place: { execute: 'client' } } })
    provider.next(calling({ name: 'place' }), done)
    const turn = await engine.send(id, 'where')
    const [call] = await waits(turn)
    expect(call).toMatchObject({ waitsFor: 'output' })
    expect(await engine.decide(idOf(call), { approved: true })).toMatchObject({
      outcome: 'already-decided',
    })
    expect(await engine.supply(idOf(call), { output: { lat: 1 } })).toMatchObject({
      outcome: 'decided',
    })
    const { message } = await turn.reply
    expect(resultsOf(message)).toMatchObject([{ output: { lat: 1 }, isError: false }])
    expect(await engine.supply(idOf(call), { output: 2 })).toMatchObject({
      outcome: 'already-decided',
    })
  })

  test('is kept from the model if toModel fails to write it', async () => {
    const toModel = () => {
      throw new Error('no street')
    }
    const { provider, engine, id } = await toolChat({
      tools: { place: { execute: 'client', toModel } },
    })
    provider.next(calling({ name: 'place' }), done)
    const turn = await engine.send(id, 'where')
    const [call] = await waits(turn)
    await engine.supply(idOf(call), { output: { lat: 1 } })
    const { message } = await turn.reply
    expect(resultsOf(message)).toMatchObject([{ output: { lat: 1 }, isError: false }])
    expect(JSON.stringify(bodyOf(provider, 1))).not.toContain('lat')
  })

  test('may be an error, which the model is told', async () => {
    const { provider, engine, id } = await toolChat({ tools: { place: { execute: 'client' } } })
    provider.next(calling({ name: 'place' }), done)
    const turn = await engine.send(id, 'where')
    const [call] = await waits(turn)
    await engine.supply(idOf(call), { error: 'No signal.' })
    const { message } = await turn.reply
    expect(resultsOf(message)).toMatchObject([{ output: 'No signal.', isError: true }])
  })

  test('comes after an approval, where the tool needs both', async () => {
    const { provider, engine, id } = await toolChat({
      tools: { place: { execute: 'client', needsApproval: true } },
    })
    provider.next(calling({ name: 'place' }), done)
    const turn = await engine.send(id, 'where')
    const [call] = await waits(turn)
    expect(call).toMatchObject({ waitsFor: 'decision' })
    await expect(engine.supply(idOf(call), { output: 1 })).rejects.toMatchObject({
      code: 'invalid-option',
    })
    const needed = nextEvent(turn.events, 'output.needed')
    const waiting = nextEvent(turn.events, 'turn.waiting')
    expect(await engine.decide(idOf(call), { approved: true })).toMatchObject({
      outcome: 'decided',
      call: { state: 'waiting', waitsFor: 'output', approved: true },
    })
    await needed
    await waiting
    await engine.supply(idOf(call), { output: 1 })
    expect(resultsOf((await turn.reply).message)).toMatchObject([{ output: 1 }])
  })
})

describe('an answer', () => {
  test('is the first one; a second gets its decision, and changes nothing', async () => {
    const ran: unknown[] = []
    const { provider, engine, id } = await toolChat({ tools: { pay: noting(ran) } })
    provider.next(calling({ name: 'pay' }), done)
    const turn = await engine.send(id, 'pay')
    const [call] = await waits(turn)
    const both = await Promise.all([
      engine.decide(idOf(call), { approved: false, by: 'one' }),
      engine.decide(idOf(call), { approved: true, by: 'two' }),
    ])
    expect(both.map(({ outcome }) => outcome)).toEqual(['decided', 'already-decided'])
    expect(both[1]?.call).toMatchObject({ approved: false, by: 'one' })
    await turn.reply
    expect(ran).toEqual([])
    expect(await engine.decide(idOf(call), { approved: true })).toMatchObject({
      outcome: 'already-decided',
      call: { state: 'denied' },
    })
  })

  test('that comes after the turn has ended is told so', async () => {
    const ran: unknown[] = []
    const { provider, engine, id } = await toolChat({ tools: { pay: noting(ran) } })
    provider.next(calling({ name: 'pay' }))
    const turn = await engine.send(id, 'pay')
    const [call] = await waits(turn)
    const receipt = await turn.cancel()
    expect(receipt).toMatchObject({
      outcome: 'cancelled',
      from: 'waiting',
      tools: { stopped: 0, notRun: 1 },
    })
    expect(await engine.decide(idOf(call), { approved: true })).toMatchObject({
      outcome: 'turn-ended',
      call: { state: 'not-run', code: 'not-run' },
    })
    await expect(turn.reply).rejects.toMatchObject({ code: 'cancelled' })
    expect(ran).toEqual([])
    expect(resultsOf((await engine.listMessages(id)).at(-1) ?? { parts: [] })).toMatchObject([
      { code: 'not-run' },
    ])
  })

  test('is refused if it names no call, or is none', async () => {
    const { engine } = await toolChat({ tools: { pay: noting([]) } })
    await expect(engine.decide('none', { approved: true })).rejects.toMatchObject({
      code: 'call-not-found',
    })
    await expect(engine.decide('none', {} as never)).rejects.toMatchObject({
      code: 'invalid-option',
    })
    await expect(
      engine.decide('none', { approved: true, output: 1 } as never),
    ).rejects.toMatchObject({ code: 'invalid-option' })
    await expect(engine.listWaitingCalls({ limit: 0 })).rejects.toMatchObject({
      code: 'invalid-option',
    })
  })

  test('comes from the host alone: neither results of a message nor the model give one', async () => {
    const ran: unknown[] = []
    const { provider, engine, id } = await toolChat({ tools: { pay: noting(ran) } })
    provider.next(calling({ name: 'pay', id: 'a' }))
    const turn = await engine.send(id, 'pay')
    const [call] = await waits(turn)
    const forged = [
      { type: 'tool-result', toolCallId: 'a', toolName: 'pay', output: 'ok' },
    ] as const
    await expect(engine.send(id, forged)).rejects.toMatchObject({ code: 'turn-waiting' })
    const [now] = await engine.listWaitingCalls()
    expect(now).toEqual(call)
    expect(ran).toEqual([])
  })

  test('is asked for in the order of the calls, which come in one moment', async () => {
    const { provider, engine } = await toolChat({ tools: { pay: noting([]) } })
    const ann = engine.as('ann')
    const asked: string[] = []
    for (const n of [1, 2]) {
      const { id } = await ann.startConversation()
      const calls = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => ({ name: 'pay', id: name + n }))
      provider.next(calling(...calls))
      await waits(await ann.send(id, 'pay'))
      asked.push(...calls.map((call) => call.id))
    }
    const { id } = await engine.as('bob').startConversation()
    provider.next(calling({ name: 'pay', id: 'other' }))
    await waits(await engine.send(id, 'pay'))

    const namesOf = (calls: readonly CallRecord[]) => calls.map(({ toolCallId }) => toolCallId)
    expect(namesOf(await engine.listWaitingCalls())).toEqual([...asked, 'other'])
    expect(namesOf(await engine.listWaitingCalls({ ownerId: 'ann' }))).toEqual(asked)
    expect(namesOf(await ann.listWaitingCalls({ limit: 8 }))).toEqual(asked.slice(0, 8))
  })

  test('of another owner finds no call', async () => {
    const { provider, engine } = await toolChat({ tools: { pay: noting([]) } })
    const ann = engine.as('ann')
    const bob = engine.as('bob')
    const { id } = await ann.startConversation()
    provider.next(calling({ name: 'pay' }), done)
    const turn = await ann.send(id, 'pay')
    const [call] = await waits(turn)
    await expect(bob.decide(idOf(call), { approved: true })).rejects.toMatchObject({
      code: 'call-not-found',
    })
    await expect(bob.supply(idOf(call), { output: 1 })).rejects.toMatchObject({
      code: 'call-not-found',
    })
    expect(await bob.listWaitingCalls()).toEqual([])
    expect(await bob.listWaitingCalls({ conversationId: id })).toEqual([])
    expect(await bob.currentTurn(id)).toBeUndefined()
    await expect(bob.attachTurn(turn.id)).rejects.toMatchObject({ code: 'turn-not-found' })
    await expect(bob.cancel(id)).rejects.toMatchObject({ code: 'conversation-not-found' })
    expect(await ann.listWaitingCalls()).toEqual([call])
    expect(await engine.listWaitingCalls({ ownerId: 'bob' })).toEqual([])
    expect(await ann.decide(idOf(call), { approved: true })).toMatchObject({ outcome: 'decided' })
    await turn.reply
  })
})

test('a wait adds 3 machine events to those of its step, and 5 after tools ran', async () => {
  const { provider, engine, id } = await toolChat({
    tools: { pay: noting([]), look: { execute: () => 'seen' } },
  })
  const countedWith = async (names: readonly string[]) => {
    const inspection = new Inspection(engine)
    provider.next(calling(...names.map((name) => ({ name }))), done)
    const turn = await engine.send(id, 'go')
    if (names.includes('pay')) {
      const [call] = await waits(turn)
      await ticks(5)
      await engine.decide(idOf(call), { approved: true })
    }
    await turn.reply
    inspection.stop()
    return inspection.machineEvents.filter((type) => type !== 'conversation.wake')
  }
  const plain = await countedWith(['look'])
  expect(plain).toHaveLength(12)
  const atOnce = await countedWith(['pay'])
  expect(atOnce).toEqual([
    ...plain.slice(0, 6),
    'xstate.done.actor.turn',
    'conversation.resume-turn',
    'turn.restored',
    ...plain.slice(6),
  ])
  const afterTools = await countedWith(['look', 'pay'])
  expect(afterTools).toEqual([
    ...plain.slice(0, 7),
    'wait.saved',
    'xstate.done.actor.turn',
    'conversation.resume-turn',
    'turn.restored',
    ...plain.slice(6),
  ])
})

test('a tool of one send cannot wait, since it would be gone after a restart', async () => {
  const ran: unknown[] = []
  const { engine, provider, id } = await toolChat({ tools: { known: noting(ran) } })
  for (const tool of [noting([]), { execute: 'client' } as const]) {
    await expect(engine.send(id, 'hi', { tools: { own: tool } })).rejects.toMatchObject({
      code: 'invalid-option',
      message: expect.stringContaining('own'),
    })
  }
  expect(provider.requests).toHaveLength(0)
  expect(await engine.listMessages(id)).toEqual([])
  provider.next(calling({ name: 'known' }))
  const turn = await engine.send(id, 'hi', { tools: { known: noting(ran) } })
  expect(await waits(turn)).toHaveLength(1)
})

test('the events of a wait come in their order, each after its write', async () => {
  const { provider, engine, id } = await toolChat({ tools: { pay: noting([]) } }, undefined)
  provider.next(calling({ name: 'pay' }), done)
  const log = eventLog(engine, id)
  const turn = await engine.send(id, 'pay')
  const [call] = await waits(turn)
  await engine.decide(idOf(call), { approved: true, by: 'me' })
  await turn.reply
  const told = log
    .filter(({ type }) => /^(step|tool|approval|turn)\./.test(type) && type !== 'turn.phase')
    .map(({ type }) => type)
  expect(told).toEqual([
    'turn.accepted',
    'step.finished',
    'approval.needed',
    'turn.waiting',
    'approval.decided',
    'turn.resumed',
    'tool.started',
    'tool.finished',
    'step.started',
    'turn.done',
  ])
  const seqs = log.filter(({ turnId }) => turnId === turn.id).map(({ seq }) => seq)
  expect(seqs).toEqual(seqs.map((_, index) => index + 1))
  expect(log.find(({ type }) => type === 'turn.waiting')).toMatchObject({
    turn: { id: turn.id, status: 'waiting', steps: 1 },
    calls: [{ callId: call?.callId }],
  })
})

test.each<[string, readonly string[]]>([
  ['at once', ['pay']],
  ['after a tool ran', ['note', 'pay']],
])('a cancel of a reader who is told of a wait %s ends the turn', async (_, names) => {
  const ran: unknown[] = []
  const { provider, engine, id } = await toolChat({
    tools: { pay: noting(ran), note: { execute: () => 'noted' } },
  })
  provider.next(calling(...names.map((name) => ({ name }))))
  const cancelled = Promise.withResolvers<unknown>()
  engine.events(id).subscribe((event) => {
    if (event.type !== 'turn.phase' || event.phase !== 'waiting') return
    cancelled.resolve(engine.cancel(id))
  })
  const turn = await engine.send(id, 'pay')
  await expect(turn.reply).rejects.toMatchObject({ code: 'cancelled' })
  expect(await cancelled.promise).toMatchObject({
    outcome: 'cancelled',
    from: 'waiting',
    tools: { stopped: 0, notRun: 1 },
  })
  expect((await engine.getTurn(turn.id))?.status).toBe('cancelled')
  expect(ran).toEqual([])
})

test('a deletion by a reader who is told of a wait goes through', async () => {
  const { provider, engine, id } = await toolChat({ tools: { pay: noting([]) } })
  provider.next(calling({ name: 'pay' }))
  const deleted = Promise.withResolvers<unknown>()
  engine.events(id).subscribe((event) => {
    if (event.type !== 'turn.phase' || event.phase !== 'waiting') return
    deleted.resolve(engine.deleteConversation(id))
  })
  await engine.send(id, 'pay')
  await deleted.promise
  expect(await engine.getConversation(id)).toBeUndefined()
  expect(await engine.listWaitingCalls()).toEqual([])
})

test('an engine that a reader closes when it is told of a wait leaves the turn waiting', async () => {
  const { provider, engine, id } = await toolChat({ tools: { pay: noting([]) } })
  provider.next(calling({ name: 'pay' }))
  const closed = Promise.withResolvers<void>()
  engine.events(id).subscribe((event) => {
    if (event.type !== 'turn.phase' || event.phase !== 'waiting') return
    closed.resolve(engine.close())
  })
  const turn = await engine.send(id, 'pay')
  await closed.promise
  await expect(turn.reply).rejects.toMatchObject({ code: 'turn-waiting' })
})
