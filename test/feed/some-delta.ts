/** Arbitrary deltas and batches for fast-check. Each delta adds content. */
import * as fc from 'fast-check'
import type { Delta } from '../../src/protocol/delta.ts'

const piece = fc.string({ minLength: 1, maxLength: 4 })

export const someDelta: fc.Arbitrary<Delta> = fc.oneof(
  { weight: 4, arbitrary: piece.map((text): Delta => ({ type: 'text', text })) },
  { weight: 1, arbitrary: piece.map((text): Delta => ({ type: 'reasoning', text })) },
  { weight: 1, arbitrary: piece.map((text): Delta => ({ type: 'reasoning', text, opens: true })) },
  {
    weight: 1,
    arbitrary: piece.map((data): Delta => ({
      type: 'file',
      mediaType: 'image/png',
      url: `data:image/png;base64,${data}`,
      providerData: { maker: 'm' },
    })),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom('call-1', 'call-2'), piece)
      .map(([toolCallId, inputText]): Delta => ({
        type: 'tool-call',
        toolCallId,
        toolName: 'look',
        inputText,
      })),
  },
)

/** The deltas of one socket read. */
export const someBatch = fc.array(someDelta, { minLength: 1, maxLength: 4 })
