/** The streams of the handler, as a browser reads them. */
import { expect, test } from 'vitest'
import { chatReply, closedGate, steps } from '../../src/testing.ts'
import { calling } from '../engine/tools/tool-chat.ts'
import { streamed } from '../support/scripts.ts'
import { init, testHost } from './web-host.ts'
import { StreamReader } from './stream-reader.ts'

test('tells the state first, then the reply as it grows, then the whole message', async () => {
  const host = await testHost()
  const { gate, step } = steps()
  host.provider.next(chatReply(['Once', ' upon', ' a time'], { gate }))
  const id = await host.conversation()
  const reader = await StreamReader.open(`${host.url}/conversations/${id}/events`, init({}))

  expect(reader.headers.get('content-type')).toBe('text/event-stream; charset=utf-8')
  expect(reader.headers.get('cache-control')).toBe('no-cache, no-transform')
  expect(reader.headers.get('x-accel-buffering')).toBe('no')
  await reader.event('state')
  const sent = await host.ask(`/conversations/${id}/messages`, { json: { input: 'hi' } })
  expect(sent.status).toBe(202)
  step(1)
  await reader.until(() => reader.text === 'Once')
  step(2)
  const done = await reader.event('turn.done')

  expect(reader.events[0]).toMatchObject({ event: 'state', id: '-', data: { head: null } })
  expect(done.data.message).toMatchObject({ id: sent.json.replyId, text: 'Once upon a time' })
  expect(done.id).toBe(`${sent.json.turn.id}~end`)
  expect(reader.events.map(({ event }) => event)).not.toContain('reply.snapshot')
  expect(reader.raw.startsWith('retry: 1000\n: colloquy\n\n')).toBe(true)
})

test('gives a reader that comes late the reply so far, and every delta after it', async () => {
  const host = await testHost()
  const { gate, step } = steps()
  host.provider.next(chatReply(['Once', ' upon', ' a time'], { gate }))
  const id = await host.conversation()
  const first = await StreamReader.open(`${host.url}/conversations/${id}/events`, init({}))
  await host.ask(`/conversations/${id}/messages`, { json: { input: 'hi' } })
  step(1)
  await first.until(() => first.text === 'Once')

  const late = await StreamReader.open(`${host.url}/conversations/${id}/events`, init({}))
  const state = await late.event('state')
  expect(state.data).toMatchObject({
    turn: { message: { text: 'hi' } },
    reply: { status: 'streaming', parts: [{ type: 'text', text: 'Once' }] },
  })
  step(2)
  await late.event('turn.done')
  expect(late.text).toBe('Once upon a time')
  expect(late.hasHole).toBe(false)
})

test('sends only the rest to a reader that says what it has', async () => {
  const host = await testHost()
  const { gate, step } = steps()
  const long = 'x'.repeat(50_000)
  host.provider.next(chatReply([long, ' upon', ' a time'], { gate }))
  const id = await host.conversation()
  const url = `${host.url}/conversations/${id}/events`
  const first = await StreamReader.open(url, init({}))
  await host.ask(`/conversations/${id}/messages`, { json: { input: 'hi' } })
  step(1)
  await first.until(() => first.text === long)
  first.leave()
  const other = await StreamReader.open(url, init({}))
  step(1)
  await other.until(() => other.text === `${long} upon`)

  const again = await StreamReader.open(`${url}?have=${first.have}`, init({}))
  again.continueFrom(first)
  await again.until(() => again.text === `${long} upon`)
  expect(again.raw.length).toBeLessThan(4_000)
  const same = await StreamReader.open(
    url,
    init({ headers: { 'last-event-id': other.lastId ?? '' } }),
  )
  const state = await same.event('state')
  expect(state.data.reply).toEqual({
    messageId: expect.any(String),
    status: 'streaming',
    unchanged: true,
  })
  step(1)
  same.continueFrom(other)
  await Promise.all([again.event('turn.done'), same.event('turn.done')])
  expect(again.hasHole || same.hasHole).toBe(false)
})

