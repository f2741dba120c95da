/** Counts of a turn: machine events, statements, actors. Two engines share nothing. */
import { describe, expect, test } from 'vitest'
import type { Engine } from '../../../src/index.ts'
import { driverCalls } from '../../support/driver-calls.ts'
import { testChat, testDatabase, testEngine, testProvider } from '../../support/engine.ts'
import { Inspection } from '../../support/inspection.ts'
import type { Script } from '../../support/provider.ts'
import { chunk, closedGate, endless, streamed } from '../../support/scripts.ts'
import { eventLog, shown, ticks } from '../../support/waiting.ts'

/** A reply of that many deltas, a thousand in each write. */
function deltas(count: number): Script {
  return async (exchange) => {
    for (let sent = 0; sent < count; sent += 1_000) {
      const now = Math.min(1_000, count - sent)
      const events = Array.from({ length: now }, () => chunk({ content: 'word ' }))
      exchange.write(...events)
      await ticks()
    }
    exchange.done(chunk({}, { finish_reason: 'stop' }))
  }
}

function lettersBackwards(text: string): string[] {
  return text.split('').toReversed()
}

/** A reply with the question backwards, letter by letter. */
const backwards: Script = (exchange) => {
  const question = (exchange.body.messages as { content: string }[]).at(-1)?.content ?? ''
  return streamed(lettersBackwards(question), { gate: () => ticks() })(exchange)
}

async function ask(engine: Engine, id: string, text: string): Promise<string> {
  return (await (await engine.send(id, text)).reply).message.text
}

describe('the number of machine events', () => {
  async function eventsOfTurn(count: number): Promise<readonly string[]> {
    const { provider, engine, conversation } = await testChat({ emitIntervalMs: 100 })
    provider.next(deltas(count))
    const inspection = new Inspection(engine)
    expect(await ask(engine, conversation.id, 'hi')).toHaveLength(5 * count)
    return inspection.machineEvents
  }

  test('of a plain turn is the same for 3 deltas and for 30,000, and at most 12', async () => {
    const few = await eventsOfTurn(3)
    const many = await eventsOfTurn(30_000)
    expect(few.length).toBeLessThanOrEqual(12)
    expect(many).toEqual(few)
    expect(few.filter((type) => !type.startsWith('xstate.'))).toEqual([
      'conversation.wake',
      'conversation.send',
      'input.recorded',
      'reply.started',
      'reply.first-delta',
      'reply.finished',
      'turn.saved',
    ])
  })

  test('is smaller still for the next turn of an actor that is awake', async () => {
    const { engine, conversation } = await testChat()
    await ask(engine, conversation.id, 'one')
    const inspection = new Inspection(engine)
    await ask(engine, conversation.id, 'two')
    expect(inspection.machineEvents).toEqual([
      'conversation.send',
      'input.recorded',
      'reply.started',
      'reply.first-delta',
      'reply.finished',
      'turn.saved',
      'xstate.done.actor.turn',
    ])
  })
})

test('a turn asks the database for its two writes, and for the history if there is one', async () => {
  const { engine, conversation } = await testChat()
  const { run } = driverCalls()
  const writes = [
    ['begin immediate', 'select … conversation', 'insert into message', 'insert into turn'],
    ['update conversation', 'commit'],
    ['begin immediate', 'update turn', 'insert into message'],
    ['update conversation', 'commit'],
  ].flat()
  await ask(engine, conversation.id, 'one')
  expect(run()).toEqual(writes)

  await ask(engine, conversation.id, 'two')
  const second = run().slice(writes.length)
  expect(second).toEqual(writes.toSpliced(6, 0, 'select … message'))
})

test('two engines share nothing', async () => {
  const provider = await testProvider()
  const [one, two] = [await testEngine(), await testEngine()]
  const [eventsOfOne, eventsOfTwo] = [eventLog(one), eventLog(two)]
  const inspection = new Inspection(two)
  for (const engine of [one, two]) {
    await engine.putEndpoint('online', { url: provider.url, model: 'm' })
    await engine.startConversation({ id: 'same' })
  }
  const inspected = inspection.events.length

  const gate = closedGate()
  provider.next(streamed(['Once'], { gate: gate.opened }), backwards)
  const turnOfOne = await one.send('same', 'one')
  await provider.request(0)
  expect(two.runningTurn('same')).toBeUndefined()
  expect(inspection.events).toHaveLength(inspected)
  expect(await two.cancel('same')).toMatchObject({ outcome: 'not-running' })
  expect(await ask(two, 'same', 'two')).toBe('owt')
  await two.setModelPreference('chat', 'other')
  expect((await one.getSettings()).modelPreferences).toEqual({})
  await two.close()
  gate.open()
  expect((await turnOfOne.reply).message.text).toBe('Once')

  const turnsIn = (log: typeof eventsOfOne) => new Set(log.map(({ turnId }) => turnId))
  // The start of a conversation belongs to no turn.
  expect(turnsIn(eventsOfOne)).toEqual(new Set([undefined, turnOfOne.id]))
  expect(turnsIn(eventsOfTwo)).not.toContain(turnOfOne.id)
  expect((await one.listMessages('same')).map(({ text }) => text)).toEqual(['one', 'Once'])
})

