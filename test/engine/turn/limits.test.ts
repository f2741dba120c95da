/** The limits of an answer: its size, and the wait for its end. */
import { SimulatedClock } from 'xstate'
import { expect, test } from 'vitest'
import type { ColloquyError } from '../../../src/index.ts'
import { testChat } from '../../support/engine.ts'
import { chunk, json, raw, streamed } from '../../support/scripts.ts'
import { outcomeOf, shown } from '../../support/waiting.ts'

test('an event longer than limits.eventBytes ends the turn, and keeps what came before it', async () => {
  const { provider, engine, conversation } = await testChat({ limits: { eventBytes: 2_000 } })
  const event = `data: ${JSON.stringify(chunk({ content: 'Once' }))}\n\n`
  provider.next(raw([event, `data: "${'x'.repeat(2_000)}`], { end: false }))

  const { error } = (await outcomeOf((await engine.send(conversation.id, 'hi')).reply)) as {
    error: unknown
  }

  expect(error).toMatchObject({
    code: 'event-too-large',
    message: expect.stringContaining('2000 bytes') as string,
    partial: { text: 'Once', status: 'failed' },
  })
  expect((await (await engine.send(conversation.id, 'hi')).reply).message.text).toBe('Hello')
})

test('an event longer than limits.eventBytes is too long also where it comes in one read', async () => {
  const { provider, engine, conversation } = await testChat({ limits: { eventBytes: 2_000 } })
  const event = (content: string) => `data: ${JSON.stringify(chunk({ content }))}\n\n`
  // The last event differs from those before only in its length, so that a template reads it.
  provider.next(raw([event('Once') + event(' upon') + event('x'.repeat(2_000))], { end: false }))

  expect(await outcomeOf((await engine.send(conversation.id, 'hi')).reply)).toMatchObject({
    error: { code: 'event-too-large', partial: { text: 'Once upon' } },
  })
})

test('a reply longer than limits.replyBytes ends the turn, streamed or not', async () => {
  const { provider, engine, conversation } = await testChat({ limits: { replyBytes: 1_000 } })
  const content = 'x'.repeat(400)
  provider.next(
    streamed([content, content, content]),
    json({ choices: [{ message: { content: 'x'.repeat(1_001) }, finish_reason: 'stop' }] }),
  )

  const turn = await outcomeOf((await engine.send(conversation.id, 'hi')).reply)
  expect(turn).toMatchObject({ error: { code: 'reply-too-large', partial: { status: 'failed' } } })
  const shot = await outcomeOf(engine.complete({ prompt: 'hi' }))
  expect(shot).toMatchObject({ error: { code: 'reply-too-large' } })
})

test.each([
  ['after a second', {}, 1_000],
  ['after timeouts.usageMs', { timeouts: { usageMs: 30 } }, 30],
  ['at once with timeouts.usageMs 0', { timeouts: { usageMs: 0 } }, 0],
  ['when a silence ends it first', { timeouts: { usageMs: 60_000, idleMs: 100 } }, 200],
])('usage that does not come is given up %s', async (_, options, ms) => {
  const clock = new SimulatedClock()
  const { provider, engine, conversation } = await testChat({ ...options, clock })
  const events = [chunk({ content: 'Hi' }), chunk({}, { finish_reason: 'stop' })]
  const content = events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('')
  provider.next(raw([content], { end: false }))
  const turn = await engine.send(conversation.id, 'hi')
  await shown(turn, 2)

  for (let passed = 0; passed < ms; passed += ms / 10) {
    expect(engine.runningTurn(conversation.id)?.id).toBe(turn.id)
    clock.increment(ms / 10)
  }
  clock.increment(0)

  expect((await turn.reply).message).toMatchObject({ text: 'Hi', finishReason: 'stop' })
})

test('JSON longer than limits.replyBytes is too long also where it comes in one read', async () => {
  const { provider, engine } = await testChat({ limits: { replyBytes: 1_000 } })
  const message = { content: 'Hi', padding: 'x'.repeat(1_000) }
  provider.next(json({ choices: [{ message, finish_reason: 'stop' }] }))

  expect(await outcomeOf(engine.complete({ prompt: 'hi' }))).toMatchObject({
    error: { code: 'reply-too-large' },
  })
})

test('a reply of more parts than limits.replyParts ends the turn, and that many are kept', async () => {
  const { provider, engine, conversation } = await testChat({ limits: { replyParts: 3 } })
  const content = ['a', { thinking: 'b' }, 'c', { thinking: 'd' }, 'e']
  provider.next(
    (exchange) => exchange.done(chunk({ content })),
    json({ choices: [{ message: { content }, finish_reason: 'stop' }] }),
  )

  expect(await outcomeOf((await engine.send(conversation.id, 'hi')).reply)).toMatchObject({
    error: {
      code: 'reply-too-large',
      message: expect.stringContaining('more than 3 parts') as string,
      partial: {
        status: 'failed',
        parts: [
          { type: 'text', text: 'a' },
          { type: 'reasoning', text: 'b' },
          { type: 'text', text: 'c' },
        ],
      },
    },
  })
  expect(await outcomeOf(engine.complete({ prompt: 'hi' }))).toMatchObject({
    error: { code: 'reply-too-large' },
  })
})

test('a reply has at most ten thousand parts by default', async () => {
  const { provider, engine, conversation } = await testChat()
  const content = Array.from({ length: 10_001 }, (_, n) => (n % 2 ? { thinking: 'b' } : 'a'))
  provider.next((exchange) => exchange.done(chunk({ content })))

  const { error } = (await outcomeOf((await engine.send(conversation.id, 'hi')).reply)) as {
    error: ColloquyError
  }

  expect(error.code).toBe('reply-too-large')
  expect(error.partial?.parts).toHaveLength(10_000)
})
