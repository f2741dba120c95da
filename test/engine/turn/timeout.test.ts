/** The timeouts of a turn. */
import { SimulatedClock } from 'xstate'
import { expect, test } from 'vitest'
import { createEngine } from '../../../src/index.ts'
import type { TimeoutOptions, Turn } from '../../../src/index.ts'
import { testChat } from '../../support/engine.ts'
import type { Script } from '../../support/provider.ts'
import { chunk, hang } from '../../support/scripts.ts'
import { machineEvent, nextEvent, shown } from '../../support/waiting.ts'

const openAndWait: Script = async (exchange) => {
  exchange.open()
  await exchange.closed
}

const onceAndWait: Script = async (exchange) => {
  exchange.write(chunk({ content: 'Once' }))
  await exchange.closed
}

/** A chat whose time advances when the test says so. */
async function timedChat(timeouts: TimeoutOptions, script: Script) {
  const clock = new SimulatedClock()
  const chat = await testChat({ clock, timeouts })
  chat.provider.next(script)
  const started = machineEvent(chat.engine, 'reply.started')
  const turn = await chat.engine.send(chat.conversation.id, 'hi')
  const exchange = await chat.provider.request(0)
  return { ...chat, clock, turn, exchange, started }
}

async function expectTimeout(
  chat: Awaited<ReturnType<typeof timedChat>>,
  code: string,
  option: string,
) {
  const { turn, engine, conversation, exchange } = chat
  await expect(turn.reply).rejects.toMatchObject({
    code,
    message: expect.stringContaining(option) as string,
  })
  await exchange.closed
  expect(await engine.getTurn(turn.id)).toMatchObject({ status: 'failed', error: { code } })
  await (
    await engine.send(conversation.id, 'again')
  ).reply
}

async function textOfFirst(turn: Turn) {
  return (await shown(turn, 1)).text
}

test('fails when no headers come within headersMs', async () => {
  const chat = await timedChat({ headersMs: 3_000 }, hang())
  chat.clock.increment(2_999)
  expect(chat.engine.runningTurn(chat.conversation.id)).toBeDefined()
  chat.clock.increment(1)
  await expectTimeout(chat, 'timeout-headers', 'timeouts.headersMs (3000 ms)')
  expect(await chat.engine.listMessages(chat.conversation.id)).toHaveLength(3)
})

test('fails when no content comes within firstDeltaMs of the headers', async () => {
  const chat = await timedChat({ headersMs: 50, firstDeltaMs: 3_000 }, openAndWait)
  await chat.started
  chat.clock.increment(2_999)
  chat.clock.increment(1)
  await expectTimeout(chat, 'timeout-first-delta', 'timeouts.firstDeltaMs (3000 ms)')
})

test('fails when no byte comes for idleMs, and keeps the text', async () => {
  const chat = await timedChat({ idleMs: 4_000 }, onceAndWait)
  expect(await textOfFirst(chat.turn)).toBe('Once')
  for (let n = 0; n < 6; n += 1) chat.clock.increment(1_000)
  await expectTimeout(chat, 'timeout-idle', '4000 ms')
  const [, reply] = await chat.engine.listMessages(chat.conversation.id)
  expect(reply).toMatchObject({ text: 'Once', status: 'failed' })
})

test('does not call a provider idle that sends comments', async () => {
  const chat = await timedChat({ idleMs: 4_000 }, onceAndWait)
  await textOfFirst(chat.turn)
  for (let n = 0; n < 10; n += 1) {
    const heard = nextEvent(chat.turn.events, 'reply.delta')
    chat.exchange.write(': keep-alive\n\n', chunk({ content: '.' }))
    await heard
    chat.clock.increment(2_000)
  }
  chat.exchange.done(chunk({}, { finish_reason: 'stop' }))
  expect((await chat.turn.reply).message.text).toBe('Once..........')
})

test('fails when the reply is not complete within turnMs, and keeps the text', async () => {
  const chat = await timedChat({ turnMs: 10_000, idleMs: Infinity }, onceAndWait)
  await textOfFirst(chat.turn)
  chat.clock.increment(10_000)
  await expectTimeout(chat, 'timeout-turn', 'timeouts.turnMs (10000 ms)')
  const [, reply] = await chat.engine.listMessages(chat.conversation.id)
  expect(reply).toMatchObject({ text: 'Once', status: 'failed' })
})

test('waits for ever where a timeout is Infinity', async () => {
  const forever = {
    headersMs: Infinity,
    firstDeltaMs: Infinity,
    idleMs: Infinity,
    turnMs: Infinity,
  }
  const chat = await timedChat(forever, onceAndWait)
  await textOfFirst(chat.turn)
  chat.clock.increment(1_000_000_000)
  expect(chat.engine.runningTurn(chat.conversation.id)).toBeDefined()
  chat.exchange.done(chunk({}, { finish_reason: 'stop' }))
  await chat.turn.reply
})

test('sleeps after a minute of rest, and a send wakes the conversation', async () => {
  const clock = new SimulatedClock()
  const { engine, conversation } = await testChat({ clock })
  const types: string[] = []
  engine.inspect((event) => {
    if (event.type === '@xstate.event') types.push(event.event.type)
  })
  await (
    await engine.send(conversation.id, 'one')
  ).reply
  clock.increment(59_999)
  expect(types).not.toContain('conversation.sleep')
  clock.increment(1)
  expect(types).toContain('conversation.sleep')
  await (
    await engine.send(conversation.id, 'two')
  ).reply
  expect(await engine.listMessages(conversation.id)).toHaveLength(4)
})

test('uses the system clock unless told otherwise', async () => {
  const before = Date.now()
  await using engine = await createEngine({ database: ':memory:' })
  const { createdAt } = await engine.startConversation()
  expect(createdAt.getTime()).toBeGreaterThanOrEqual(before)
})
