/** The writer queue: shared transactions, rests, replays, patience and capacity. */
import { describe, expect, test } from 'vitest'
import { WriterQueue, type WriteOptions } from '../../../src/persistence/writer/writer-queue.ts'
import { ColloquyError } from '../../../src/protocol/errors.ts'
import { ManualClock } from './manual-clock.ts'

const PATIENT = { patienceMs: 10_000 }

/** A queue over a fake database that keeps the writes of each committed transaction. */
function queue({ commitMs = 0 } = {}) {
  const clock = new ManualClock()
  const committed: string[][] = []
  const attempts: string[][] = []
  const database = { isBusy: false, commitMs }
  const writer = new WriterQueue<string[]>(async (work, isCheckpoint) => {
    const rows: string[] = isCheckpoint ? ['(checkpoint)'] : []
    attempts.push(rows)
    if (database.isBusy) throw new ColloquyError('database-busy', 'busy')
    await work(rows)
    clock.advance(database.commitMs)
    committed.push(rows)
  }, clock)
  const write = (row: string, options: Partial<WriteOptions> = {}) =>
    writer.submit(
      async (rows) => {
        rows.push(row)
        if (row.startsWith('bad')) throw new ColloquyError('database-failed', row)
        return `wrote ${row}`
      },
      { ...PATIENT, ...options },
    )
  return { clock, committed, attempts, database, writer, write }
}

/** Settles promises, as far as they settle without time passing. */
async function settle(turns = 50): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) await Promise.resolve()
}

test('a lone write goes at once, without a timer', async () => {
  const { write, writer, clock } = queue({ commitMs: 10 })

  const written = write('a')

  expect(clock.timers).toBe(0)
  expect(await written).toBe('wrote a')
  expect(writer.transactions).toBe(1)
})

test('what waits when the writer is free shares one transaction, in order', async () => {
  const { write, committed } = queue()

  const results = await Promise.all(['a', 'b', 'c'].map((row) => write(row)))

  expect(results).toEqual(['wrote a', 'wrote b', 'wrote c'])
  expect(committed).toEqual([['a', 'b', 'c']])
})

test('rests four times as long as the group took', async () => {
  const { write, committed, clock } = queue({ commitMs: 10 })
  await write('a')

  const second = Promise.all([write('b'), write('c')])
  clock.advance(39)
  await settle()
  expect(committed).toEqual([['a']])

  clock.advance(1)
  await second
  expect(committed).toEqual([['a'], ['b', 'c']])
})

test('rests no longer than 100 ms, however slow the disk is', async () => {
  const { write, committed, clock } = queue({ commitMs: 5_000 })
  await write('a')

  const second = write('b')
  clock.advance(99)
  await settle()
  expect(committed).toHaveLength(1)

  clock.advance(1)
  expect(await second).toBe('wrote b')
})

test('a write that finds the writer rested goes at once', async () => {
  const { write, clock, committed } = queue({ commitMs: 10 })
  await write('a')
  clock.advance(40)

  const second = write('b')

  expect(clock.timers).toBe(0)
  await second
  expect(committed).toEqual([['a'], ['b']])
})

