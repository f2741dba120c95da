import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Delta } from '../../src/protocol/delta.ts'
import { assembled } from '../../src/reply/growing-reply.ts'
import { someBatch } from '../feed/some-delta.ts'
import { openLane, texts } from '../feed/streaming.ts'

test('are all of the reply at first, then only what came since', () => {
  const { lane } = openLane()
  lane.deltas(texts('Once', ' upon'))
  lane.deltas(texts(' a'))

  expect(lane.additions()).toEqual(texts('Once upon a'))
  expect(lane.additions()).toEqual([])
  lane.deltas(texts(' time', ','))
  lane.deltas([{ type: 'reasoning', text: 'Hm.' }])
  lane.deltas(texts(' there'))
  expect(lane.additions()).toEqual([
    ...texts(' time,'),
    { type: 'reasoning', text: 'Hm.', opens: true },
    ...texts(' there'),
  ])
})

test('cost no more for a long reply than for a short one', () => {
  const { lane } = openLane()
  lane.deltas(texts('x'.repeat(1_000_000)))
  lane.additions()
  lane.deltas(texts('y'))

  expect(JSON.stringify(lane.additions())).toBe('[{"type":"text","text":"y"}]')
})

test('have the opaque data that came since, and all of it at first', () => {
  const { lane } = openLane()
  const data = (id: number): Delta => ({ type: 'reasoning', text: '', providerData: [{ id }] })
  lane.deltas([{ type: 'reasoning', text: 'Hm' }, data(1), data(2)])
  expect(lane.additions()).toEqual([
    { type: 'reasoning', text: 'Hm', opens: true, providerData: [{ id: 1 }, { id: 2 }] },
  ])
  lane.deltas([{ type: 'reasoning', text: '.' }, data(3), data(4)])

  expect(lane.additions()).toEqual([
    { type: 'reasoning', text: '.', providerData: [{ id: 3 }] },
    { type: 'reasoning', text: '', providerData: [{ id: 4 }] },
  ])
})

const withData = fc
  .tuple(someBatch, fc.option(fc.dictionary(fc.constantFrom('a', 'b'), fc.integer())))
  .map(([batch, data]) =>
    data === null ? batch : batch.map((delta) => ({ ...delta, providerData: data })),
  )

test('put together, are the reply, whenever they were asked for', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(withData, fc.boolean())), (reads) => {
      const { lane } = openLane()
      const taken: Delta[] = []
      for (const [batch, isAsked] of reads) {
        lane.deltas(batch)
        if (isAsked) taken.push(...(JSON.parse(JSON.stringify(lane.additions())) as Delta[]))
      }
      taken.push(...lane.additions())
      lane.seal('interrupted')

      expect(assembled(taken)).toEqual(lane.parts())
    }),
  )
})
