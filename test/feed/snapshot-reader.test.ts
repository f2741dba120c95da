/** The snapshot reader: the newest state, on demand and at the set interval. */
import { expect, test } from 'vitest'
import type { UnplacedDelta } from '../../src/protocol/delta.ts'
import { byNow, endTurn, nextText, openReply, reader, texts } from './streaming.ts'

const call: UnplacedDelta = {
  type: 'tool-call',
  toolCallId: '1',
  toolName: 'look',
  inputText: '{}',
}

test('a reader gets nothing before the first content and that at once', async () => {
  const { replyFeed } = openReply(100)
  const first = reader(replyFeed).next()

  expect(await byNow(first)).toBe('waiting')
  replyFeed.deltas(texts('Once'))

  expect(await byNow(first)).toMatchObject({ value: { text: 'Once', status: 'streaming' } })
})

test('a reader that keeps up gets the newest state once in an interval', async () => {
  const { replyFeed, clock } = openReply(100)
  const snapshots = reader(replyFeed)
  replyFeed.deltas(texts('a'))
  expect(await nextText(snapshots)).toBe('a')

  const second = snapshots.next()
  for (const text of ['b', 'c', 'd']) replyFeed.deltas(texts(text))
  clock.increment(99)
  expect(await byNow(second)).toBe('waiting')
  clock.increment(1)

  expect(await byNow(second)).toMatchObject({ value: { text: 'abcd' } })
})

test('content after a quiet interval is shown at once', async () => {
  const { replyFeed, clock } = openReply(100)
  const snapshots = reader(replyFeed)
  replyFeed.deltas(texts('a'))
  await snapshots.next()
  const second = snapshots.next()
  clock.increment(250)

  replyFeed.deltas(texts('b'))

  expect(await byNow(second)).toMatchObject({ value: { text: 'ab' } })
})

test('the last state is shown at the seal, however soon it comes', async () => {
  const { replyFeed } = openReply(100)
  const snapshots = reader(replyFeed)
  replyFeed.deltas(texts('a'))
  await snapshots.next()
  const last = snapshots.next()

  replyFeed.deltas(texts('b'))
  replyFeed.seal('complete')

  expect(await byNow(last)).toMatchObject({ value: { text: 'ab', status: 'complete' } })
})

test('without an interval each delta is a snapshot, also when one read brings several', async () => {
  const { replyFeed } = openReply(0)
  const snapshots = reader(replyFeed)
  const first = snapshots.next()

  replyFeed.deltas(texts('a', 'b', 'c'))

  expect(await byNow(first)).toMatchObject({ value: { text: 'a' } })
  expect(await nextText(snapshots)).toBe('ab')
  expect(await nextText(snapshots)).toBe('abc')
  expect(await nextText(snapshots)).toBe('(waiting)')
})

test('a reply whose last read holds everything loses no delta to its end', async () => {
  const { replyFeed } = openReply(0)
  const snapshots = reader(replyFeed)
  const first = snapshots.next()

  replyFeed.deltas([...texts('a', 'b'), call])
  endTurn(replyFeed)

  expect(await byNow(first)).toMatchObject({ value: { text: 'a' } })
  expect(await byNow(snapshots.next())).toMatchObject({ value: { text: 'ab' } })
  expect(await byNow(snapshots.next())).toMatchObject({
    value: { parts: [{}, { inputText: '{}', input: undefined }], status: 'streaming' },
  })
  expect(await byNow(snapshots.next())).toMatchObject({
    value: { parts: [{}, { inputText: '{}', input: {} }], status: 'complete' },
  })
  expect(await nextText(snapshots)).toBe('(end)')
})

test('a slow reader skips to the newest state', async () => {
  const { replyFeed } = openReply(0)
  const snapshots = reader(replyFeed)
  replyFeed.deltas(texts('a'))
  await snapshots.next()

  for (const text of ['b', 'c', 'd']) replyFeed.deltas(texts(text))

  expect(await nextText(snapshots)).toBe('abcd')
  expect(await nextText(snapshots)).toBe('(waiting)')
})

test('a slow reader with an interval gets what was shown last, not what is not due', async () => {
  const { replyFeed, clock } = openReply(100)
  const snapshots = reader(replyFeed)
  replyFeed.deltas(texts('a'))
  await snapshots.next()
  replyFeed.deltas(texts('b'))
  clock.increment(100)
  replyFeed.deltas(texts('c'))

  expect(await nextText(snapshots)).toBe('ab')
  const third = snapshots.next()
  expect(await byNow(third)).toBe('waiting')
  clock.increment(100)
  expect(await byNow(third)).toMatchObject({ value: { text: 'abc' } })
})

test('two readers go at their own speeds', async () => {
  const { replyFeed } = openReply(0)
  const [quick, slow] = [reader(replyFeed), reader(replyFeed)]
  const quickTexts: string[] = []

  for (const text of ['a', 'b', 'c']) {
    const next = quick.next()
    replyFeed.deltas(texts(text))
    quickTexts.push((await next).value?.text ?? '')
  }

  expect(quickTexts).toEqual(['a', 'ab', 'abc'])
  expect(await nextText(slow)).toBe('abc')
})

test('a late reader gets the state as it is, at once, then what follows', async () => {
  const { replyFeed, clock } = openReply(100)
  const early = reader(replyFeed)
  replyFeed.deltas(texts('a'))
  await early.next()
  replyFeed.deltas(texts('b'))

  const late = reader(replyFeed)
  expect(await nextText(late)).toBe('ab')
  const second = late.next()
  clock.increment(100)
  expect(await byNow(second)).toBe('waiting')
  replyFeed.deltas(texts('c'))
  clock.increment(100)

  expect(await byNow(second)).toMatchObject({ value: { text: 'abc' } })
})

test('the numbers of the snapshots that a reader gets grow, with and without other readers', async () => {
  for (const emitIntervalMs of [0, 100]) {
    const { replyFeed, clock } = openReply(emitIntervalMs)
    const snapshots = reader(replyFeed)
    const numbers: number[] = []
    for (const text of ['a', 'b', 'c', 'd']) {
      const next = snapshots.next()
      replyFeed.deltas(texts(text))
      clock.increment(100)
      numbers.push((await next).value?.seq ?? 0)
    }

    expect(numbers).toEqual([...new Set(numbers)].toSorted((a, b) => a - b))
  }
})

test('several calls of next that wait are answered in their order', async () => {
  const { replyFeed } = openReply(0)
  const snapshots = reader(replyFeed)
  const asked = [snapshots.next(), snapshots.next(), snapshots.next()]

  replyFeed.deltas(texts('a'))
  replyFeed.deltas(texts('b'))
  endTurn(replyFeed)

  expect((await Promise.all(asked)).map(({ value }) => value?.text)).toEqual(['a', 'ab', undefined])
})
