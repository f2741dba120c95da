/** Subscribers that throw: the others get every event, and RxJS reports the error. */
import { config, map, Observable } from 'rxjs'
import { expect, onTestFinished, test, vi } from 'vitest'
import type { ConversationEvent } from '../../src/protocol/event.ts'
import { anotherReplyFeed, endTurn, openReply, texts, told } from './streaming.ts'

/** The errors that RxJS reports as uncaught exceptions during one test. */
function uncaughtByRxjs(): unknown[] {
  const errors: unknown[] = []
  config.onUnhandledError = (error) => errors.push(error)
  onTestFinished(() => {
    config.onUnhandledError = null
  })
  return errors
}

test('a reader that throws is reported as the uncaught exception it is, and others go on', async () => {
  const uncaught = uncaughtByRxjs()
  const { feed, replyFeed } = openReply(0)
  const seen: string[] = []
  feed.events({ conversationId: 'c' }).subscribe(() => {
    throw new Error('a bad reader')
  })
  feed
    .events({ conversationId: 'c' })
    .pipe(map(() => expect.fail('a bad operator')))
    .subscribe({ error: () => seen.push('its own chain errors') })
  feed.events({ conversationId: 'c' }).subscribe((event) => seen.push(told(event)))

  replyFeed.deltas(texts('a'))
  endTurn(replyFeed)
  await vi.waitFor(() => expect(uncaught).toHaveLength(3))

  expect(uncaught).toEqual(Array.from({ length: 3 }, () => new Error('a bad reader')))
  expect(seen).toEqual(['its own chain errors', '1 delta a', '2 snapshot a', '3 turn.done'])
})

test('a reader whose teardown throws stops nobody, at any time it may end', async () => {
  const uncaught = uncaughtByRxjs()
  const { feed, replyFeed } = openReply(0)
  const badly = (events: Observable<ConversationEvent>) =>
    new Observable<ConversationEvent>((subscriber) => {
      subscriber.add(() => {
        throw new Error('a bad teardown')
      })
      return events.subscribe(subscriber)
    })
  badly(replyFeed.events).subscribe()
  replyFeed.deltas(texts('a'))
  endTurn(replyFeed)
  badly(replyFeed.events).subscribe()
  const next = anotherReplyFeed(feed, 'c', 'next')
  const seen: string[] = []
  feed.events({ conversationId: 'c' }).subscribe((event) => seen.push(told(event)))
  next.deltas(texts('b'))

  expect(seen).toEqual(['1 delta b', '2 snapshot b'])
  await vi.waitFor(() => expect(uncaught).toHaveLength(1))
})

test('a teardown that throws keeps the end from nobody, of a turn and of the feed', async () => {
  const uncaught = uncaughtByRxjs()
  const { feed, replyFeed } = openReply(0)
  const completed: string[] = []
  const sources = {
    turn: replyFeed.events,
    conversation: feed.events({ conversationId: 'c' }),
    all: feed.events(),
  }
  for (const [name, events] of Object.entries(sources)) {
    events.subscribe().add(() => {
      throw new Error('a bad teardown')
    })
    events.subscribe({ complete: () => completed.push(name) })
  }

  endTurn(replyFeed)
  expect(completed).toEqual(['turn'])
  feed.close()

  expect(completed).toEqual(['turn', 'conversation', 'all'])
  await vi.waitFor(() => expect(uncaught).toHaveLength(3))
})

test('a host that makes RxJS throw synchronously harms nobody but itself', async () => {
  // oxlint-disable-next-line typescript/no-deprecated -- hosts do set it
  config.useDeprecatedSynchronousErrorHandling = true
  vi.spyOn(console, 'warn').mockImplementation(() => {})
  const thrown = Promise.withResolvers<unknown>()
  const listeners = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  process.once('uncaughtException', (error) => thrown.resolve(error))
  onTestFinished(() => {
    // oxlint-disable-next-line typescript/no-deprecated -- as above
    config.useDeprecatedSynchronousErrorHandling = false
    for (const listener of listeners) process.on('uncaughtException', listener)
    vi.restoreAllMocks()
  })
  const { feed, replyFeed } = openReply(0)
  const seen: string[] = []
  feed.events({ conversationId: 'c' }).subscribe(({ seq }) => {
    if (seq === 1) throw new Error('a bad reader')
  })
  feed.events().subscribe((event) => seen.push(told(event)))

  replyFeed.deltas(texts('a'))
  replyFeed.deltas(texts('b'))

  expect(seen).toEqual(['1 delta a', '2 snapshot a', '3 delta b', '4 snapshot ab'])
  expect(await thrown.promise).toEqual(new Error('a bad reader'))
})
