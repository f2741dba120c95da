/** The parts of the engine that a step needs, and what it needs of its turn. Types only. */
import type { ReplyFeed } from '../../../feed/reply-feed.ts'
import type { ConversationStore, Place } from '../../../persistence/ports/conversation-store.ts'
import type { Message, Usage } from '../../../protocol/message.ts'
import type { Transport } from '../../../transport/transport.ts'
import type { Binder } from '../../endpoints/binding.ts'
import type { ResolvedOptions } from '../../options/resolve-options.ts'
import type { Bound, TurnRequest } from '../request/turn-request.ts'
import type { TurnTools } from '../request/turn-tools.ts'

export interface StepPort {
  readonly store: ConversationStore
  readonly transport: Transport
  readonly binder: Binder
  readonly options: ResolvedOptions
}

/** The turn whose reply is asked for. */
export interface SteppedTurn {
  readonly request: TurnRequest
  readonly replyFeed: ReplyFeed
  readonly bound: Bound
  /** The message that is answered. */
  readonly input: Message
  /** The place of that message. */
  readonly place: Place
  /** Called before each request to a provider. */
  readonly onAsking: () => void
  /** Called before the first content of each step is delivered. */
  readonly onContent: () => void
  /** The tools of the turn. */
  readonly tools: TurnTools
  /** The number of the last step of an earlier turn, with which the reply begins; 0 without one. */
  readonly stepsBefore: number
  /** The usage so far. */
  readonly usage: () => Usage | undefined
}
