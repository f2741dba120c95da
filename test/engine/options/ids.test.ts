/** Ids that the engine makes: nobody can guess that of another user's conversation. */
import { SimulatedClock } from 'xstate'
import { expect, test } from 'vitest'
import { testEngine } from '../../support/engine.ts'

const IDS = 1_000
/** The bits of a UUIDv7 that are neither its time, nor its version, nor its variant. */
const RANDOM_BITS = 74

/** The random bits of an id, as a text of 0 and 1. */
function randomBitsOf(id: string): string {
  const hex = id.replaceAll('-', '')
  const bits = Array.from(hex, (digit) => Number.parseInt(digit, 16).toString(2).padStart(4, '0'))
  const all = bits.join('')
  return all.slice(52, 64) + all.slice(66)
}

test('at least 60 bits of an id are random, also while the clock stands still', async () => {
  const clock = Object.assign(new SimulatedClock(), { now: () => 1_700_000_000_000 })
  const engine = await testEngine({ clock })

  const records = await Promise.all(Array.from({ length: IDS }, () => engine.startConversation()))
  const ids = records.map(({ id }) => randomBitsOf(id))

  expect(new Set(ids).size).toBe(IDS)
  expect(ids[0]).toHaveLength(RANDOM_BITS)
  const even = Array.from({ length: RANDOM_BITS }, (_, bit) => {
    const ones = ids.filter((id) => id[bit] === '1').length
    // Six standard deviations of a fair coin.
    return Math.abs(ones - IDS / 2) < 6 * Math.sqrt(IDS / 4)
  })
  expect(even.filter(Boolean).length).toBeGreaterThanOrEqual(60)
})

test.each([
  ['stands still', () => 1_700_000_000_000],
  ['goes back', (n: number) => 1_700_000_000_000 - n],
])('ids sort in the order in which they were made, also where the clock %s', async (_, now) => {
  let made = 0
  const clock = Object.assign(new SimulatedClock(), { now: () => now((made += 1)) })
  const engine = await testEngine({ clock })

  // More than one millisecond has numbers for.
  const messages = Array.from({ length: 5_000 }, () => ({ role: 'user', content: 'a' }) as const)
  const { id } = await engine.startConversation({ messages })

  const ids = (await engine.listMessages(id)).map((message) => message.id)
  expect(ids).toEqual(ids.toSorted())
  expect(new Set(ids).size).toBe(ids.length)
})

test('ids differ even where the clock stands still and the randomness is always the same', async () => {
  const engine = await testEngine({ clock: new SimulatedClock(), random: () => 0.5 })

  const made = await Promise.all(Array.from({ length: 9 }, () => engine.startConversation()))

  expect(new Set(made.map(({ id }) => id)).size).toBe(9)
})

test('an id has the time of its clock and the marks of a UUIDv7', async () => {
  const clock = at(1_700_000_000_123)
  const engine = await testEngine({ clock })
  const { id } = await engine.startConversation()

  expect(id).toMatch(/^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/)
  expect(Number.parseInt(id.replace('-', '').slice(0, 12), 16)).toBe(1_700_000_000_123)
})

test.each([-1, 0, 12.75, 2 ** 48, Number.MAX_SAFE_INTEGER])(
  'an id is a UUIDv7 also at the time %s',
  async (now) => {
    const engine = await testEngine({ random: () => 0, clock: at(now) })

    expect((await engine.startConversation()).id).toMatch(
      /^[\da-f]{8}-[\da-f]{4}-7[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/,
    )
  },
)

function at(now: number): SimulatedClock {
  return Object.assign(new SimulatedClock(), { now: () => now })
}
