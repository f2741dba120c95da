/** The pieces for checkpoints: the deltas that a reply gained since the piece before. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { UnplacedDelta } from '../../src/protocol/delta.ts'
import { assembled } from '../../src/reply/growing-reply.ts'
import { someBatch } from '../feed/some-delta.ts'
import { openReply, texts } from '../feed/streaming.ts'

test('are all of the reply at first, then only what came since', () => {
  const { replyFeed } = openReply()
  replyFeed.deltas(texts('Once', ' upon'))
  replyFeed.deltas(texts(' a'))

  expect(replyFeed.additions()).toEqual(texts('Once upon a'))
  expect(replyFeed.additions()).toEqual([])
  replyFeed.deltas(texts(' time', ','))
  replyFeed.deltas([{ type: 'reasoning', text: 'Hm.' }])
  replyFeed.deltas(texts(' there'))
  expect(replyFeed.additions()).toEqual([
    ...texts(' time,'),
    { type: 'reasoning', text: 'Hm.', separate: true },
    ...texts(' there'),
  ])
})

test('cost no more for a long reply than for a short one', () => {
  const { replyFeed } = openReply()
  replyFeed.deltas(texts('x'.repeat(1_000_000)))
  replyFeed.additions()
  replyFeed.deltas(texts('y'))

  expect(JSON.stringify(replyFeed.additions())).toBe('[{"type":"text","text":"y"}]')
})

test('have the opaque data that came since, and all of it at first', () => {
  const { replyFeed } = openReply()
  const data = (id: number): UnplacedDelta => ({
    type: 'reasoning',
    text: '',
    providerData: [{ id }],
  })
  replyFeed.deltas([{ type: 'reasoning', text: 'Hm' }, data(1), data(2)])
  expect(replyFeed.additions()).toEqual([
    { type: 'reasoning', text: 'Hm', separate: true, providerData: [{ id: 1 }, { id: 2 }] },
  ])
  replyFeed.deltas([{ type: 'reasoning', text: '.' }, data(3), data(4)])

  expect(replyFeed.additions()).toEqual([
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
      const { replyFeed } = openReply()
      const taken: UnplacedDelta[] = []
      for (const [batch, isAsked] of reads) {
        replyFeed.deltas(batch)
        if (isAsked)
          taken.push(...(JSON.parse(JSON.stringify(replyFeed.additions())) as UnplacedDelta[]))
      }
      taken.push(...replyFeed.additions())
      replyFeed.seal('interrupted')

      expect(assembled(taken)).toEqual(replyFeed.parts())
    }),
  )
})
