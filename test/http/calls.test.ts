/** Answers to calls over HTTP: a yes or a no to a row, and nothing that a browser makes up. */
import { expect, onTestFinished, test } from 'vitest'
import { type Chat, type ChatState, createClient } from '../../src/client.ts'
import type { HandlerOptions } from '../../src/http.ts'
import type { Tool } from '../../src/index.ts'
import { nextEvent } from '../support/waiting.ts'
import { calling, done } from '../engine/tools/tool-chat.ts'
import { StreamReader } from './stream-reader.ts'
import { init, testHost } from './web-host.ts'

async function waitingHost(options: Partial<HandlerOptions> = {}) {
  const ran: unknown[] = []
  const pay: Tool = {
    inputSchema: { type: 'object' },
    needsApproval: true,
    execute: (input) => {
      ran.push(input)
      return 'paid'
    },
  }
  const host = await testHost(options, { tools: { pay, place: { execute: 'client' } } })
  /** A turn of a user that waits for one call. */
  const waiting = async (name: 'pay' | 'place', user = 'ada') => {
    host.provider.next(calling({ name, input: name === 'pay' ? { sum: 1 } : {} }), done)
    const id = await host.conversation(user)
    const turn = await host.engine.as(user).send(id, 'go')
    const { calls } = await nextEvent(turn.events, 'turn.waiting')
    return { id, turn, path: `/conversations/${id}/calls/${calls[0]?.callId}`, call: calls[0] }
  }
  return { ...host, ran, waiting }
}

test('takes a yes, which runs the arguments of the row; a second answer gets the first', async () => {
  const host = await waitingHost()
  const { path, turn } = await host.waiting('pay')
  const first = await host.ask(path, { json: { approved: true, reason: 'fine' } })
  expect(first.status).toBe(200)
  expect(first.json).toMatchObject({
    outcome: 'decided',
    call: { toolName: 'pay', approved: true, by: 'ada', reason: 'fine' },
  })
  expect(first.text).not.toContain('idempotencyKey')
  await turn.reply
  expect(host.ran).toEqual([{ sum: 1 }])
  const second = await host.ask(path, { json: { approved: false } })
  expect([second.status, second.json.outcome]).toEqual([200, 'already-decided'])
  expect(host.ran).toHaveLength(1)
})

test('takes one of two answers that come at once', async () => {
  const host = await waitingHost()
  const { path, turn } = await host.waiting('pay')
  const answers = await Promise.all(
    [true, true].map((approved) => host.ask(path, { json: { approved } })),
  )
  expect(answers.map(({ status }) => status)).toEqual([200, 200])
  const outcomes = answers.map(({ json }) => json.outcome)
  expect(new Set(outcomes)).toEqual(new Set(['already-decided', 'decided']))
  await turn.reply
  expect(host.ran).toHaveLength(1)
})

test('takes the output of a client once, and only for a call that waits for one', async () => {
  const host = await waitingHost()
  const { path, turn } = await host.waiting('place')
  expect((await host.ask(path, { json: { output: { lat: 1 } } })).json).toMatchObject({
    outcome: 'decided',
  })
  await turn.reply
  const again = await host.ask(path, { json: { output: { lat: 2 } } })
  expect([again.status, again.json.code]).toEqual([409, 'tool-call-answered'])
  const approval = await host.waiting('pay')
  const forged = await host.ask(approval.path, { json: { output: 'paid' } })
  expect([forged.status, forged.json.code]).toEqual([409, 'tool-call-answered'])
  expect(host.ran).toEqual([])
  expect((await host.engine.getTurn(approval.turn.id))?.status).toBe('waiting')
})

test.each([
  [{}, 'body-invalid'],
  [{ approved: 'yes' }, 'body-invalid'],
  [{ approved: true, output: 1 }, 'body-invalid'],
  [{ output: 1, error: 'no' }, 'body-invalid'],
  [{ error: '' }, 'body-invalid'],
  [{ reason: 'x' }, 'body-invalid'],
  [{ approved: true, by: 'root' }, 'body-invalid'],
  [{ approved: true, toolName: 'other' }, 'body-invalid'],
  [{ approved: true, input: { sum: 1_000 } }, 'invalid-option'],
])('refuses %j, and leaves the call as it is', async (json, code) => {
  const host = await waitingHost()
  const { path, call } = await host.waiting('pay')
  const { status, json: problem } = await host.ask(path, { json })
  expect([status, problem.code]).toEqual([400, code])
  expect(await host.engine.listWaitingCalls()).toEqual([call])
  expect(host.ran).toEqual([])
})

test('takes other arguments where the host leaves tools to browsers', async () => {
  const host = await waitingHost({ allow: { tools: true } })
  const { path, turn } = await host.waiting('pay')
  await host.ask(path, { json: { approved: true, input: { sum: 2 } } })
  await turn.reply
  expect(host.ran).toEqual([{ sum: 2 }])
})

