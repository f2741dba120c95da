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

test('ids differ even where the clock stands still and the randomness is always the same', async () => {
  const engine = await testEngine({ clock: new SimulatedClock(), random: () => 0.5 })

  const made = await Promise.all(Array.from({ length: 9 }, () => engine.startConversation()))

  expect(new Set(made.map(({ id }) => id)).size).toBe(9)
})
