/** Snapshots of a reply through the public API: when each is due, and how they end. */
import { expect, test } from 'vitest'
import { SimulatedClock } from 'xstate'
import { testChat } from '../support/engine.ts'
import { arrivals, byNow, snapshotReader, textsOf } from '../support/reading.ts'
import { chunk, closedGate, json, steps, streamed } from '../support/scripts.ts'
import { outcomeOf } from '../support/waiting.ts'

test('there is no snapshot before the first content, and that one is there at once', async () => {
  const { provider, engine, conversation } = await testChat({ clock: new SimulatedClock() })
  const gate = closedGate()
  provider.next(streamed(['Once'], { gate: gate.opened }))
  const turn = await engine.send(conversation.id, 'a story')
  const first = snapshotReader(turn).next()
  await provider.request(0)

  expect(await byNow(first)).toBe('waiting')
  gate.open()

  expect(await first).toMatchObject({ value: { turnId: turn.id, text: 'Once' } })
})

test('there is at most one snapshot in an interval, and it is the newest', async () => {
  const clock = new SimulatedClock()
  const { provider, engine, conversation } = await testChat({ clock, emitIntervalMs: 100 })
  const { gate, step } = steps()
  const arrived = arrivals(engine, conversation.id)
  provider.next(streamed(['a', 'b', 'c', 'd'], { gate }))
  const snapshots = snapshotReader(await engine.send(conversation.id, 'a story'))
  step()
  expect(await snapshots.next()).toMatchObject({ value: { text: 'a' } })

  const second = snapshots.next()
  step(2)
  await arrived.chars(3)
  clock.increment(99)
  expect(await byNow(second)).toBe('waiting')
  clock.increment(1)
  expect(await second).toMatchObject({ value: { text: 'abc', status: 'streaming' } })

  step()
  expect(await snapshots.next()).toMatchObject({ value: { text: 'abcd', status: 'complete' } })
  expect(await snapshots.next()).toEqual({ done: true, value: undefined })
})

test('the last snapshot comes without waiting for the interval, and has the final status', async () => {
  const clock = new SimulatedClock()
  const { provider, engine, conversation } = await testChat({ clock, emitIntervalMs: 60_000 })
  provider.next(streamed(['Once', ' upon', ' a time']))

  const turn = await engine.send(conversation.id, 'a story')
  const seen = await Array.fromAsync(turn.snapshots())

  expect(seen.length).toBeLessThanOrEqual(2)
  expect(seen.at(-1)).toMatchObject({ text: 'Once upon a time', status: 'complete' })
})

test('with an interval of 0 each delta is a snapshot, even if all come in one read', async () => {
  const { provider, engine, conversation } = await testChat({ emitIntervalMs: 0 })
  const letters = Array.from('abcdefgh')
  provider.next((exchange) =>
    exchange.done(
      ...letters.map((content) => chunk({ content })),
      chunk({}, { finish_reason: 'stop' }),
    ),
  )

  const seen = await textsOf(await engine.send(conversation.id, 'the alphabet'))

  expect(seen).toEqual(letters.map((_, n) => letters.slice(0, n + 1).join('')))
})

test('an answer that is not streamed is one snapshot', async () => {
  const { provider, engine, conversation } = await testChat()
  const message = { role: 'assistant', content: 'Once upon a time' }
  provider.next(json({ model: 'm', choices: [{ index: 0, message, finish_reason: 'stop' }] }))

  const turn = await engine.send(conversation.id, 'a story')

  expect(await textsOf(turn)).toEqual(['Once upon a time'])
})

test('the numbers and texts of snapshots only grow', async () => {
  for (const emitIntervalMs of [0, 1]) {
    const { provider, engine, conversation } = await testChat({ emitIntervalMs })
    provider.next(streamed(Array.from({ length: 50 }, (_, n) => `${n} `)))

    const seen = await Array.fromAsync((await engine.send(conversation.id, 'count')).snapshots())

    for (const [n, snapshot] of seen.entries()) {
      const before = seen[n - 1]
      if (before === undefined) continue
      expect(snapshot.seq).toBeGreaterThan(before.seq)
      expect(snapshot.text.startsWith(before.text)).toBe(true)
    }
  }
})