test('gives the whole state for a Last-Event-ID or a have that it does not know', async () => {
  const host = await testHost()
  const gate = closedGate()
  host.provider.next(
    chatReply(['Once', ' upon'], { gate: (n) => (n === 0 ? undefined : gate.opened) }),
  )
  const id = await host.conversation()
  const url = `${host.url}/conversations/${id}/events`
  const first = await StreamReader.open(url, init({}))
  const { json } = await host.ask(`/conversations/${id}/messages`, { json: { input: 'hi' } })
  await first.until(() => first.text === 'Once')
  const turn = json.turn.id

  for (const have of [
    '',
    ':',
    `${turn}:99`,
    `${turn}:-1`,
    `${turn}:4.0`,
    `${turn}:${'1.'.repeat(99)}1`,
    'a:b',
    `${turn}:1e3`,
  ]) {
    const reader = await StreamReader.open(`${url}?have=${encodeURIComponent(have)}`, init({}))
    const state = await reader.event('state')
    expect([have, state.data.reply.parts]).toEqual([have, [{ type: 'text', text: 'Once' }]])
    reader.leave()
  }
  for (const last of ['-', 'x~1', `${turn}~`, `${turn}~1`, `${turn}~end`, '~'.repeat(500)]) {
    const reader = await StreamReader.open(url, init({ headers: { 'last-event-id': last } }))
    const state = await reader.event('state')
    expect([last, state.data.reply.parts]).toEqual([last, [{ type: 'text', text: 'Once' }]])
    reader.leave()
  }
  gate.open()
  await first.event('turn.done')
})

test('streams one turn to its sender, and ends with it', async () => {
  const host = await testHost()
  host.provider.next(chatReply(['Once', ' upon']))
  const id = await host.conversation()
  const reader = await StreamReader.open(
    `${host.url}/conversations/${id}/messages`,
    init({ json: { input: 'hi' }, headers: { accept: 'text/event-stream' } }),
  )
  await reader.end()

  expect(reader.text).toBe('Once upon')
  expect(reader.events.at(-1)).toMatchObject({
    event: 'end',
    data: { reason: 'turn', reconnect: false },
  })
  expect(reader.events.at(-2)?.event).toBe('turn.done')
})

test('gives a repeat under the same key the ended turn, as a stream too', async () => {
  const host = await testHost()
  host.provider.next(chatReply(['Once']))
  const id = await host.conversation()
  const headers = { 'idempotency-key': '"k-1"' }
  const path = `/conversations/${id}/messages`
  const first = await host.ask(path, { json: { input: 'hi' }, headers })
  await (
    await host.engine.attachTurn(first.json.turn.id)
  ).reply

  const again = await host.ask(path, { json: { input: 'hi' }, headers })
  expect(again.status).toBe(202)
  expect(again.headers.get('idempotency-replayed')).toBe('true')
  expect(first.headers.get('idempotency-replayed')).toBe(null)
  expect(again.json.replyId).toBe(first.json.replyId)
  const reader = await StreamReader.open(
    host.url + path,
    init({ json: { input: 'hi' }, headers: { ...headers, accept: 'text/event-stream' } }),
  )
  await reader.end()
  expect(reader.events.map(({ event }) => event)).toEqual(['state', 'turn.done', 'end'])
  expect(reader.text).toBe('Once')
  expect(host.provider.requests.length).toBe(1)
})

test('tells the list of an owner without content, and the open conversation with it', async () => {
  const host = await testHost()
  host.provider.always(chatReply(['canary-text']))
  const open = await host.conversation()
  const list = await StreamReader.open(`${host.url}/events`, init({}))
  const both = await StreamReader.open(`${host.url}/events?conversation=${open}`, init({}))
  await list.event('list')
  await both.event('state')
  const other = await host.conversation()
  const foreign = await host.conversation('bob')
  for (const each of [open, other]) {
    await host.ask(`/conversations/${each}/messages`, { json: { input: 'canary-input' } })
    await list.event(({ event, data }) => event === 'turn.done' && data.conversationId === each)
  }
  await host.ask(`/conversations/${foreign}/messages`, { user: 'bob', json: { input: 'b' } })
  await both.event(({ event, data }) => event === 'turn.done' && data.conversationId === other)

  expect(list.raw).not.toContain('canary')
  expect(list.raw + both.raw).not.toContain(foreign)
  const ends = both.events.filter(({ event }) => event === 'turn.done')
  expect(ends.map(({ data }) => data.message?.text)).toEqual(['canary-text', undefined])
  expect(ends.map(({ data }) => data.conversationId)).toEqual([open, other])
  expect(list.events).toContainEqual(
    expect.objectContaining({
      event: 'conversation.changed',
      data: expect.objectContaining({ change: 'created', conversationId: other }),
    }),
  )
})

