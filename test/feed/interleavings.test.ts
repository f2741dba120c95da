/**
 * Subscribers and snapshot readers in arbitrary interleavings: the guarantees of each.
 *
 * A failing case prints its seed and path. Give both to `fc.assert` to repeat it.
 */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { UnplacedDelta } from '../../src/protocol/delta.ts'
import type { ConversationEvent } from '../../src/protocol/event.ts'
import type { Part } from '../../src/protocol/message.ts'
import type { Snapshot } from '../../src/protocol/snapshot.ts'
import { someBatch } from './some-delta.ts'
import {
  appended,
  fingerprint,
  openReply,
  publishAccepted,
  publishDone,
  reader,
  rebuilt,
} from './streaming.ts'

type Source = 'turn' | 'conversation' | 'all'

type Happening =
  | { readonly type: 'deltas'; readonly batch: readonly UnplacedDelta[] }
  | { readonly type: 'time passes'; readonly ms: number }
  /** Pending promises settle. */
  | { readonly type: 'turn of the loop' }
  | { readonly type: 'attach' }
  | { readonly type: 'next'; readonly reader: number }
  | { readonly type: 'break'; readonly reader: number }
  | { readonly type: 'subscribe'; readonly to: Source }
  /** A subscription in the middle of the next delivery. */
  | { readonly type: 'subscribe inside'; readonly to: Source }
  /** A subscriber seals the reply in the middle of the next delivery, as a cancel does. */
  | { readonly type: 'seal inside' }

const source = fc.constantFrom<Source>('turn', 'conversation', 'all')
const which = fc.nat({ max: 3 })

const happening: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ type: fc.constant('deltas'), batch: someBatch }) },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('time passes'),
      ms: fc.constantFrom(1, 30, 70, 100, 250),
    }),
  },
  { weight: 6, arbitrary: fc.record({ type: fc.constant('turn of the loop') }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('attach') }) },
  { weight: 8, arbitrary: fc.record({ type: fc.constant('next'), reader: which }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('break'), reader: which }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('subscribe'), to: source }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('subscribe inside'), to: source }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('seal inside') }) },
) as fc.Arbitrary<Happening>

const scenario = fc.record({
  emitIntervalMs: fc.constantFrom(0, 100),
  hasSubscribers: fc.boolean(),
  error: fc.option(fc.constant(new Error('it failed')), { nil: undefined }),
  happenings: fc.array(happening, { maxLength: 40, size: 'max' }),
})

/** A loop over snapshots, driven step by step. */
class Loop {
  readonly taken: Snapshot[] = []
  readonly thrown: unknown[] = []
  waits = 0
  ends = 0
  hasLeft = false
  readonly #snapshots: AsyncIterator<Snapshot, undefined>

  constructor(snapshots: AsyncIterator<Snapshot, undefined>) {
    this.#snapshots = snapshots
  }

  next(): void {
    this.waits += 1
    void this.#snapshots
      .next()
      .then((result) => {
        if (result.done === true) this.ends += 1
        else this.taken.push(result.value)
      })
      .catch((error: unknown) => this.thrown.push(error))
      .finally(() => (this.waits -= 1))
  }

  leave(): void {
    this.hasLeft = true
    void this.#snapshots.return?.()
  }
}

interface Log {
  readonly events: ConversationEvent[]
  readonly to: Source
  readonly isEarly: boolean
  hasCompleted: boolean
}

async function turnOfTheLoop(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
}

async function play({ emitIntervalMs, hasSubscribers, error, happenings }: Scenario) {
  const { replyFeed, feed, clock } = openReply(emitIntervalMs)
  const loops: Loop[] = []
  const logs: Log[] = []
  /** Every state of the reply, with the empty one first. */
  const states: (readonly Part[])[] = [[]]
  const shownAt: number[] = []

  const subscribe = (to: Source, isEarly = false) => {
    const log: Log = { events: [], to, isEarly, hasCompleted: false }
    logs.push(log)
    const all = {
      turn: replyFeed.events,
      conversation: feed.events({ conversationId: 'c' }),
      all: feed.events(),
    }
    all[to].subscribe({
      next: (event) => {
        log.events.push(event)
        for (const act of insideNext.splice(0)) act()
      },
      complete: () => (log.hasCompleted = true),
      error: (cause: unknown) => expect.unreachable(String(cause)),
    })
  }
  const insideNext: (() => void)[] = []

  if (hasSubscribers) {
    subscribe('conversation', true)
    feed.events().subscribe((event) => {
      if (event.type === 'reply.snapshot' && event.snapshot.status === 'streaming') {
        shownAt.push(clock.now())
      }
    })
  }
  publishAccepted(replyFeed)
  loops.push(new Loop(reader(replyFeed)))
  loops[0]?.next()

  for (const each of happenings) {
    if (each.type === 'deltas') {
      if (!replyFeed.isSealed) {
        let parts = states.at(-1) ?? []
        for (const delta of each.batch) states.push((parts = appended(parts, delta)))
      }
      replyFeed.deltas(each.batch)
    } else if (each.type === 'time passes') {
      clock.increment(each.ms)
      await turnOfTheLoop()
      if (each.ms < emitIntervalMs) continue
      for (const { waits, taken, hasLeft } of loops) {
        if (waits === 0 || hasLeft || states.length === 1) continue
        // A loop that waits has the newest state already.
        expect(fingerprint(taken.at(-1)?.parts ?? [])).toBe(fingerprint(states.at(-1) ?? []))
      }
    } else if (each.type === 'turn of the loop') await turnOfTheLoop()
    else if (each.type === 'attach') loops.push(new Loop(reader(replyFeed)))
    else if (each.type === 'next') {
      const loop = loops[each.reader % loops.length] as Loop
      const isFirst = loop.taken.length === 0 && loop.waits === 0 && !loop.hasLeft
      loop.next()
      await Promise.resolve()
      // A first pull gets existing content at once.
      if (isFirst && states.length > 1) expect(loop.taken).toHaveLength(1)
    } else if (each.type === 'break') loops[each.reader % loops.length]?.leave()
    else if (each.type === 'subscribe') subscribe(each.to)
    else if (each.type === 'subscribe inside') insideNext.push(() => subscribe(each.to))
    else insideNext.push(() => replyFeed.seal('cancelled'))
  }

  replyFeed.seal(error === undefined ? 'complete' : 'failed')
  await turnOfTheLoop()
  publishDone(replyFeed)
  await turnOfTheLoop()
  replyFeed.end(error)
  for (const loop of loops) {
    for (let n = 0; n < 10 && loop.ends === 0; n += 1) {
      if (loop.waits === 0) loop.next()
      await turnOfTheLoop()
    }
  }
  return { replyFeed, loops, logs, states, shownAt }
}