test('a loop over a failed reply gets its last state, then throws what reply rejects with', async () => {
  const { provider, engine, conversation } = await testChat({ emitIntervalMs: 100 })
  provider.next(streamed(['Once', ' upon'], { finishReason: null, done: false }))
  const turn = await engine.send(conversation.id, 'a story')
  const seen: string[] = []

  const thrown = await outcomeOf(
    (async () => {
      for await (const { text, status } of turn.snapshots()) seen.push(`${status}: ${text}`)
    })(),
  )

  expect(seen.at(-1)).toBe('failed: Once upon')
  expect(thrown).toMatchObject({
    error: { code: 'stream-truncated', partial: { text: 'Once upon' } },
  })
  expect(await outcomeOf(turn.reply)).toEqual(thrown)
})

test('a loop over a reply without content throws at once', async () => {
  const { provider, engine, conversation } = await testChat()
  provider.next(json({ error: { message: 'overloaded' } }, { status: 503 }))
  const turn = await engine.send(conversation.id, 'a story')

  const thrown = await outcomeOf(textsOf(turn))

  expect(thrown).toMatchObject({ error: { code: 'overloaded' } })
  expect(await outcomeOf(turn.reply)).toEqual(thrown)
})

test('leaving a loop detaches it and cancels nothing', async () => {
  const { provider, engine, conversation } = await testChat()
  const { gate, step } = steps()
  provider.next(streamed(['Once', ' upon', ' a time'], { gate }))
  const turn = await engine.send(conversation.id, 'a story')
  const stays = textsOf(turn)
  step()
  for await (const { text } of turn.snapshots()) {
    expect(text).toBe('Once')
    break
  }
  step(2)

  expect((await turn.reply).message).toMatchObject({ text: 'Once upon a time', status: 'complete' })
  expect((await stays).at(-1)).toBe('Once upon a time')
})

test('each call of snapshots, and each loop over one, is a new reader', async () => {
  const { provider, engine, conversation } = await testChat()
  const { gate, step } = steps()
  provider.next(streamed(['a', 'b'], { gate }))
  const turn = await engine.send(conversation.id, 'a story')
  const same = turn.snapshots()
  const [one, two, three] = [
    same[Symbol.asyncIterator](),
    same[Symbol.asyncIterator](),
    turn.snapshots()[Symbol.asyncIterator](),
  ]
  const asked = [one.next(), two.next(), three.next()]
  step()

  expect((await Promise.all(asked)).map(({ value }) => value?.text)).toEqual(['a', 'a', 'a'])
  step()
  expect(await one.next()).toMatchObject({ value: { text: 'ab' } })
})

test('after the end each loop gets the final snapshot once', async () => {
  for (const emitIntervalMs of [0, 100]) {
    const { provider, engine, conversation } = await testChat({ emitIntervalMs })
    provider.next(streamed(['Once', ' upon']))
    const turn = await engine.send(conversation.id, 'a story')
    await turn.reply

    for (const again of [turn.snapshots(), turn.snapshots()]) {
      const seen = await Array.fromAsync(again)
      expect(seen).toMatchObject([{ text: 'Once upon', status: 'complete' }])
      expect(seen).toHaveLength(1)
    }
  }
})

test('after a failed end a loop gets the final snapshot once, then the error', async () => {
  const { provider, engine, conversation } = await testChat()
  provider.next(streamed(['Once', ' upon'], { finishReason: null, done: false }))
  const turn = await engine.send(conversation.id, 'a story')
  await outcomeOf(turn.reply)
  const snapshots = snapshotReader(turn)

  expect(await snapshots.next()).toMatchObject({ value: { text: 'Once upon', status: 'failed' } })
  await expect(snapshots.next()).rejects.toMatchObject({ code: 'stream-truncated' })
  expect(await snapshots.next()).toEqual({ done: true, value: undefined })
})

test('two readers go at their own speeds: the slow one skips to the newest', async () => {
  const { provider, engine, conversation } = await testChat()
  const { gate, step } = steps()
  provider.next(streamed(['a', 'b', 'c', 'd'], { gate }))
  const turn = await engine.send(conversation.id, 'a story')
  const [quick, slow] = [snapshotReader(turn), snapshotReader(turn)]
  const quickTexts: (string | undefined)[] = []
  step()
  expect(await slow.next()).toMatchObject({ value: { text: 'a' } })

  for (let n = 0; n < 3; n += 1) {
    quickTexts.push((await quick.next()).value?.text)
    if (n < 2) step()
  }

  expect(quickTexts).toEqual(['a', 'ab', 'abc'])
  expect(await slow.next()).toMatchObject({ value: { text: 'abc' } })
  step()
  expect(await slow.next()).toMatchObject({ value: { text: 'abcd' } })
})