test('500 conversations that stream at once each end with their own text', async () => {
  const { provider, engine } = await testChat({ database: await testDatabase() })
  provider.always(backwards)
  const questions = Array.from({ length: 500 }, (_, n) => `question ${n} of many`)
  const answers = await Promise.all(
    questions.map(async (question) => {
      const { id } = await engine.startConversation()
      const turn = await engine.send(id, question)
      let last = ''
      for await (const { text } of turn.snapshots()) last = text
      const { message } = await turn.reply
      const stored = await engine.listMessages(id)
      expect(stored.map(({ text }) => text)).toEqual([question, message.text])
      expect(last).toBe(message.text)
      return message.text
    }),
  )
  expect(answers).toEqual(questions.map((question) => lettersBackwards(question).join('')))
}, 60_000)

describe('an inspector', () => {
  /** Everything in an event, without following cycles. */
  function everything(event: object): string {
    const seen = new WeakSet<object>()
    return JSON.stringify(event, (_, value: unknown) => {
      if (typeof value === 'function') return value.name
      if (typeof value !== 'object' || value === null) return value
      if (seen.has(value)) return undefined
      seen.add(value)
      return value
    })
  }

  test('sees every state of a turn, and no text of it', async () => {
    const { provider, engine } = await testChat()
    const inspection = new Inspection(engine)
    const conversation = await engine.startConversation({ title: 'CANARY', system: 'CANARY' })
    provider.next(streamed(['CANARY', ' sings'], { reasoning: ['CANARY'] }))
    const turn = await engine.send(conversation.id, 'CANARY', {
      headers: { 'x-canary': 'CANARY' },
      extraBody: { user: 'CANARY' },
      metadata: 'CANARY',
    })
    await turn.reply
    provider.next(endless('CANARY '))
    const second = await engine.send(conversation.id, 'CANARY')
    await shown(second, 10)
    await second.cancel()

    const states = inspection.events
      .filter((event) => event.type === '@xstate.snapshot')
      .map(({ snapshot }) => JSON.stringify((snapshot as { value?: unknown }).value))
    for (const state of [
      '"idle"',
      '"streaming"',
      '"recording"',
      '{"replying":"requesting"}',
      '{"replying":"awaiting"}',
      '{"replying":"receiving"}',
      '"saving"',
      '"done"',
      '"cancelled"',
    ]) {
      expect(states).toContain(state)
    }
    const seen = inspection.events.map(everything).join('\n')
    expect(seen).toContain(turn.id)
    expect(seen).not.toContain('CANARY')
    expect(seen).not.toContain('sk-test-key')
  })

  test('that comes late is told of the actors there are, then of what happens', async () => {
    const { provider, engine, conversation } = await testChat()
    const gate = closedGate()
    provider.next(streamed(['Once'], { gate: gate.opened }))
    const turn = await engine.send(conversation.id, 'hi')
    await provider.request(0)

    const inspection = new Inspection(engine)
    const announced = inspection.actors.map((actor) => actor.id)
    const path = ['supervisor-1', `conversation:${conversation.id}`, 'turn', 'transport']
    expect(announced).toEqual(path)
    expect(inspection.events.filter((event) => event.type === '@xstate.snapshot')).toHaveLength(4)
    gate.open()
    await turn.reply
    expect(inspection.machineEvents).toContain('turn.saved')
    // No actor is announced twice.
    expect(new Set(inspection.actors).size).toBe(inspection.actors.length)
  })

  test('that throws harms nothing, and is named in the log', async () => {
    const warnings: string[] = []
    const note = (_: object, message: string) => void warnings.push(message)
    const logger = { debug() {}, info() {}, warn: note, error: note }
    const { engine, conversation } = await testChat({ logger })
    const broken = () => {
      throw new Error('broken')
    }
    engine.inspect(broken)
    engine.inspect({ next: broken })
    engine.inspect({})
    const inspection = new Inspection(engine)
    expect(await ask(engine, conversation.id, 'hi')).toBe('Hello')
    expect(inspection.machineEvents).toContain('turn.saved')
    expect(new Set(warnings)).toEqual(new Set(['An inspection observer threw.']))
  })

  test('that has left hears nothing more', async () => {
    const { engine, conversation } = await testChat()
    const inspection = new Inspection(engine)
    await ask(engine, conversation.id, 'one')
    const heard = inspection.events.length
    inspection.stop()
    await ask(engine, conversation.id, 'two')
    expect(inspection.events).toHaveLength(heard)
  })

  test('may cancel what it sees', async () => {
    const { provider, engine, conversation } = await testChat()
    provider.next(endless())
    engine.inspect((event) => {
      if (event.type === '@xstate.event' && event.event.type === 'reply.first-delta') {
        void engine.cancel(conversation.id)
      }
    })
    const turn = await engine.send(conversation.id, 'hi')
    await expect(turn.reply).rejects.toMatchObject({ code: 'cancelled' })
    await (
      await provider.request(0)
    ).closed
  })
})
