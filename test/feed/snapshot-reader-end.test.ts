/** The end of snapshots: the loop is left, the reply ends, or the reply fails. */
import { expect, test, vi } from 'vitest'
import { byNow, endTurn, nextText, openReply, publishDone, reader, texts } from './streaming.ts'

test('breaking out of a loop detaches the reader and nobody else', async () => {
  const { replyFeed } = openReply(0)
  const other = reader(replyFeed)
  replyFeed.deltas(texts('a'))
  for await (const { text } of replyFeed.snapshots()) {
    expect(text).toBe('a')
    break
  }

  expect(await nextText(other)).toBe('a')
  replyFeed.deltas(texts('b'))
  expect(await nextText(other)).toBe('ab')
})

test('a reader that has left is told so, also where it had asked before it left', async () => {
  const { replyFeed } = openReply(0)
  const snapshots = reader(replyFeed)
  const asked = snapshots.next()
  await snapshots.return?.()

  expect(await byNow(asked)).toEqual({ done: true, value: undefined })
  replyFeed.deltas(texts('a'))
  expect(await nextText(snapshots)).toBe('(end)')
})

test('a reader that has left costs nothing', async () => {
  const { replyFeed, clock } = openReply(100)
  const armed = vi.spyOn(clock, 'setTimeout')
  const snapshots = reader(replyFeed)
  replyFeed.deltas(texts('a'))
  expect(armed).toHaveBeenCalledTimes(1)
  await snapshots.return?.()
  clock.increment(100)

  for (const text of ['b', 'c']) {
    replyFeed.deltas(texts(text))
    clock.increment(100)
  }

  expect(armed).toHaveBeenCalledTimes(1)
})

test('each loop is a new reader', async () => {
  const { replyFeed } = openReply(0)
  const snapshots = replyFeed.snapshots()
  replyFeed.deltas(texts('a'))
  endTurn(replyFeed)
  const seen: string[] = []

  for await (const { text } of snapshots) seen.push(text)
  for await (const { text } of snapshots) seen.push(text)

  expect(seen).toEqual(['a', 'a'])
})

test('a reader that comes after the end gets the final snapshot once', async () => {
  for (const emitIntervalMs of [0, 100]) {
    const { replyFeed } = openReply(emitIntervalMs)
    replyFeed.deltas(texts('a', 'b'))
    endTurn(replyFeed)
    const seen = []

    for await (const { text, status } of replyFeed.snapshots()) seen.push({ text, status })

    expect(seen).toEqual([{ text: 'ab', status: 'complete' }])
  }
})

test('a reader of a failed reply gets its last state, then the error once, then nothing', async () => {
  const { replyFeed } = openReply(0)
  const snapshots = reader(replyFeed)
  const first = snapshots.next()
  replyFeed.deltas(texts('a'))
  const failure = new Error('it failed')
  endTurn(replyFeed, failure)

  expect(await byNow(first)).toMatchObject({ value: { text: 'a' } })
  await expect(snapshots.next()).rejects.toBe(failure)
  expect(await nextText(snapshots)).toBe('(end)')
})

test('a reply without content ends its readers without a snapshot', async () => {
  const { replyFeed } = openReply(100)
  const snapshots = reader(replyFeed)
  const [first, second] = [snapshots.next(), snapshots.next()]
  const failure = new Error('it failed')
  endTurn(replyFeed, failure)

  await expect(first).rejects.toBe(failure)
  expect(await byNow(second)).toEqual({ done: true, value: undefined })
})

test('a sealed reply takes nothing more', async () => {
  const { replyFeed } = openReply(0)
  replyFeed.deltas(texts('a'))
  replyFeed.seal('cancelled')
  replyFeed.deltas(texts('b'))
  replyFeed.seal('complete')
  publishDone(replyFeed)
  replyFeed.end()

  const [only, ...more] = await Array.fromAsync(replyFeed.snapshots())

  expect(only).toMatchObject({ text: 'a', status: 'cancelled' })
  expect(more).toEqual([])
})

test('no timer is left once a reply is sealed, whoever seals it', () => {
  for (const cause of ['the engine', 'a reader'] as const) {
    const { replyFeed, clock, feed } = openReply(100)
    const armed = vi.spyOn(clock, 'setTimeout')
    const cleared = vi.spyOn(clock, 'clearTimeout')
    feed.events().subscribe(({ type, seq }) => {
      if (cause === 'a reader' && type === 'reply.snapshot' && seq > 3) replyFeed.seal('cancelled')
    })

    replyFeed.deltas(texts('a'))
    replyFeed.deltas(texts('b'))
    clock.increment(100)
    if (cause === 'the engine') replyFeed.seal('complete')

    expect(replyFeed.isSealed).toBe(true)
    expect(armed).toHaveBeenCalledTimes(2)
    expect(cleared).toHaveBeenLastCalledWith(armed.mock.results.at(-1)?.value)
  }
})
