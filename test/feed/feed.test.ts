/** The feed: numbers, order and completion of events, for early and late subscribers. */
import { expect, onTestFinished, test, vi } from 'vitest'
import { Feed } from '../../src/feed/feed.ts'
import type { ConversationEvent } from '../../src/protocol/event.ts'
import { GrowingReply } from '../../src/reply/growing-reply.ts'
import {
  anotherReplyFeed,
  byNow,
  endTurn,
  openReply,
  placed,
  publishAccepted,
  reader,
  rebuilt,
  texts,
  told,
} from './streaming.ts'

test('an early reader sees every event of a turn, numbered from 1 without a gap', () => {
  for (const emitIntervalMs of [0, 100]) {
    const { feed, replyFeed, clock } = openReply(emitIntervalMs)
    const seen: ConversationEvent[] = []
    feed.events({ conversationId: 'c' }).subscribe((event) => seen.push(event))

    publishAccepted(replyFeed)
    for (const batch of [texts('a', 'b'), texts('c'), texts('d')]) {
      replyFeed.deltas(batch)
      clock.increment(60)
    }
    endTurn(replyFeed)

    expect(seen.map(({ seq }) => seq)).toEqual(seen.map((_, index) => index + 1))
    expect(seen.at(0)?.type).toBe('turn.accepted')
    expect(seen.at(-1)?.type).toBe('turn.done')
    expect(rebuilt(seen)).toEqual([{ type: 'text', text: 'abcd' }])
  }
})

test('the numbers are the same whether anybody watches or not', () => {
  const { feed, replyFeed } = openReply(0)
  for (const batch of [texts('a'), texts('b'), texts('c')]) replyFeed.deltas(batch)
  const seen: string[] = []
  feed.events({ conversationId: 'c' }).subscribe((event) => seen.push(told(event)))

  replyFeed.deltas(texts('d'))

  expect(seen).toEqual(['3 snapshot abc', '4 delta d', '5 snapshot abcd'])
})

test('a late reader gets one snapshot, then what is live, of one turn, conversation or all', () => {
  const { feed, replyFeed } = openReply(100)
  feed.events().subscribe()
  publishAccepted(replyFeed)
  replyFeed.deltas(texts('a'))
  replyFeed.deltas(texts('b'))
  const seen: Record<string, string[]> = { turn: [], conversation: [], all: [] }
  replyFeed.events.subscribe((event) => seen['turn']?.push(told(event)))
  feed.events({ conversationId: 'c' }).subscribe((event) => seen['conversation']?.push(told(event)))
  feed.events().subscribe((event) => seen['all']?.push(told(event)))

  replyFeed.deltas(texts('c'))
  endTurn(replyFeed)

  const expected = ['4 snapshot ab', '5 delta c', '6 snapshot abc', '7 turn.done']
  expect(seen).toEqual({ turn: expected, conversation: expected, all: expected })
})

test('a reader that comes before the first content has missed nothing', () => {
  const { feed, replyFeed } = openReply(0)
  publishAccepted(replyFeed)
  const seen: string[] = []
  feed.events({ conversationId: 'c' }).subscribe((event) => seen.push(told(event)))

  replyFeed.deltas(texts('a'))

  expect(seen).toEqual(['2 delta a', '3 snapshot a'])
})

test('a reader that comes while a delta is delivered has it in its snapshot, and not again', () => {
  for (const emitIntervalMs of [0, 100]) {
    for (const where of ['the turn', 'the conversation', 'all'] as const) {
      const { feed, replyFeed } = openReply(emitIntervalMs)
      const seen: ConversationEvent[] = []
      const source = {
        'the turn': replyFeed.events,
        'the conversation': feed.events({ conversationId: 'c' }),
        all: feed.events(),
      }
      let hasCome = false
      feed.events({ conversationId: 'c' }).subscribe(({ type, seq }) => {
        if (hasCome || type !== 'reply.delta' || seq < 2) return
        hasCome = true
        source[where].subscribe((event) => seen.push(event))
      })
      for (const batch of [texts('a'), texts('b', 'c'), texts('d')]) replyFeed.deltas(batch)
      endTurn(replyFeed)

      const [first, ...live] = seen
      expect(first).toMatchObject({ type: 'reply.snapshot', snapshot: { text: 'abc' } })
      expect(live.map(({ seq }) => seq)).toEqual(
        live.map((_, index) => (first?.seq ?? 0) + 1 + index),
      )
      expect(rebuilt(seen)).toEqual([{ type: 'text', text: 'abcd' }])
    }
  }
})