describe('an urgent write that is alone', () => {
  const URGENT = { isUrgent: true }

  test('does not wait for the rest after another lone write', async () => {
    const { write, clock, committed } = queue({ commitMs: 10 })
    await write('a')

    const second = write('b', URGENT)

    expect(clock.timers).toBe(0)
    await second
    expect(committed).toEqual([['a'], ['b']])
  })

  test('adds the rest that it cut short to its own', async () => {
    const { write, clock, committed } = queue({ commitMs: 10 })
    await write('a')
    clock.advance(15)
    await write('b', URGENT)

    const third = write('c')
    clock.advance(25 + 39)
    await settle()
    expect(committed).toHaveLength(2)

    clock.advance(1)
    await third
    expect(committed).toEqual([['a'], ['b'], ['c']])
  })

  test('waits when the one before did not', async () => {
    const { write, clock, committed } = queue({ commitMs: 10 })
    await write('a')
    await write('b', URGENT)

    const third = write('c', URGENT)
    clock.advance(79)
    await settle()
    expect(committed).toHaveLength(2)

    clock.advance(1)
    await third
    expect(committed).toHaveLength(3)
  })

  test('waits for the others that wait, and shares their transaction', async () => {
    const { write, clock, committed } = queue({ commitMs: 10 })
    await write('a')

    const waiting = Promise.all([write('b'), write('c', URGENT)])
    expect(clock.timers).toBe(1)
    clock.advance(40)
    await waiting

    expect(committed).toEqual([['a'], ['b', 'c']])
  })

  test('waits after a group of several, so that where writes are many they share', async () => {
    const { write, clock, committed } = queue({ commitMs: 10 })
    await Promise.all([write('a'), write('b')])

    const third = write('c', URGENT)
    expect(clock.timers).toBe(1)
    clock.advance(40)
    await third

    expect(committed).toEqual([['a', 'b'], ['c']])
  })

  test('waits after a write that failed', async () => {
    const { write, writer, clock } = queue()
    const failed = writer.submit(async () => {
      clock.advance(10)
      throw new ColloquyError('database-failed', 'failed')
    }, PATIENT)
    await expect(failed).rejects.toThrow('failed')

    const next = write('a', URGENT)
    expect(clock.timers).toBe(1)
    clock.advance(40)

    expect(await next).toBe('wrote a')
  })

  test('leaves the event loop four fifths of the time, however many follow each other', async () => {
    const { write, clock, committed } = queue({ commitMs: 10 })
    const flood = async () => {
      for (let n = 0; n < 100; n += 1) await write('x', URGENT)
    }

    void flood()
    await settle()
    while (clock.now() < 1_000) {
      clock.advance(1)
      await settle()
    }

    expect(committed).toHaveLength(1_000 / 50 + 2)
  })
})

test('bounds a group, so that none blocks for long', async () => {
  const { write, committed, clock } = queue()

  const all = Promise.all(Array.from({ length: 300 }, (_, index) => write(`${index}`)))
  await settle()
  clock.advance(0)
  await all

  expect(committed.map((rows) => rows.length)).toEqual([256, 44])
  expect(committed.flat()).toEqual(Array.from({ length: 300 }, (_, index) => `${index}`))
})

test('replays a failed group one by one, so that a bad write fails alone', async () => {
  const { write, committed, attempts, writer } = queue()

  const results = await Promise.allSettled(['a', 'bad', 'c', 'd'].map((row) => write(row)))

  expect(results).toEqual([
    { status: 'fulfilled', value: 'wrote a' },
    { status: 'rejected', reason: expect.objectContaining({ message: 'bad' }) },
    { status: 'fulfilled', value: 'wrote c' },
    { status: 'fulfilled', value: 'wrote d' },
  ])
  expect(attempts).toEqual([['a', 'bad'], ['a'], ['bad'], ['c'], ['d']])
  expect(committed).toEqual([['a'], ['c'], ['d']])
  expect(writer.transactions).toBe(3)
})

test('writes that come during a replay wait for it, and share the next group', async () => {
  const { write, committed, clock, database } = queue()
  const replayed = Promise.allSettled([write('a'), write('bad'), write('c')])
  database.commitMs = 1
  await settle()
  const late = Promise.all([write('d'), write('e')])

  for (let waits = 0; waits < 5; waits += 1) {
    clock.advance(4)
    await settle()
  }
  await replayed
  await late

  expect(committed).toEqual([['a'], ['c'], ['d', 'e']])
})

test('waits for a busy database with growing pauses, then writes in order', async () => {
  const { write, committed, attempts, clock, database } = queue()
  database.isBusy = true
  const first = write('a')
  await settle()
  const second = write('b')

  const pauses: number[] = []
  for (let pause = 0; pauses.length < 7;) {
    const before = attempts.length
    clock.advance(1)
    pause += 1
    await settle()
    if (attempts.length > before) {
      pauses.push(pause)
      pause = 0
    }
  }
  expect(pauses).toEqual([5, 10, 20, 40, 80, 100, 100])

  database.isBusy = false
  clock.advance(100)
  expect(await Promise.all([first, second])).toEqual(['wrote a', 'wrote b'])
  expect(committed).toEqual([['a', 'b']])
})

test('gives up a write when its own patience is over, and keeps the others', async () => {
  const { write, clock, database } = queue()
  database.isBusy = true
  const patient = write('patient')
  const hasty = write('hasty', { patienceMs: 500 })
  const gaveUp = expect(hasty).rejects.toMatchObject({ code: 'database-busy' })

  for (let ms = 0; ms < 650; ms += 1) {
    clock.advance(1)
    await settle()
  }
  await gaveUp

  database.isBusy = false
  clock.advance(100)
  expect(await patient).toBe('wrote patient')
})

