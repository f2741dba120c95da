/**
 * A frame: one event of a stream, turned into bytes once for all of its readers.
 *
 * Knows nothing of the readers.
 */
import type { ReplyOp } from '../../protocol/web.ts'
import type { EventBytes } from './event-bytes.ts'

export interface Frame {
  readonly bytes: EventBytes
  readonly conversationId: string
  readonly turnId: string | undefined
  /** The operations of a piece of reply; absent on all other events. */
  readonly ops?: readonly ReplyOp[]
  /** The event ends its turn. */
  readonly isTerminal: boolean
  /** The frame is of the list of conversations, without content. */
  readonly isOfList: boolean
}
