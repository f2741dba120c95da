/** Events as a host receives them: order, completion, and calls from inside a subscriber. */
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { Feed } from '../../src/feed/feed.ts'
import type { ConversationEvent } from '../../src/index.ts'
import { testChat } from '../support/engine.ts'
import { arrivals, rebuiltText } from '../support/reading.ts'
import { chunk, closedGate, json, steps, streamed } from '../support/scripts.ts'
import { eventLog, outcomeOf, ticks } from '../support/waiting.ts'

/** Notes the events, the completion and the error of an observable. */
/** The type of an event, or the phase that it tells. */
function named(event: ConversationEvent): string {
  return event.type === 'turn.phase' ? event.phase : event.type
}

function notes(): { readonly seen: string[]; readonly observer: object } {
  const seen: string[] = []
  const observer = {
    next: (event: ConversationEvent) => seen.push(named(event)),
    complete: () => seen.push('complete'),
    error: () => seen.push('error'),
  }
  return { seen, observer }
}

test('a failed turn is an event, then completion of its events, never an error', async () => {
  const { provider, engine, conversation } = await testChat()
  const gate = closedGate()
  provider.next(async (exchange) => {
    await gate.opened
    await json({ error: { message: 'no' } }, { status: 500 })(exchange)
  })
  const [ofTurn, ofConversation, ofAll] = [notes(), notes(), notes()]
  engine.events(conversation.id).subscribe(ofConversation.observer)
  engine.events().subscribe(ofAll.observer)
  const turn = await engine.send(conversation.id, 'hello')
  turn.events.subscribe(ofTurn.observer)
  gate.open()
  await outcomeOf(turn.reply)

  const ofAny = ['requesting', 'saving', 'turn.failed']
  expect(ofTurn.seen).toEqual([...ofAny, 'complete'])
  expect(ofConversation.seen).toEqual(['turn.accepted', ...ofAny])
  expect(ofAll.seen).toEqual(['turn.accepted', ...ofAny])
})

test('the events of the engine complete at close, and only then', async () => {
  const { provider, engine, conversation } = await testChat()
  provider.next(streamed(['Hi']))
  const [ofConversation, ofAll, late] = [notes(), notes(), notes()]
  engine.events(conversation.id).subscribe(ofConversation.observer)
  engine.events().subscribe(ofAll.observer)
  await (
    await engine.send(conversation.id, 'hello')
  ).reply
  await engine.deleteConversation(conversation.id)
  expect([...ofConversation.seen, ...ofAll.seen]).not.toContain('complete')

  await engine.close()
  engine.events(conversation.id).subscribe(late.observer)

  for (const { seen } of [ofConversation, ofAll]) {
    expect(seen.at(-2)).toBe('conversation.changed')
    expect(seen.at(-1)).toBe('complete')
  }
  expect(late.seen).toEqual(['complete'])
})

test('closing in the middle of a turn tells its end first, then completes', async () => {
  const { provider, engine, conversation } = await testChat()
  const { gate, step } = steps()
  const arrived = arrivals(engine, conversation.id)
  provider.next(streamed(['Once', ' upon'], { gate }))
  const [ofTurn, ofConversation] = [notes(), notes()]
  engine.events(conversation.id).subscribe(ofConversation.observer)
  const turn = await engine.send(conversation.id, 'a story')
  turn.events.subscribe(ofTurn.observer)
  step()
  await arrived.chars(4)

  await engine.close()

  expect(ofTurn.seen).toEqual([
    'requesting',
    'awaiting',
    'receiving',
    'reply.delta',
    'reply.snapshot',
    'saving',
    'turn.cancelled',
    'complete',
  ])
  expect(ofConversation.seen).toEqual(['turn.accepted', ...ofTurn.seen])
  await expect(turn.reply).rejects.toMatchObject({ code: 'cancelled' })
})