test('a write can be withdrawn until its group begins', async () => {
  const { write, writer, committed, clock } = queue({ commitMs: 10 })
  const first = write('a', { name: 'a' })
  await first
  writer.withdraw('a')

  const second = write('b', { name: 'b' })
  const third = write('c', { name: 'c' })
  writer.withdraw('b')
  await expect(second).rejects.toMatchObject({ code: 'cancelled' })
  clock.advance(40)
  await third

  expect(await first).toBe('wrote a')
  expect(committed).toEqual([['a'], ['c']])
})

test('a write in an open group is not withdrawn', async () => {
  const clock = new ManualClock()
  const opened = Promise.withResolvers<void>()
  const goOn = Promise.withResolvers<void>()
  const writer = new WriterQueue<null>(async (work) => {
    opened.resolve()
    await goOn.promise
    await work(null)
  }, clock)
  const written = writer.submit(async () => 'done', { ...PATIENT, name: 'a' })

  await opened.promise
  writer.withdraw('a')
  goOn.resolve()

  expect(await written).toBe('done')
})

test('a write that is withdrawn leaves no transaction behind', async () => {
  const { write, writer, attempts } = queue()
  const written = write('a', { name: 'a' })
  writer.withdraw('a')

  await expect(written).rejects.toMatchObject({ code: 'cancelled' })
  await writer.close()
  expect(attempts).toEqual([])
})

test('closing finishes what waits and refuses what comes', async () => {
  const { write, writer, committed, clock } = queue({ commitMs: 10 })
  await write('a')
  const second = write('b')

  const closed = writer.close()
  await expect(write('c')).rejects.toMatchObject({ code: 'engine-closed' })
  clock.advance(40)
  await closed

  expect(await second).toBe('wrote b')
  expect(committed).toEqual([['a'], ['b']])
  expect(clock.timers).toBe(0)
  await writer.close()
})

describe('checkpoints', () => {
  const CHECKPOINT = { isCheckpoint: true }

  test('share groups with each other and with nothing else, and go last', async () => {
    const { write, committed, clock } = queue({ commitMs: 10 })
    await write('a')

    const all = Promise.all([
      write('1', CHECKPOINT),
      write('b'),
      write('2', CHECKPOINT),
      write('c'),
    ])
    for (let ms = 0; ms < 80; ms += 1) {
      clock.advance(1)
      await settle()
    }
    await all

    expect(committed).toEqual([['a'], ['b', 'c'], ['(checkpoint)', '1', '2']])
  })

  test('let each write that comes meanwhile pass', async () => {
    const { write, committed, clock } = queue({ commitMs: 10 })
    const checkpoints = Array.from({ length: 257 }, (_, n) => write(`${n}`, CHECKPOINT))
    await settle(1_000)
    const late = write('late')

    for (let waits = 0; waits < 3; waits += 1) {
      clock.advance(40)
      await settle(1_000)
    }
    await Promise.all([late, ...checkpoints])

    expect(committed.map((rows) => rows.length)).toEqual([257, 1, 2])
  })

  test('are not starved by writes that never end', async () => {
    const { write, committed, clock } = queue({ commitMs: 10 })
    const over = new AbortController()
    const flood = async () => {
      while (!over.signal.aborted) await write('x')
    }
    void flood()
    void flood()
    const checkpoint = write('1', CHECKPOINT)

    await settle()
    over.abort()
    await checkpoint

    expect(committed).toEqual([
      ['x', 'x'],
      ['(checkpoint)', '1'],
    ])
    clock.advance(100)
  })

  test('do not keep an urgent write that is alone waiting', async () => {
    const { write, clock, committed } = queue({ commitMs: 10 })
    await write('1', CHECKPOINT)
    await settle()

    const urgent = write('a', { isUrgent: true })

    expect(clock.timers).toBe(0)
    await urgent
    expect(committed).toEqual([['(checkpoint)', '1'], ['a']])
  })

  test('are replayed one by one when a group of them fails', async () => {
    const { write, committed } = queue()

    const results = await Promise.allSettled(['1', 'bad', '3'].map((row) => write(row, CHECKPOINT)))

    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled'])
    expect(committed).toEqual([
      ['(checkpoint)', '1'],
      ['(checkpoint)', '3'],
    ])
  })

  test('wait for a busy database as long as their own patience lasts', async () => {
    const { write, clock, database, committed } = queue()
    database.isBusy = true
    const checkpoint = write('1', { ...CHECKPOINT, patienceMs: 500 })
    const gaveUp = expect(checkpoint).rejects.toMatchObject({ code: 'database-busy' })
    const patient = write('a')

    for (let ms = 0; ms < 650; ms += 1) {
      clock.advance(1)
      await settle()
    }
    await gaveUp
    database.isBusy = false
    clock.advance(100)
    await patient

    expect(committed).toEqual([['a']])
  })

  test('are finished when the queue is closed', async () => {
    const { write, writer, committed, clock } = queue({ commitMs: 10 })
    await write('a')
    const checkpoint = write('1', CHECKPOINT)

    const closed = writer.close()
    clock.advance(40)
    await closed

    await checkpoint
    expect(committed).toHaveLength(2)
  })
})

