/** The transport actors of turns: one for each attempt, and what an inspector sees of them. */
import { type AnyActorRef, SimulatedClock } from 'xstate'
import { expect, test } from 'vitest'
import { testChat } from '../../support/engine.ts'
import { Inspection } from '../../support/inspection.ts'
import { chunk, closedGate, endless, json, streamed } from '../../support/scripts.ts'
import { nextEvent, shown } from '../../support/waiting.ts'

async function inspectedChat() {
  const clock = new SimulatedClock()
  const chat = await testChat({ clock, retry: {} })
  const inspection = new Inspection(chat.engine)
  const transports = () => inspection.actors.filter(({ id }) => id === 'transport')
  const figuresShown = () =>
    inspection.events
      .filter((event) => event.type === '@xstate.snapshot')
      .filter(({ event }) => event.type === 'transport.figures')
      .map(({ snapshot }) => (snapshot as unknown as { context: object }).context)
  return { ...chat, id: chat.conversation.id, clock, inspection, transports, figuresShown }
}

function contextOf(actor: AnyActorRef | undefined): unknown {
  return (actor?.getSnapshot() as { context?: unknown } | undefined)?.context
}

test('the events of a request come from the transport actor, a child of the turn', async () => {
  const { engine, id, inspection } = await inspectedChat()
  await (
    await engine.send(id, 'hi')
  ).reply

  const reports = inspection.events
    .filter((event) => event.type === '@xstate.event')
    .filter(({ event }) => event.type.startsWith('reply.'))
  expect(reports.map(({ event }) => event.type)).toEqual([
    'reply.started',
    'reply.first-delta',
    'reply.finished',
  ])
  for (const { sourceRef, actorRef } of reports) {
    expect((sourceRef as AnyActorRef).id).toBe('transport')
    expect((actorRef as AnyActorRef).id).toBe('turn')
  }
})

test('each attempt has a transport actor of its own, which says how it ended', async () => {
  const { provider, engine, id, clock, transports } = await inspectedChat()
  provider.next(json({ error: { message: 'no' } }, { status: 503 }))
  provider.next(streamed(['He', 'llo']))
  const waits = nextEvent(engine.events(id), 'turn.retrying')
  const turn = await engine.send(id, 'hi')
  await waits
  clock.increment(10_000)
  await turn.reply

  const [first, second] = transports()
  expect(transports()).toHaveLength(2)
  expect(first?.getSnapshot().status).toBe('stopped')
  expect(contextOf(first)).toMatchObject({ phase: 'failed', attempt: 1, deltas: 0 })
  expect(contextOf(second)).toEqual({
    phase: 'finished',
    attempt: 2,
    endpoint: expect.any(String) as string,
    model: expect.any(String) as string,
    status: 200,
    bytes: expect.any(Number) as number,
    events: expect.any(Number) as number,
    deltas: 2,
    characters: 5,
  })
})

test('a cancel stops the transport actor, and aborts its request', async () => {
  const { provider, engine, id, transports } = await inspectedChat()
  provider.next(endless())
  const turn = await engine.send(id, 'hi')
  await shown(turn, 1)
  const receipt = await turn.cancel()

  expect(receipt).toMatchObject({ outcome: 'cancelled', upstreamAborted: true })
  expect(transports()[0]?.getSnapshot().status).toBe('stopped')
  expect(contextOf(transports()[0])).toMatchObject({ phase: 'aborted' })
})

test('a listener of the transport actor gets the batches', async () => {
  const { provider, engine, id, transports } = await inspectedChat()
  const gate = closedGate()
  provider.next(streamed(['He', 'llo'], { gate: gate.opened }))
  const turn = await engine.send(id, 'hi')
  await provider.request(0)
  const texts: string[] = []
  const listen = transports()[0] as unknown as {
    on(type: 'reply.deltas', listener: (event: { deltas: { text: string }[] }) => void): void
  }
  listen.on('reply.deltas', ({ deltas }) => void texts.push(...deltas.map(({ text }) => text)))
  gate.open()

  expect((await turn.reply).message.text).toBe('Hello')
  expect(texts.join('')).toBe('Hello')
})

test('an observer sees how a request gets on, four times a second and without any text', async () => {
  const { provider, engine, id, clock, inspection, figuresShown } = await inspectedChat()
  const more = closedGate()
  provider.next(async (exchange) => {
    exchange.write(chunk({ content: 'canary-one' }))
    await more.opened
    exchange.write(chunk({ content: 'canary-two' }))
    exchange.done(chunk({}, { finish_reason: 'stop' }))
  })
  const turn = await engine.send(id, 'hi')
  await shown(turn, 10)

  clock.increment(250)
  clock.increment(250)
  expect(figuresShown()).toEqual([
    expect.objectContaining({
      phase: 'receiving',
      status: 200,
      events: 1,
      deltas: 1,
      characters: 10,
    }),
  ])
  more.open()
  await turn.reply
  const seen = inspection.events.map((event) => ({ ...event, actorRef: '', sourceRef: '' }))
  expect(JSON.stringify(seen)).not.toContain('canary')

  inspection.stop()
  clock.increment(1_000)
  expect(figuresShown()).toHaveLength(1)
})