test('knows a call only in its conversation, and for its owner', async () => {
  const host = await waitingHost()
  const { path, call } = await host.waiting('pay')
  const other = await host.conversation('ada')
  const json = { approved: true }
  const never = await host.ask('/conversations/never-was-anything/calls/none', {
    json,
    user: 'bob',
  })
  for (const answer of [json, { approved: false }, { output: 1 }, { error: 'no' }]) {
    const foreign = await host.ask(path, { json: answer, user: 'bob' })
    expect([foreign.status, foreign.text]).toEqual([404, never.text])
  }
  const elsewhere = await host.ask(`/conversations/${other}/calls/${call?.callId}`, { json })
  expect([elsewhere.status, elsewhere.json.code]).toEqual([404, 'call-not-found'])
  // Neither an id that was never given, nor the provider's own.
  for (const unknown of ['never-was-anything', call?.toolCallId]) {
    const { status, json: problem } = await host.ask(path.replace(/[^/]+$/, String(unknown)), {
      json,
    })
    expect([status, problem.code]).toEqual([404, 'call-not-found'])
  }
  expect(await host.engine.listWaitingCalls()).toEqual([call])
})

test('refuses a send with the turn that waits', async () => {
  const host = await waitingHost()
  const { id, turn } = await host.waiting('pay')
  const { status, json } = await host.ask(`/conversations/${id}/messages`, { json: { input: 'x' } })
  expect([status, json.code, json.turnId]).toEqual([409, 'turn-waiting', turn.id])
})

test('lists the turn that waits with its conversation, for its owner, until it is answered', async () => {
  const host = await waitingHost()
  const idle = await host.conversation()
  const { id, turn, path } = await host.waiting('pay')
  const theirs = await host.conversation('bob')
  const running = { turnId: turn.id, phase: 'waiting' }
  expect((await host.ask('/conversations')).json.conversations).toMatchObject([
    { id, running },
    { id: idle },
  ])
  const others = (await host.ask('/conversations', { user: 'bob' })).json.conversations
  expect(others).toEqual([expect.objectContaining({ id: theirs })])
  expect(others[0]).not.toHaveProperty('running')
  expect((await host.ask(`/conversations/${idle}`)).json).not.toHaveProperty('running')
  expect((await host.ask(`/conversations/${id}`)).json).toMatchObject({ running })
  await host.ask(path, { json: { approved: true } })
  await turn.reply
  expect((await host.ask(`/conversations/${id}`)).json).not.toHaveProperty('running')
})

test('tells a reader of the wait as it comes, and one that comes later by the state', async () => {
  const host = await waitingHost()
  const id = await host.conversation()
  const early = await StreamReader.open(`${host.url}/conversations/${id}/events`, init({}))
  host.provider.next(calling({ name: 'pay', input: { sum: 1 } }), done)
  const turn = await host.engine.as('ada').send(id, 'go')
  const waiting = await early.event('turn.waiting')
  expect(waiting.data).toMatchObject({
    turn: { id: turn.id, status: 'waiting' },
    calls: [{ toolName: 'pay', state: 'waiting', waitsFor: 'decision', input: { sum: 1 } }],
  })
  const late = await StreamReader.open(`${host.url}/conversations/${id}/events`, init({}))
  const { data } = await late.event('state')
  expect(data).toMatchObject({
    turn: { id: turn.id, phase: 'waiting' },
    reply: {
      status: 'waiting',
      parts: [{ type: 'tool-call', input: { sum: 1 } }],
      calls: [{ toolName: 'pay', state: 'waiting' }],
    },
  })
  const [call] = await host.engine.listWaitingCalls()
  await host.engine.decide(call?.callId ?? '', { approved: true })
  const end = await late.event('turn.done')
  expect(end.data).toMatchObject({ message: { text: 'Done.' } })
})

async function stateOf(chat: Chat, fits: (state: ChatState) => boolean): Promise<ChatState> {
  for await (const state of chat.states()) if (fits(state)) return state
  throw new Error('The states ended.')
}

test('the client shows the calls that wait, and answers them', async () => {
  const host = await waitingHost()
  host.provider.next(calling({ name: 'pay', input: { sum: 1 } }), done)
  const client = createClient({ baseUrl: host.url, headers: () => ({ 'x-user': 'ada' }) })
  const chat = client.conversation(await host.conversation())
  onTestFinished(chat.subscribe(() => undefined))
  await chat.send('go')
  const { calls = [], phase } = await stateOf(chat, (state) => state.phase === 'waiting')
  expect(calls).toMatchObject([{ toolName: 'pay', waitsFor: 'decision' }])
  expect(phase).toBe('waiting')
  const late = createClient({ baseUrl: host.url, headers: () => ({ 'x-user': 'ada' }) })
  const other = late.conversation(chat.id)
  onTestFinished(other.subscribe(() => undefined))
  const joined = await stateOf(other, (state) => state.calls !== undefined)
  expect(joined.calls).toMatchObject([{ callId: calls[0]?.callId }])
  expect(joined.reply?.parts).toMatchObject([{ type: 'tool-call', input: { sum: 1 } }])
  const decision = await chat.answer(calls[0]?.callId ?? '', { approved: true })
  expect(decision.outcome).toBe('decided')
  for (const each of [chat, other]) {
    const ended = await stateOf(each, ({ turn, messages }) => {
      return turn === undefined && messages.at(-1)?.text === 'Done.'
    })
    expect(ended.calls).toBeUndefined()
  }
  expect(host.ran).toEqual([{ sum: 1 }])
})