describe('a queue that is full', () => {
  const FULL = 1_024
  /** Enough microtasks for every write of a group. */
  const GROUP = 1_000

  /** A queue at its limit, whose writer rests. */
  async function fullQueue() {
    const parts = queue({ commitMs: 10 })
    await parts.write('first')
    const waiting = Array.from({ length: FULL }, (_, n) => parts.write(`${n}`))
    expect(parts.writer.isFull).toBe(true)
    return { ...parts, waiting }
  }

  test('lets callers in again in their order, as many as there is room for', async () => {
    const { writer, clock, waiting } = await fullQueue()
    const entered: number[] = []
    const rooms = Array.from({ length: 300 }, (_, n) =>
      writer.capacity(PATIENT).then(() => entered.push(n)),
    )
    clock.advance(39)
    await settle(GROUP)
    expect(entered).toEqual([])

    clock.advance(1)
    await settle(GROUP)
    expect(entered).toEqual(Array.from({ length: 256 }, (_, n) => n))
    expect(writer.isFull).toBe(true)

    for (let groups = 0; groups < 5; groups += 1) {
      clock.advance(40)
      await settle(GROUP)
    }
    await Promise.all([...rooms, ...waiting])
    expect(entered).toHaveLength(300)
    expect(writer.isFull).toBe(false)
    expect(clock.timers).toBe(0)
  })

  test('turns away who has waited too long, and says why', async () => {
    const { writer, clock, database, write } = await fullQueue()
    database.isBusy = true
    const room = writer.capacity({ patienceMs: 500 })
    const turnedAway = expect(room).rejects.toMatchObject({
      code: 'database-busy',
      message: expect.stringContaining('send less at once'),
    })

    clock.advance(499)
    await settle(GROUP)
    clock.advance(1)
    await turnedAway

    // The end of a turn does not wait for capacity.
    void write('end')
    database.isBusy = false
    clock.advance(100)
  })

  test('lets a caller go who does not want in any more', async () => {
    const { writer, clock } = await fullQueue()
    const timers = clock.timers
    const room = writer.capacity({ ...PATIENT, name: 'a' })
    expect(clock.timers).toBe(timers + 1)

    writer.withdraw('a')

    await expect(room).rejects.toMatchObject({ code: 'cancelled' })
    expect(clock.timers).toBe(timers)
  })

  test('keeps nobody waiting when it is closed', async () => {
    const { writer, write, clock, waiting } = await fullQueue()
    const late = writer.capacity(PATIENT).then(() => write('late'))
    const refused = expect(late).rejects.toMatchObject({ code: 'engine-closed' })

    const closed = writer.close()
    await refused
    for (let groups = 0; groups < 5; groups += 1) {
      clock.advance(40)
      await settle(GROUP)
    }
    await closed
    await Promise.all(waiting)
  })
})

test('commits that take long leave the event loop four fifths of its time', async () => {
  const commitMs = 10
  const writer = new WriterQueue<null>(async (work) => {
    await work(null)
    const startedAt = performance.now()
    while (performance.now() - startedAt < commitMs);
  })
  const startedAt = performance.now()
  const flood = async () => {
    while (performance.now() - startedAt < 500) {
      await writer.submit(async () => undefined, { ...PATIENT, isUrgent: true })
    }
  }

  await Promise.all(Array.from({ length: 20 }, flood))
  await writer.close()

  // Commits are counted and not timed: on a busy machine each takes longer. The first commit does
  // not wait for a rest, and the rest of the last commit is after the end.
  const elapsedMs = performance.now() - startedAt
  expect(writer.transactions).toBeGreaterThan(1)
  expect((writer.transactions - 2) * commitMs).toBeLessThan(elapsedMs / 4.5)
})