test('goes on when a reader leaves, and stops only when it is told to', async () => {
  const host = await testHost()
  const { gate, step } = steps()
  host.provider.next(chatReply(['Once', ' upon', ' a'], { gate }))
  const id = await host.conversation()
  const reader = await StreamReader.open(
    `${host.url}/conversations/${id}/messages`,
    init({ json: { input: 'hi' }, headers: { accept: 'text/event-stream' } }),
  )
  step(1)
  await reader.until(() => reader.text === 'Once')
  reader.leave()
  await reader.end()
  step(1)
  const turn = host.engine.runningTurn(id)
  for await (const { text } of turn?.snapshots() ?? []) if (text === 'Once upon') break
  const receipt = await host.ask(`/conversations/${id}/stop`, { json: {} })

  expect(receipt.json).toMatchObject({ outcome: 'cancelled', partialChars: 9 })
  const other = await host.conversation()
  const idle = await host.ask(`/conversations/${other}/stop`, { json: {} })
  expect([idle.status, idle.json.outcome]).toEqual([200, 'not-running'])
})

test('ends the streams of a conversation that is deleted', async () => {
  const host = await testHost()
  const id = await host.conversation()
  const reader = await StreamReader.open(`${host.url}/conversations/${id}/events`, init({}))
  await reader.event('state')
  await host.ask(`/conversations/${id}`, { method: 'DELETE' })
  await reader.end()

  expect(reader.events.slice(-2)).toMatchObject([
    { event: 'conversation.changed', data: { change: 'deleted' } },
    { event: 'end', data: { reason: 'deleted', reconnect: false } },
  ])
})

test('ends all streams at close, and refuses what comes later', async () => {
  const host = await testHost()
  const id = await host.conversation()
  const reader = await StreamReader.open(`${host.url}/conversations/${id}/events`, init({}))
  await reader.event('state')
  await host.handler.close()
  await reader.end()

  expect(reader.events.at(-1)).toMatchObject({
    event: 'end',
    data: { reason: 'closed', reconnect: true },
  })
  const late = await host.ask(`/conversations/${id}`)
  expect([late.status, late.json.code, late.headers.get('retry-after')]).toEqual([
    503,
    'engine-closed',
    '2',
  ])
})

test('tells the end of its turns before it ends the streams of an engine that closes', async () => {
  const host = await testHost()
  const { gate, step } = steps()
  host.provider.next(chatReply(['Once', ' upon'], { gate }))
  const id = await host.conversation()
  const reader = await StreamReader.open(`${host.url}/conversations/${id}/events`, init({}))
  await host.ask(`/conversations/${id}/messages`, { json: { input: 'hi' } })
  step(1)
  await reader.until(() => reader.text === 'Once')
  await host.engine.close()
  await reader.end()

  expect(reader.events.slice(-2)).toMatchObject([
    { event: 'turn.cancelled', data: { message: { text: 'Once' } } },
    { event: 'end', data: { reason: 'closed' } },
  ])
  expect((await host.ask(`/conversations/${id}`)).json.code).toBe('engine-closed')
})

test('sends a comment after a silence, and ends a stream after its time', async () => {
  const host = await testHost({ heartbeatMs: 20, limits: { streamMs: 200 } })
  const id = await host.conversation()
  const reader = await StreamReader.open(`${host.url}/conversations/${id}/events`, init({}))
  await reader.end()

  expect(reader.raw.split(': \n\n').length).toBeGreaterThan(2)
  expect(reader.events.at(-1)).toMatchObject({
    event: 'end',
    data: { reason: 'rotate', reconnect: true },
  })
})

test('limits the streams of an owner', async () => {
  const host = await testHost({ limits: { streamsPerOwner: 1 } })
  const id = await host.conversation()
  const url = `${host.url}/conversations/${id}/events`
  const reader = await StreamReader.open(url, init({}))
  await reader.event('state')
  const second = await host.ask(`/conversations/${id}/events`)
  expect([second.status, second.json.code]).toEqual([429, 'too-many-streams'])
  const other = await host.conversation('bob')
  const theirs = await StreamReader.open(
    `${host.url}/conversations/${other}/events`,
    init({ user: 'bob' }),
  )
  await theirs.event('state')
})

