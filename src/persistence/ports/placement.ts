/** Whether the turn of a send starts, is queued or is refused, and a turn that was queued. */
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
  /** The most queued turns of the conversation. */
  readonly limit: number
  /** Returns the options of the turn, to be stored if it is queued. Contract: synchronous. */
  readonly options: () => StoredTurnOptions
}

/** The options of a queued turn, as its row has them. */
export interface StoredTurnOptions {
  /** JSON of what is no secret. */
  readonly open?: unknown
  readonly sealed?: string | undefined
}

/** A queued turn, as it was written, behind the others of its conversation. */
export interface PlacedTurn {
  readonly input: Message
  /** The whole queue in its order, with this turn. */
  readonly queue: readonly StoredQueuedTurn[]
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
