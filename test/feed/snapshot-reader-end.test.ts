/** How reading ends: by leaving, by the end of the reply, by its failure. */
import { expect, test, vi } from 'vitest'
import { byNow, endTurn, nextText, openLane, publishDone, reader, texts } from './streaming.ts'

test('breaking out of a loop detaches the reader and nobody else', async () => {
  const { lane } = openLane(0)
  const other = reader(lane)
  lane.deltas(texts('a'))
  for await (const { text } of lane.snapshots()) {
    expect(text).toBe('a')
    break
  }

  expect(await nextText(other)).toBe('a')
  lane.deltas(texts('b'))
  expect(await nextText(other)).toBe('ab')
})

test('a reader that has left is told so, also where it had asked before it left', async () => {
  const { lane } = openLane(0)
  const snapshots = reader(lane)
  const asked = snapshots.next()
  await snapshots.return?.()

  expect(await byNow(asked)).toEqual({ done: true, value: undefined })
  lane.deltas(texts('a'))
  expect(await nextText(snapshots)).toBe('(end)')
})

test('a reader that has left costs nothing', async () => {
  const { lane, clock } = openLane(100)
  const armed = vi.spyOn(clock, 'setTimeout')
  const snapshots = reader(lane)
  lane.deltas(texts('a'))
  expect(armed).toHaveBeenCalledTimes(1)
  await snapshots.return?.()
  clock.increment(100)

  for (const text of ['b', 'c']) {
    lane.deltas(texts(text))
    clock.increment(100)
  }

  expect(armed).toHaveBeenCalledTimes(1)
})

test('each loop is a new reader', async () => {
  const { lane } = openLane(0)
  const snapshots = lane.snapshots()
  lane.deltas(texts('a'))
  endTurn(lane)
  const seen: string[] = []

  for await (const { text } of snapshots) seen.push(text)
  for await (const { text } of snapshots) seen.push(text)

  expect(seen).toEqual(['a', 'a'])
})

test('a reader that comes after the end gets the final snapshot once', async () => {
  for (const emitIntervalMs of [0, 100]) {
    const { lane } = openLane(emitIntervalMs)
    lane.deltas(texts('a', 'b'))
    endTurn(lane)
    const seen = []

    for await (const { text, status } of lane.snapshots()) seen.push({ text, status })

    expect(seen).toEqual([{ text: 'ab', status: 'complete' }])
  }
})

test('a reader of a failed reply gets its last state, then the error once, then nothing', async () => {
  const { lane } = openLane(0)
  const snapshots = reader(lane)
  const first = snapshots.next()
  lane.deltas(texts('a'))
  const failure = new Error('it failed')
  endTurn(lane, failure)

  expect(await byNow(first)).toMatchObject({ value: { text: 'a' } })
  await expect(snapshots.next()).rejects.toBe(failure)
  expect(await nextText(snapshots)).toBe('(end)')
})

test('a reply without content ends its readers without a snapshot', async () => {
  const { lane } = openLane(100)
  const snapshots = reader(lane)
  const [first, second] = [snapshots.next(), snapshots.next()]
  const failure = new Error('it failed')
  endTurn(lane, failure)

  await expect(first).rejects.toBe(failure)
  expect(await byNow(second)).toEqual({ done: true, value: undefined })
})

test('a sealed reply takes nothing more', async () => {
  const { lane } = openLane(0)
  lane.deltas(texts('a'))
  lane.seal('cancelled')
  lane.deltas(texts('b'))
  lane.seal('complete')
  publishDone(lane)
  lane.end()

  const [only, ...more] = await Array.fromAsync(lane.snapshots())

  expect(only).toMatchObject({ text: 'a', status: 'cancelled' })
  expect(more).toEqual([])
})

test('no timer is left once a reply is sealed, whoever seals it', () => {
  for (const cause of ['the engine', 'a reader'] as const) {
    const { lane, clock, feed } = openLane(100)
    const armed = vi.spyOn(clock, 'setTimeout')
    const cleared = vi.spyOn(clock, 'clearTimeout')
    feed.events().subscribe(({ type, seq }) => {
      if (cause === 'a reader' && type === 'reply.snapshot' && seq > 3) lane.seal('cancelled')
    })

    lane.deltas(texts('a'))
    lane.deltas(texts('b'))
    clock.increment(100)
    if (cause === 'the engine') lane.seal('complete')

    expect(lane.isSealed).toBe(true)
    expect(armed).toHaveBeenCalledTimes(2)
    expect(cleared).toHaveBeenLastCalledWith(armed.mock.results.at(-1)?.value)
  }
})