test('begins no turn whose stream it refuses', async () => {
  const host = await testHost({ limits: { streamsPerOwner: 1 } })
  const id = await host.conversation()
  const reader = await StreamReader.open(`${host.url}/conversations/${id}/events`, init({}))
  await reader.event('state')
  const sent = { json: { input: 'hi' }, headers: { accept: 'text/event-stream' } }
  const refused = await host.ask(`/conversations/${id}/messages`, sent)
  expect([refused.status, refused.json.code]).toEqual([429, 'too-many-streams'])
  expect(await host.engine.listMessages(id)).toEqual([])
  reader.leave()
  // A send that is refused, or answered by the host, takes no place.
  const missing = await host.ask('/conversations/nothing-there-at-all/messages', sent)
  expect(missing.status).toBe(404)
  const accepted = await host.ask(`/conversations/${id}/messages`, sent)
  expect([accepted.status, accepted.text.includes('event: turn.done')]).toEqual([200, true])
})

test('keeps one event of a provider one event, whatever its text holds', async () => {
  const host = await testHost()
  const text = 'a\n\ndata: x\r\nevent: end\n\n\u2028\u0000\ud83d'
  const rest = '\ude00 <script>alert(1)</script>'
  host.provider.next(chatReply([text, rest]))
  const id = await host.conversation()
  const reader = await StreamReader.open(`${host.url}/conversations/${id}/events`, init({}))
  await reader.event('state')
  await host.ask(`/conversations/${id}/messages`, { json: { input: text } })
  await reader.event('turn.done')
  const [, stored] = await host.engine.listMessages(id)

  expect(reader.text).toBe(stored?.text)
  expect(reader.events.map(({ event }) => event)).not.toContain('end')
  expect(reader.events.filter(({ event }) => event === 'message')).toEqual([])
})

test('tells a tool call, its result and the step after it, and the result to who comes late', async () => {
  const gate = closedGate()
  const host = await testHost({}, { tools: { now: { execute: () => ({ time: 'noon' }) } } })
  const id = await host.conversation()
  const first = await StreamReader.open(`${host.url}/conversations/${id}/events`, init({}))
  await first.event('state')
  host.provider.next(calling({ name: 'now' }))
  host.provider.next(streamed(['It is noon.'], { gate: gate.opened }))
  await host.ask(`/conversations/${id}/messages`, { json: { input: 'the time?' } })
  await first.event('step.started')
  const late = await StreamReader.open(`${host.url}/conversations/${id}/events`, init({}))
  await late.event('state')
  gate.open()
  await Promise.all([first.event('turn.done'), late.event('turn.done')])

  const [, stored] = await host.engine.listMessages(id)
  for (const { parts } of [first, late]) expect(parts).toEqual(stored?.parts)
  const order = ['step.finished', 'tool.started', 'tool.finished', 'step.started', 'turn.done']
  const told = first.events.map(({ event }) => event).filter((event) => order.includes(event ?? ''))
  expect(told).toEqual(order)
})

test('tells the queue to who comes late, and its changes to all', async () => {
  const gate = closedGate()
  const host = await testHost()
  const id = await host.conversation()
  host.provider.next(streamed(['Once'], { gate: gate.opened }))
  const first = await StreamReader.open(`${host.url}/conversations/${id}/events`, init({}))
  await first.event('state')
  for (const input of ['one', 'two']) {
    await host.ask(`/conversations/${id}/messages`, { json: { input, sendPolicy: 'queue' } })
  }
  const { data } = await first.event('turn.queued')
  expect(data).toMatchObject({ ahead: 0, messages: [{ text: 'two' }] })
  expect((await first.event('queue.changed')).data).toMatchObject({ isHeld: false })
  const late = await StreamReader.open(`${host.url}/conversations/${id}/events`, init({}))
  expect((await late.event('state')).data).toMatchObject({
    queue: { queued: [{ messages: [{ text: 'two' }] }], isHeld: false },
  })
  gate.open()
})
