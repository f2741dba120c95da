/** The order of the last snapshot, the terminal event, the stored reply and `turn.reply`. */
import { describe, expect, test } from 'vitest'
import type { Turn } from '../../../src/index.ts'
import { testChat } from '../../support/engine.ts'
import { snapshotReader } from '../../support/reading.ts'
import { chunk, endless, steps, streamed } from '../../support/scripts.ts'
import { outcomeOf, shown } from '../../support/waiting.ts'
import { runChild } from '../child-process.ts'

/** Each end of a turn, and its cause. */
const ENDS = {
  'turn.done': { script: streamed(['Once', ' upon']), stop: () => {} },
  'turn.failed': {
    script: streamed(['Once', ' upon'], { finishReason: null, done: false }),
    stop: () => {},
  },
  'turn.cancelled': {
    script: endless(),
    stop: (turn: Turn) => void shown(turn, 1).then(() => turn.cancel()),
  },
} as const

describe.each(Object.entries(ENDS))('a turn that ends by %s', (end, { script, stop }) => {
  test.each([0, 100])(
    'delivers every snapshot and event before reply settles, at %i ms',
    async (emitIntervalMs) => {
      const { provider, engine, conversation } = await testChat({ emitIntervalMs })
      provider.next(script)
      const order: string[] = []
      let lastText = ''
      engine.events(conversation.id).subscribe(({ type }) => order.push(type))
      const turn = await engine.send(conversation.id, 'a story')
      turn.events.subscribe({
        // A subscriber that completes late: after many microtasks, but no macrotask.
        complete: () => {
          let told: Promise<unknown> = Promise.resolve()
          for (let n = 0; n < 100; n += 1) told = told.then(() => {})
          void told.then(() => order.push('turn.events complete'))
        },
      })
      const settled = outcomeOf(turn.reply).then((outcome) => {
        order.push('reply')
        return outcome
      })
      const loop = outcomeOf(
        (async () => {
          for await (const { text } of turn.snapshots()) {
            lastText = text
            order.push('snapshot')
          }
        })(),
      )
      stop(turn)
      await Promise.all([settled, loop])

      expect(order.at(-1)).toBe('reply')
      expect(order).toContain(end)
      expect(order).toContain('turn.events complete')
      const [, message] = await engine.listMessages(conversation.id)
      expect(lastText).toBe(message?.text)
    },
  )

  test('has its end on disk when it tells of it', async () => {
    const { provider, engine, conversation } = await testChat()
    provider.next(script)
    const stored: Promise<unknown>[] = []
    engine.events(conversation.id).subscribe((event) => {
      if (event.type !== end || !('message' in event)) return
      stored.push(
        engine.listMessages(conversation.id).then((messages) => [messages.at(-1), event.message]),
      )
    })
    const turn = await engine.send(conversation.id, 'a story')
    stop(turn)
    await outcomeOf(turn.reply)

    const [pair] = (await Promise.all(stored)) as [unknown, unknown][]
    expect(pair?.[0]).toEqual(pair?.[1])
    expect(pair?.[0]).toMatchObject({ role: 'assistant' })
  })
})

test('a cancel from inside a snapshot loop ends the loop with the saved partial', async () => {
  const { provider, engine, conversation } = await testChat()
  const { gate, step } = steps()
  provider.next(streamed(['Once', ' upon', ' a time'], { gate }))
  const turn = await engine.send(conversation.id, 'a story')
  step()
  const seen: string[] = []
  const receipts: unknown[] = []

  const thrown = await outcomeOf(
    (async () => {
      for await (const { text } of turn.snapshots()) {
        seen.push(text)
        receipts.push(await turn.cancel())
      }
    })(),
  )

  expect(seen).toEqual(['Once'])
  expect(receipts).toMatchObject([{ outcome: 'cancelled', partialChars: 4 }])
  expect(thrown).toMatchObject({ error: { code: 'cancelled', partial: { text: 'Once' } } })
  expect(await outcomeOf(turn.reply)).toEqual(thrown)
})