test('events carry who, where, when and which, whoever reads them', async () => {
  const { provider, engine, conversation } = await testChat()
  provider.next(streamed(['Hi']))
  const log = eventLog(engine)
  const turn = await engine.send(conversation.id, 'hello')
  const { message, turn: record } = await turn.reply

  const base = { conversationId: conversation.id, turnId: turn.id, at: expect.any(Date) }
  const attempt = { type: 'turn.phase', attempt: 1, endpoint: 'online', model: 'm' }
  expect(log).toEqual([
    {
      ...base,
      seq: 1,
      type: 'turn.accepted',
      message: turn.userMessage,
      replyId: message.id,
    },
    { ...base, seq: 2, ...attempt, phase: 'requesting' },
    { ...base, seq: 3, ...attempt, phase: 'awaiting' },
    { ...base, seq: 4, ...attempt, phase: 'receiving' },
    {
      ...base,
      seq: 5,
      type: 'reply.delta',
      deltas: [{ type: 'text', text: 'Hi', part: 0, opens: true }],
    },
    { ...base, seq: 6, type: 'reply.snapshot', snapshot: expect.objectContaining({ text: 'Hi' }) },
    { ...base, seq: 7, type: 'turn.phase', phase: 'saving' },
    { ...base, seq: 8, type: 'turn.done', message, turn: record },
  ])
})

test('readers of one conversation hear nothing of another', async () => {
  const { engine, conversation } = await testChat()
  const other = await engine.startConversation()
  const log = eventLog(engine, other.id)

  await (
    await engine.send(conversation.id, 'hello')
  ).reply
  await engine.updateConversation(conversation.id, { title: 'A' })

  expect(log).toEqual([])
})

describe('a reader that calls the engine inside its callback', () => {
  test('by a cancel leaves everyone with the same order, and the delta in the reply', async () => {
    for (const emitIntervalMs of [0, 100]) {
      const { provider, engine, conversation } = await testChat({ emitIntervalMs })
      const { gate, step } = steps()
      provider.next(streamed(['Once', ' upon', ' a'], { gate }))
      const [before, after] = [eventLog(engine, conversation.id), [] as ConversationEvent[]]
      const cancels: Promise<unknown>[] = []
      engine.events(conversation.id).subscribe(({ type }) => {
        if (type === 'reply.delta') cancels.push(engine.cancel(conversation.id))
      })
      engine.events(conversation.id).subscribe((event) => after.push(event))
      const turn = await engine.send(conversation.id, 'a story')
      step()

      const outcome = await outcomeOf(turn.reply)

      expect(outcome).toMatchObject({ error: { code: 'cancelled', partial: { text: 'Once' } } })
      expect(await cancels[0]).toMatchObject({ outcome: 'cancelled', partialChars: 4 })
      expect(after).toEqual(before)
      expect(rebuiltText(after)).toBe('Once')
      expect(after.map(({ seq }) => seq)).toEqual(after.map((_, n) => n + 1))
      expect(after.at(-1)).toMatchObject({ type: 'turn.cancelled', message: { text: 'Once' } })
    }
  })

  test('by a cancel at the accept ends the turn before anything of it is asked', async () => {
    const { provider, engine, conversation } = await testChat()
    const log = eventLog(engine, conversation.id)
    engine.events(conversation.id).subscribe(({ type }) => {
      if (type === 'turn.accepted') void engine.runningTurn(conversation.id)?.cancel()
    })

    const turn = await engine.send(conversation.id, 'hello')

    await expect(turn.reply).rejects.toMatchObject({ code: 'cancelled' })
    expect(log.map(named)).toEqual(['turn.accepted', 'requesting', 'saving', 'turn.cancelled'])
    expect(provider.requests).toEqual([])
  })

  test('by a send at the end of a turn begins the next one', async () => {
    const { provider, engine, conversation } = await testChat()
    provider.next(streamed(['one']), streamed(['two']))
    const [before, after] = [eventLog(engine), [] as ConversationEvent[]]
    const second = new Promise<string>((resolve, reject) => {
      engine.events(conversation.id).subscribe(({ type, turnId }) => {
        if (type !== 'turn.done' || turnId !== first?.id) return
        engine
          .send(conversation.id, 'and then?')
          .then(async (turn) => resolve((await turn.reply).message.text))
          .catch(reject)
      })
    })
    engine.events().subscribe((event) => after.push(event))
    const first = await engine.send(conversation.id, 'begin')

    expect(await second).toBe('two')
    expect(after).toEqual(before)
    expect(new Set(after.map(({ turnId }) => turnId)).size).toBe(2)
    expect(after.findIndex(({ type }) => type === 'turn.done')).toBe(
      after.findLastIndex(({ turnId }) => turnId === first.id),
    )
  })

  test('by a send while the turn runs is refused, and the turn goes on', async () => {
    const { provider, engine, conversation } = await testChat()
    provider.next(streamed(['one']))
    const refusals: Promise<unknown>[] = []
    engine.events(conversation.id).subscribe(({ type }) => {
      if (type === 'reply.delta') refusals.push(outcomeOf(engine.send(conversation.id, 'more')))
    })
    const turn = await engine.send(conversation.id, 'begin')

    expect((await turn.reply).message.text).toBe('one')
    expect(await refusals[0]).toMatchObject({ error: { code: 'turn-running' } })
  })

  test('by an update is told of it after what it was being told', async () => {
    const { provider, engine, conversation } = await testChat()
    const gate = closedGate()
    provider.next(streamed(['one'], { gate: gate.opened }))
    const [before, after] = [eventLog(engine), [] as ConversationEvent[]]
    engine.events(conversation.id).subscribe(({ type }) => {
      if (type !== 'turn.accepted') return
      void engine.updateConversation(conversation.id, { title: 'Stories' }).then(() => gate.open())
    })
    engine.events().subscribe((event) => after.push(event))

    await (
      await engine.send(conversation.id, 'begin')
    ).reply

    expect(after).toEqual(before)
    const others = after.filter(({ type }) => type !== 'turn.phase')
    expect(others.slice(0, 2)).toMatchObject([
      { type: 'turn.accepted', seq: 1 },
      { type: 'conversation.changed', seq: 0, conversation: { title: 'Stories' } },
    ])
  })

  test('by a close at the end of a turn gets it closed, with the reply settled', async () => {
    const { provider, engine, conversation } = await testChat()
    provider.next(streamed(['one']))
    const closed = Promise.withResolvers<void>()
    engine.events(conversation.id).subscribe(({ type }) => {
      if (type === 'turn.done') void engine.close().then(closed.resolve, closed.reject)
    })
    const turn = await engine.send(conversation.id, 'begin')
    let settled = false
    void turn.reply.then(() => (settled = true))
    await closed.promise

    expect(settled).toBe(true)
  })
})

