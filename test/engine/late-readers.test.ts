/** Subscribers and snapshot readers that come late: in the middle of a turn, or after it. */
import { describe, expect, test } from 'vitest'
import type { ConversationEvent } from '../../src/index.ts'
import { testChat } from '../support/engine.ts'
import { arrivals, rebuiltText, snapshotReader } from '../support/reading.ts'
import { chunk, closedGate, steps, streamed } from '../support/scripts.ts'
import { eventLog, nextEvent } from '../support/waiting.ts'

const STORY = ['Once', ' upon', ' a', ' time']

/** A reply of four deltas. Two of them have arrived. */
async function halfwayChat(emitIntervalMs: number) {
  const chat = await testChat({ emitIntervalMs })
  const { provider, engine, conversation } = chat
  const { gate, step } = steps()
  const arrived = arrivals(engine, conversation.id)
  const early = eventLog(engine, conversation.id)
  provider.next(streamed(STORY, { gate }))
  const turn = await engine.send(conversation.id, 'a story')
  step(2)
  await arrived.chars('Once upon'.length)
  return { ...chat, turn, step, early }
}

describe.each([0, 100])('with %i ms between snapshots', (emitIntervalMs) => {
  test('a late loop gets one snapshot of all there is, then what follows', async () => {
    const { turn, step } = await halfwayChat(emitIntervalMs)
    const snapshots = snapshotReader(turn)

    expect(await snapshots.next()).toMatchObject({ value: { text: 'Once upon' } })
    step(2)
    const rest: string[] = []
    for (let next = await snapshots.next(); next.done !== true; next = await snapshots.next()) {
      rest.push(next.value.text)
    }

    expect(new Set(rest).size).toBe(rest.length)
    expect(rest.at(-1)).toBe('Once upon a time')
    expect(rest).not.toContain('Once upon')
  })

  test.each(['turn.events', 'engine.events(id)', 'engine.events()'] as const)(
    'a late reader of %s gets the phase, one snapshot, then every event that follows, once',
    async (source) => {
      const { engine, conversation, turn, step, early } = await halfwayChat(emitIntervalMs)
      const late: ConversationEvent[] = []
      const sources = {
        'turn.events': turn.events,
        'engine.events(id)': engine.events(conversation.id),
        'engine.events()': engine.events(),
      }
      const before = early.length
      sources[source].subscribe((event) => late.push(event))
      step(2)
      await turn.reply

      const [phase, first, ...live] = late
      const seq = early[before - 1]?.seq
      expect(phase).toMatchObject({ type: 'turn.phase', phase: 'receiving', seq, attempt: 1 })
      expect(first).toMatchObject({
        type: 'reply.snapshot',
        seq,
        snapshot: { text: 'Once upon', status: 'streaming' },
      })
      expect(live).toEqual(early.slice(before))
      expect(rebuiltText(late)).toBe('Once upon a time')
      expect(rebuiltText(early)).toBe('Once upon a time')
    },
  )

  test('a reader that comes inside a delivery misses nothing and gets nothing twice', async () => {
    const { provider, engine, conversation } = await testChat({ emitIntervalMs })
    // All in one read: the deltas after the first are decoded before the first is delivered.
    provider.next((exchange) =>
      exchange.done(
        ...STORY.map((content) => chunk({ content })),
        chunk({}, { finish_reason: 'stop' }),
      ),
    )
    const logs: ConversationEvent[][] = []
    engine.events(conversation.id).subscribe(({ turnId }) => {
      const turn = engine.runningTurn(conversation.id)
      for (const events of [engine.events(conversation.id), engine.events(), turn?.events]) {
        const log: ConversationEvent[] = []
        logs.push(log)
        events?.subscribe((event) => event.turnId === turnId && log.push(event))
      }
    })
    const turn = await engine.send(conversation.id, 'a story')
    await turn.reply

    for (const log of logs) {
      // The phase and the snapshot that it came to have one number.
      const isCaughtUp = log[0]?.type === 'turn.phase' && log[0].seq === log[1]?.seq
      const numbers = log.slice(isCaughtUp ? 1 : 0).map(({ seq }) => seq)
      expect(numbers).toEqual([...new Set(numbers)].toSorted((a, b) => a - b))
      if (log.some(({ type }) => type.startsWith('reply.'))) {
        expect(rebuiltText(log)).toBe('Once upon a time')
      }
    }
    expect(logs.filter((log) => rebuiltText(log) !== '').length).toBeGreaterThan(6)
  })
})

test('an early reader sees the numbers from 1 without a gap, one turn after the other', async () => {
  const { provider, engine, conversation } = await testChat({ emitIntervalMs: 5 })
  provider.next(streamed(STORY), streamed(STORY))
  const early = eventLog(engine, conversation.id)

  for (const input of ['a story', 'another']) {
    const turn = await engine.send(conversation.id, input)
    await turn.reply
    const numbers = early.filter(({ turnId }) => turnId === turn.id).map(({ seq }) => seq)
    expect(numbers).toEqual(numbers.map((_, n) => n + 1))
  }
})

test('a reader of a turn that has ended gets its last snapshot, its end, and completion', async () => {
  const { provider, engine, conversation } = await testChat()
  provider.next(streamed(STORY))
  const turn = await engine.send(conversation.id, 'a story')
  const { message } = await turn.reply
  const seen: unknown[] = []

  turn.events.subscribe({
    next: (event) => seen.push(event),
    complete: () => seen.push('complete'),
  })

  expect(seen).toMatchObject([
    { type: 'reply.snapshot', snapshot: { text: 'Once upon a time', status: 'complete' } },
    { type: 'turn.done', message },
    'complete',
  ])
})

test('a reader of a conversation that comes after a turn is told nothing of it', async () => {
  const { engine, conversation } = await testChat()
  await (
    await engine.send(conversation.id, 'hello')
  ).reply

  const log = eventLog(engine, conversation.id)
  const everything = eventLog(engine)

  expect([...log, ...everything]).toEqual([])
})

test('runningTurn is a second hold on the same turn', async () => {
  const { provider, engine, conversation } = await testChat()
  const gate = closedGate()
  provider.next(streamed(['Hi'], { gate: gate.opened }))
  expect(engine.runningTurn(conversation.id)).toBeUndefined()
  const accepted = nextEvent(engine.events(conversation.id), 'turn.accepted').then(() =>
    engine.runningTurn(conversation.id),
  )
  const turn = await engine.send(conversation.id, 'hello')
  const second = engine.runningTurn(conversation.id)

  expect(await accepted).toMatchObject({ id: turn.id })
  expect(second).toMatchObject({
    id: turn.id,
    conversationId: conversation.id,
    userMessage: turn.userMessage,
  })
  const seen = Array.fromAsync(second?.snapshots() ?? [])
  gate.open()
  expect(await second?.reply).toBe(await turn.reply)
  expect(await seen).toMatchObject([{ text: 'Hi' }])
  expect(engine.runningTurn(conversation.id)).toBeUndefined()
})

test('a second holder can cancel', async () => {
  const { provider, engine, conversation } = await testChat()
  const { gate, step } = steps()
  provider.next(streamed(STORY, { gate }))
  const turn = await engine.send(conversation.id, 'a story')
  step()
  await snapshotReader(turn).next()

  const receipt = await engine.runningTurn(conversation.id)?.cancel()

  expect(receipt).toMatchObject({ outcome: 'cancelled', partialChars: 4 })
  await expect(turn.reply).rejects.toMatchObject({ code: 'cancelled', partial: { text: 'Once' } })
})