type Scenario = typeof scenario extends fc.Arbitrary<infer T> ? T : never
type Played = Awaited<ReturnType<typeof play>>

function increases(numbers: readonly number[]): boolean {
  return numbers.every((number, index) => index === 0 || number > (numbers[index - 1] ?? 0))
}

/**
 * Expects that each snapshot is a longer prefix of the reply. The last one may change the status
 * only.
 */
function checkSnapshots(taken: readonly Snapshot[], states: Played['states']): void {
  const prints = states.map(fingerprint)
  const places = taken.map(({ parts, status }) => ({
    place: prints.indexOf(fingerprint(parts)),
    isFinal: status !== 'streaming',
  }))
  for (const [index, { place }] of places.entries()) {
    const before = places[index - 1]
    expect(place).toBeGreaterThan(0)
    if (before === undefined) continue
    if (index < places.length - 1 || before.place !== place)
      expect(place).toBeGreaterThan(before.place)
    else expect([before.isFinal, places[index]?.isFinal]).toEqual([false, true])
  }
  expect(increases(taken.map(({ seq }) => seq))).toBe(true)
}

test('each reader of snapshots sees a reply grow, never twice the same, to its end', async () => {
  await fc.assert(
    fc.asyncProperty(scenario, async (given) => {
      const { loops, states } = await play(given)
      const last = states.at(-1) ?? []
      for (const { taken, thrown, ends, hasLeft } of loops) {
        checkSnapshots(taken, states)
        expect(ends).toBeGreaterThan(0)
        if (hasLeft) continue
        expect(thrown).toEqual(given.error === undefined ? [] : [given.error])
        expect(fingerprint(taken.at(-1)?.parts ?? [])).toBe(fingerprint(last))
        if (given.emitIntervalMs > 0 && taken.length > 0) {
          expect(taken.at(-1)?.status).not.toBe('streaming')
        }
      }
    }),
    { numRuns: 300 },
  )
})

test('each reader of events can rebuild the reply, whenever it came', async () => {
  await fc.assert(
    fc.asyncProperty(scenario, async (given) => {
      const { replyFeed, logs, states } = await play(given)
      const last = fingerprint(states.at(-1) ?? [])
      expect(fingerprint(replyFeed.parts())).toBe(last)
      for (const { events, isEarly, to, hasCompleted } of logs) {
        const numbers = events.map(({ seq }) => seq)
        expect(increases(numbers)).toBe(true)
        if (isEarly) expect(numbers).toEqual(numbers.map((_, index) => index + 1))
        if (to === 'turn') {
          expect(hasCompleted).toBe(true)
          expect(events.at(-1)?.type).toBe('turn.done')
        }
        // A subscriber of the conversation that comes while the turn ends is not shown that turn.
        if (events.some(({ type }) => type.startsWith('reply.')) || to === 'turn') {
          expect(fingerprint(rebuilt(events))).toBe(last)
        }
        const snapshots = events.flatMap((event) =>
          event.type === 'reply.snapshot' ? [event.snapshot] : [],
        )
        if (snapshots.length > 0) expect(fingerprint(snapshots.at(-1)?.parts ?? [])).toBe(last)
      }
    }),
    { numRuns: 300 },
  )
})

test('events reach all readers in one order', async () => {
  await fc.assert(
    fc.asyncProperty(scenario, async (given) => {
      const { logs } = await play({ ...given, hasSubscribers: true })
      const all = logs[0]?.events ?? []
      for (const { events } of logs) {
        // The first event may be a snapshot for a late subscriber. All other events are shared.
        const shared = events.filter((event) => all.includes(event))
        expect(events.length - shared.length).toBeLessThanOrEqual(1)
        expect(shared).toEqual(all.filter((event) => shared.includes(event)))
      }
    }),
    { numRuns: 100 },
  )
})

test('with an interval, what is shown while a reply streams keeps its distance', async () => {
  await fc.assert(
    fc.asyncProperty(scenario, async (given) => {
      const { shownAt } = await play({ ...given, emitIntervalMs: 100, hasSubscribers: true })
      for (const [index, at] of shownAt.entries()) {
        if (index > 0) expect(at - (shownAt[index - 1] ?? 0)).toBeGreaterThanOrEqual(100)
      }
    }),
    { numRuns: 100 },
  )
})