test('a cancel that nobody awaits, from inside a loop, loses no text that was shown', async () => {
  const { provider, engine, conversation } = await testChat()
  provider.next(endless())
  const turn = await engine.send(conversation.id, 'a story')
  const seen: string[] = []

  await outcomeOf(
    (async () => {
      for await (const { text } of turn.snapshots()) {
        seen.push(text)
        if (seen.length === 3) void turn.cancel()
      }
    })(),
  )

  const [, partial] = await engine.listMessages(conversation.id)
  expect(partial).toMatchObject({ status: 'cancelled', text: seen.at(-1) })
})

test('after a cancel reply rejects with the partial that is stored', async () => {
  const { provider, engine, conversation } = await testChat()
  provider.next(endless())
  const turn = await engine.send(conversation.id, 'a story')
  await shown(turn, 10)

  const receipt = await turn.cancel()

  const [, stored] = await engine.listMessages(conversation.id)
  expect(stored).toMatchObject({ id: receipt.savedMessageId, status: 'cancelled' })
  expect(await outcomeOf(turn.reply)).toMatchObject({
    error: { code: 'cancelled', partial: stored },
  })
})

test('snapshots asked for ahead are answered before reply settles', async () => {
  const { provider, engine, conversation } = await testChat()
  const { gate, step } = steps()
  provider.next(streamed(['Once', ' upon'], { gate }))
  const turn = await engine.send(conversation.id, 'a story')
  const snapshots = snapshotReader(turn)
  const order: string[] = []
  const asked = [snapshots.next(), snapshots.next(), snapshots.next()].map((next) =>
    next.then(({ value }) => order.push(value?.text ?? 'end')),
  )
  const settled = turn.reply.then(() => order.push('reply'))
  step(2)
  await Promise.all([...asked, settled])

  expect(order.slice(0, 2)).toEqual(['Once', 'Once upon'])
  expect(order.slice(2).toSorted()).toEqual(['end', 'reply'])
})

test('rejections that nobody awaits do not end the process', async () => {
  expect(await runChild('nobody-awaits')).toEqual({
    message: { ends: ['turn.failed', 'turn.cancelled'] },
    exitCode: 0,
    stderr: '',
  })
})

test('a subscriber that throws is an uncaught exception of its process, and others go on', async () => {
  const { message, exitCode } = await runChild('throwing-reader', 'caught')

  expect(message).toEqual({
    uncaught: Array.from({ length: 8 }, () => 'a bad reader'),
    seen: [
      'turn.accepted',
      ...Array.from({ length: 3 }, () => 'turn.phase'),
      'reply.delta',
      'reply.snapshot',
      'turn.phase',
      'turn.done',
    ],
    text: 'Hello',
  })
  expect(exitCode).toBe(0)
})

test('a process without a handler for its uncaught exceptions ends by that one', async () => {
  const { message, exitCode, stderr } = await runChild('throwing-reader')

  expect(message).toBeUndefined()
  expect(exitCode).toBe(1)
  expect(stderr).toContain('a bad reader')
})

test('a reader has the text of a reply that came whole before its end is dealt with', async () => {
  const { provider, engine, conversation } = await testChat({ emitIntervalMs: 100 })
  provider.next((exchange) => {
    exchange.done(chunk({ content: 'Once' }), chunk({}, { finish_reason: 'stop' }))
  })
  const order: string[] = []
  engine.inspect((event) => {
    if (event.type === '@xstate.event') order.push(event.event.type)
  })
  const turn = await engine.send(conversation.id, 'a story')
  for await (const { text } of turn.snapshots()) order.push(text)
  await turn.reply

  const told = ['reply.first-delta', 'Once', 'reply.finished']
  expect(order.filter((entry) => told.includes(entry))).toEqual([
    'reply.first-delta',
    'Once',
    'reply.finished',
    'Once',
  ])
})
