/** Arbitrary deltas and batches for fast-check. Each delta adds content. */
import * as fc from 'fast-check'
import type { UnplacedDelta } from '../../src/protocol/delta.ts'

const piece = fc.string({ minLength: 1, maxLength: 4 })

export const someDelta: fc.Arbitrary<UnplacedDelta> = fc.oneof(
  { weight: 4, arbitrary: piece.map((text): UnplacedDelta => ({ type: 'text', text })) },
  { weight: 1, arbitrary: piece.map((text): UnplacedDelta => ({ type: 'reasoning', text })) },
  {
    weight: 1,
    arbitrary: piece.map((text): UnplacedDelta => ({ type: 'reasoning', text, separate: true })),
  },
  {
    weight: 1,
    arbitrary: piece.map((data): UnplacedDelta => ({
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
      .map(([toolCallId, inputText]): UnplacedDelta => ({
        type: 'tool-call',
        toolCallId,
        toolName: 'look',
        inputText,
      })),
  },
)

/** The deltas of one socket read. */
export const someBatch = fc.array(someDelta, { minLength: 1, maxLength: 4 })