test('a reader of a turn that comes while its end is delivered gets that end', () => {
  const { feed, replyFeed } = openReply(0)
  const seen: string[] = []
  feed.events({ conversationId: 'c' }).subscribe(({ type }) => {
    if (type !== 'turn.done') return
    replyFeed.events.subscribe({
      next: (event) => seen.push(told(event)),
      complete: () => seen.push('complete'),
    })
  })
  replyFeed.deltas(texts('a'))
  endTurn(replyFeed)

  expect(seen).toEqual(['2 snapshot a', '3 turn.done', 'complete'])
})

test('a reader of a conversation that comes while a turn ends is not shown that turn', () => {
  const { feed, replyFeed } = openReply(0)
  const seen: string[] = []
  feed.events({ conversationId: 'c' }).subscribe(({ type }) => {
    if (type === 'turn.done')
      feed.events({ conversationId: 'c' }).subscribe((event) => seen.push(told(event)))
  })
  replyFeed.deltas(texts('a'))
  endTurn(replyFeed)

  expect(seen).toEqual([])
})

test('a reader of a turn that comes after the end gets the last snapshot, the end, completion', () => {
  const { replyFeed } = openReply(100)
  replyFeed.deltas(texts('a'))
  replyFeed.deltas(texts('b'))
  endTurn(replyFeed)
  const seen: string[] = []

  replyFeed.events.subscribe({
    next: (event) => seen.push(told(event)),
    complete: () => seen.push('complete'),
  })

  expect(seen).toEqual(['2 snapshot ab', '3 turn.done', 'complete'])
})

test('events of a turn complete with it; those of a conversation only when the feed closes', () => {
  const { feed, replyFeed } = openReply(0)
  const completed: string[] = []
  const noError = (error: unknown) => expect.unreachable(String(error))
  const note = (name: string) => ({ complete: () => completed.push(name), error: noError })
  replyFeed.events.subscribe(note('turn'))
  feed.events({ conversationId: 'c' }).subscribe(note('conversation'))
  feed.events().subscribe(note('all'))

  endTurn(replyFeed, new Error('it failed'))
  expect(completed).toEqual(['turn'])
  feed.close()

  expect(completed.toSorted()).toEqual(['all', 'conversation', 'turn'])
  feed.events({ conversationId: 'c' }).subscribe(note('a late one'))
  expect(completed.at(-1)).toBe('a late one')
})

test('what is published during a delivery is delivered after it, to everyone, in one order', () => {
  const { feed, replyFeed } = openReply(0)
  const seen: Record<string, string[]> = { first: [], second: [], all: [] }
  feed.events().subscribe((event) => seen['all']?.push(told(event)))
  feed.events({ conversationId: 'c' }).subscribe((event) => {
    seen['first']?.push(told(event))
    if (event.seq === 1) replyFeed.publish({ type: 'reply.delta', deltas: placed('b') })
  })
  feed.events({ conversationId: 'c' }).subscribe((event) => seen['second']?.push(told(event)))

  replyFeed.publish({ type: 'reply.delta', deltas: placed('a') })

  const order = ['1 delta a', '2 delta b']
  expect(seen).toEqual({ first: order, second: order, all: order })
})

test('a reader that seals the reply inside a delta event has that delta kept, once', () => {
  for (const emitIntervalMs of [0, 100]) {
    const { feed, replyFeed } = openReply(emitIntervalMs)
    const seen: ConversationEvent[] = []
    feed.events({ conversationId: 'c' }).subscribe((event) => {
      seen.push(event)
      if (event.type === 'reply.delta' && event.seq > 1) replyFeed.seal('cancelled')
    })
    replyFeed.deltas(texts('a'))
    replyFeed.deltas(texts('b', 'c'))
    replyFeed.deltas(texts('d'))

    expect(replyFeed.parts()).toEqual([{ type: 'text', text: 'abc' }])
    expect(rebuilt(seen)).toEqual(replyFeed.parts())
    expect(seen.at(-1)).toMatchObject({ type: 'reply.snapshot', snapshot: { text: 'abc' } })
  }
})

test('conversations and turns are told apart', () => {
  const { feed, replyFeed } = openReply(0)
  const other = anotherReplyFeed(feed, 'other', 'u')
  const seen: string[] = []
  feed.events({ conversationId: 'c' }).subscribe((event) => seen.push(told(event)))
  replyFeed.events.subscribe((event) => seen.push(`turn: ${told(event)}`))

  other.deltas(texts('x'))
  anotherReplyFeed(feed, 'c', 'next').publish({ type: 'reply.delta', deltas: placed('a') })
  feed.announce('c', { type: 'conversation.changed', change: 'updated' })

  expect(seen).toEqual(['1 delta a', '0 conversation.changed'])
})