describe('the socket reads of a reply', () => {
  /** Counts the batches that were made into events, whether anybody subscribed or not. */
  function deltaBatches(): () => string[] {
    const publish = vi.spyOn(Feed.prototype, 'publish')
    onTestFinished(() => publish.mockRestore())
    return () =>
      publish.mock.calls.flatMap(([event]) => {
        if (event.type !== 'reply.delta') return []
        return event.deltas.map((delta) => (delta.type === 'text' ? delta.text : '')).join('|')
      })
  }

  test.each([0, 100])('are one event with deltas each, at %i ms', async (emitIntervalMs) => {
    const { provider, engine, conversation } = await testChat({ emitIntervalMs })
    const { gate, step } = steps()
    const arrived = arrivals(engine, conversation.id)
    const letters = Array.from('abcdefghijklmnopqrst')
    provider.next(streamed(letters, { gate }))
    const batches = deltaBatches()
    const turn = await engine.send(conversation.id, 'the alphabet')
    turn.events.subscribe()

    for (const [n] of letters.entries()) {
      step()
      await arrived.chars(n + 1)
    }
    await turn.reply

    expect(batches()).toEqual(letters)
  })

  test('are one batch where many chunk frames arrive together', async () => {
    const { provider, engine, conversation } = await testChat()
    const letters = Array.from('abcdefghijklmnopqrst')
    const gate = closedGate()
    const arrived = arrivals(engine, conversation.id)
    provider.next(async (exchange) => {
      exchange.write(chunk({ content: 'first ' }))
      await gate.opened
      exchange.frames(...letters.map((content) => chunk({ content })))
      await arrived.chars('first '.length + letters.length)
      exchange.done(chunk({}, { finish_reason: 'stop' }))
    })
    const batches = deltaBatches()
    const turn = await engine.send(conversation.id, 'the alphabet')
    await arrived.chars('first '.length)
    gate.open()
    await turn.reply

    expect(batches()).toEqual(['first ', letters.join('|')])
  })

  test('make no event at all where nobody watches', async () => {
    const { provider, engine, conversation } = await testChat()
    provider.next(streamed(['a', 'b', 'c']))
    const batches = deltaBatches()
    const turn = await engine.send(conversation.id, 'the alphabet')
    for await (const snapshot of turn.snapshots()) expect(snapshot.text).not.toBe('')
    await turn.reply
    await ticks()

    expect(batches()).toEqual([])
  })
})
