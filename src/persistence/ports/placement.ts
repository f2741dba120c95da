/** Whether the turn of a send starts, is queued or is refused, and a turn that was queued. */
import type { ConversationRecord } from '../../protocol/conversation.ts'
import type { Message } from '../../protocol/message.ts'
import type { SendPolicy, TurnRecord } from '../../protocol/turn.ts'

/** What a send may do where a turn runs or is queued. */
export interface Placement {
  /** The policy that the call names; absent if it names none. */
  readonly named?: SendPolicy | undefined
  /** The policy where neither the call nor the conversation names one. */
  readonly byDefault: SendPolicy
  /** True if a turn runs in the conversation. */
  readonly isBusy: boolean
  /** True for an edit: even where it follows the head, it is not queued. */
  readonly isBeside?: boolean | undefined
  /** The most queued turns of the conversation. */
  readonly limit: number
  /** Returns the options of the turn, to be stored if it is queued. Contract: synchronous. */
  readonly options: () => StoredTurnOptions
  /**
   * Returns true if an input may join this queued turn: it still waits, and has the same options.
   * Contract: synchronous.
   */
  readonly mayJoin: (turnId: string, options: StoredTurnOptions) => boolean
  /**
   * Returns true if the caller has this queued turn: then its texts are not read. Contract:
   * synchronous.
   */
  readonly isLive: (turnId: string) => boolean
}

/** The options of a queued turn, as its row has them. */
export interface StoredTurnOptions {
  /** JSON of what is no secret. */
  readonly open?: unknown
  readonly sealed?: string | undefined
}

/** A queued turn as it was written, or one that an input joined. */
export interface PlacedTurn {
  /** That of the call, or the one that its input joined. */
  readonly turnId: string
  /** `replacing`: it is first, and all others are to end. */
  readonly place: 'last' | 'first' | 'replacing' | 'joined'
  readonly input: Message
  /** The ids of the whole queue in its order, with this turn. */
  readonly queue: readonly string[]
  /** The turn of `turnId`, and the queued turns that the caller does not have. */
  readonly turns: readonly StoredQueuedTurn[]
  /** The turn of the conversation that waits for an answer to its calls. */
  readonly waiting?: string
  /** The conversation, if it began with this turn: the turn before it was refused. */
  readonly created?: ConversationRecord
}

/** A queued turn as it is in the store. */
export interface StoredQueuedTurn {
  readonly turn: TurnRecord
  /** The owner of its conversation. */
  readonly ownerId?: string
  /** Orders the queue. */
  readonly place: number
  readonly messages: readonly Message[]
  readonly options: StoredTurnOptions
}