test.each(['all', 'the conversation', 'the turn', 'each of them'] as const)(
  'a batch is one event where %s is watched, and none where nobody watches',
  (what) => {
    const publish = vi.spyOn(Feed.prototype, 'publish')
    onTestFinished(() => publish.mockRestore())
    const deltaEvents = () => publish.mock.calls.filter(([{ type }]) => type === 'reply.delta')
    const { feed, replyFeed } = openReply(0)
    const sources = {
      all: feed.events(),
      'the conversation': feed.events({ conversationId: 'c' }),
      'the turn': replyFeed.events,
    }
    const watched = what === 'each of them' ? Object.values(sources) : [sources[what]]

    replyFeed.deltas(texts('a', 'b'))
    expect(deltaEvents()).toHaveLength(0)
    const subscriptions = watched.map((source) => source.subscribe())
    replyFeed.deltas(texts('a', 'b'))
    expect(deltaEvents()).toHaveLength(1)
    for (const subscription of subscriptions) subscription.unsubscribe()
    replyFeed.deltas(texts('a', 'b'))

    expect(deltaEvents()).toHaveLength(1)
  },
)

test('a read makes one snapshot in an interval, and without one as many as it brings deltas', () => {
  const publish = vi.spyOn(Feed.prototype, 'publish')
  onTestFinished(() => publish.mockRestore())
  const typesOf = (read: () => void) => {
    publish.mockClear()
    read()
    return publish.mock.calls.map(([{ type }]) => type)
  }

  const paced = openReply(100)
  paced.feed.events({ conversationId: 'c' }).subscribe()
  expect(typesOf(() => paced.replyFeed.deltas(texts('a', 'b')))).toEqual([
    'reply.delta',
    'reply.snapshot',
  ])
  expect(typesOf(() => paced.replyFeed.deltas(texts('c', 'd')))).toEqual(['reply.delta'])
  expect(typesOf(() => paced.clock.increment(100))).toEqual(['reply.snapshot'])
  expect(typesOf(() => paced.clock.increment(100))).toEqual([])

  const each = openReply(0)
  each.feed.events({ conversationId: 'c' }).subscribe()
  expect(typesOf(() => each.replyFeed.deltas(texts('a', 'b')))).toEqual([
    'reply.delta',
    'reply.snapshot',
    'reply.snapshot',
  ])
})

test('a feed keeps nothing of readers that have gone', () => {
  const { feed, replyFeed } = openReply(0)
  const subscriptions = [replyFeed.events, feed.events({ conversationId: 'c' }), feed.events()].map(
    (events) => events.subscribe(),
  )
  expect(feed.wants('events', replyFeed)).toBe(true)

  for (const subscription of subscriptions) subscription.unsubscribe()

  expect(feed.wants('events', replyFeed)).toBe(false)
})

test.each([0, 100])('a delta that only closes makes no snapshot, at %i ms', async (interval) => {
  const { feed, replyFeed, clock } = openReply(interval)
  const seen: ConversationEvent[] = []
  feed.events({ conversationId: 'c' }).subscribe((event) => seen.push(event))
  const snapshots = reader(replyFeed)
  const call = { type: 'tool-call', toolCallId: '1', toolName: 'look', inputText: '' } as const
  // A call without arguments opens and closes in one delta: that is something to show.
  replyFeed.deltas([{ ...call, toolCallId: '0', closes: true }])
  replyFeed.deltas([{ ...call, inputText: '{}' }])
  clock.increment(100)
  await snapshots.next()
  const before = seen.length
  const next = snapshots.next()

  replyFeed.deltas([{ ...call, closes: true }])
  clock.increment(500)

  expect(seen.slice(before).map(({ type }) => type)).toEqual(['reply.delta'])
  expect(seen.at(-1)).toMatchObject({ deltas: [{ ...call, part: 1, closes: true }] })
  expect(await byNow(next)).toBe('waiting')
  // A late subscriber is told nothing that it has by now.
  expect(replyFeed.catchUp()).toMatchObject([{ seq: seen.at(-1)?.seq }])
  replyFeed.deltas(texts('a'))
  clock.increment(500)
  expect(await next).toMatchObject({ value: { text: 'a' } })
  expect(seen.filter(({ type }) => type === 'reply.snapshot')).toHaveLength(3)
})

test('no placed delta is made for nobody', () => {
  const place = vi.spyOn(GrowingReply.prototype, 'place')
  onTestFinished(() => place.mockRestore())
  const { feed, replyFeed } = openReply()
  replyFeed.deltas(texts('a', 'b'))
  expect(place).not.toHaveBeenCalled()

  feed.events({ conversationId: 'c' }).subscribe(() => {})
  replyFeed.deltas(texts('c', 'd'))
  expect(place).toHaveBeenCalledTimes(2)
})
