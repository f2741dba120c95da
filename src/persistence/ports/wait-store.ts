/** Turns that wait for an answer to their calls, as the engine reads and writes them. */
import type { CallRecord, StepRecord } from '../../protocol/call.ts'
import type { ConversationRecord } from '../../protocol/conversation.ts'
import type { UnplacedDelta } from '../../protocol/delta.ts'
import type { Message } from '../../protocol/message.ts'
import type { TurnRecord, TurnStatus } from '../../protocol/turn.ts'
import type { Place, Viewer } from './conversation-store.ts'
import type { StoredTurnOptions } from './placement.ts'
import type { LateOutcome } from './call-write.ts'
import type { LastSeqs } from './turn-store.ts'

/** What is written with a turn that begins to wait, so that it can go on without its memory. */
export interface WaitMark {
  readonly options: StoredTurnOptions
  readonly lastSeqs: LastSeqs
}

/** A turn of which nothing runs any more. */
export interface TurnWait extends WaitMark {
  readonly turnId: string
  /** The number of its calls that need an answer. */
  readonly calls: number
}

/** An answer to a waiting call. */
export type CallAnswer =
  | {
      readonly kind: 'decision'
      readonly callId: string
      readonly approved: boolean
      readonly by?: string | undefined
      readonly reason?: string | undefined
      /** Replaces the arguments. */
      readonly givenInput?: { readonly value: unknown } | undefined
      /** Present if the approved call needs an output next. `expiresAt`: when that wait ends. */
      readonly output?: { readonly expiresAt?: Date | undefined } | undefined
    }
  | { readonly kind: 'output'; readonly callId: string; readonly outcome: LateOutcome }
  /** Nobody answered in time. */
  | { readonly kind: 'expiry'; readonly callId: string }
  /** A further input took over: what waits is denied. */
  | { readonly kind: 'steering'; readonly callId: string; readonly reason: string }

/** A call, with the state of its turn. */
export interface FoundCall {
  readonly call: CallRecord
  readonly turnStatus: TurnStatus
}

/** A call after an answer. With `isTaken` false, nothing was changed. */
export interface AnsweredCall extends FoundCall {
  readonly isTaken: boolean
}

/** A waiting turn that goes on. */
export interface TurnResume {
  readonly turnId: string
  readonly viewer?: Viewer | undefined
  /** The answer that is written with it; absent if none is needed. */
  readonly answer?: CallAnswer | undefined
  readonly at: Date
  /**
   * Binds the turn to its endpoint again. Throws the error with which it is refused.
   *
   * Contract: as of `TurnStart.bind`.
   */
  readonly bind: (turn: TurnRecord, conversation: ConversationRecord) => void
}

/** A waiting turn after the write that made it go on. */
export interface ResumedTurn {
  readonly turn: TurnRecord
  readonly conversation: ConversationRecord
  /** The calls of its newest step, in their order. */
  readonly calls: readonly CallRecord[]
  /** The call that was answered, as it is now. */
  readonly answered?: CallRecord
}

/** All that a waiting turn is made live from. */
export interface StoredWait {
  readonly turn: TurnRecord
  /** The owner of its conversation. */
  readonly ownerId?: string
  readonly input: Message
  /** The place of that message. */
  readonly place: Place
  /** The names of its tools. */
  readonly tools: readonly string[]
  readonly options: StoredTurnOptions
  readonly lastSeqs: LastSeqs
  /** The reply so far, and in how many pieces it is stored. */
  readonly deltas: readonly UnplacedDelta[]
  readonly pieces: number
  readonly steps: readonly StepRecord[]
  /** The calls of its newest step, in their order. */
  readonly calls: readonly CallRecord[]
}

/** Selects waiting calls; see `Engine.listWaitingCalls`. */
export interface WaitingCallList {
  readonly conversationId?: string | undefined
  readonly limit: number
  readonly viewer?: Viewer | undefined
}

/** A call whose time is up. */
export interface ExpiredCall {
  readonly callId: string
  readonly turnId: string
}

export interface WaitStore {
  /** @throws `call-not-found` */
  findCall(callId: string, viewer?: Viewer): Promise<FoundCall>

  /**
   * Writes the answer to a call of a running turn. It is taken if the call waits for it, its time is not
   * up, and the turn runs in this epoch.
   *
   * @throws `call-not-found`
   */
  answerCall(answer: CallAnswer, at: Date, viewer?: Viewer): Promise<AnsweredCall>

  /**
   * Notes that a turn waits. Returns `changed` if one of its calls was answered meanwhile, and `lost` if
   * the turn does not run in this epoch.
   */
  waitTurn(wait: TurnWait): Promise<'waiting' | 'changed' | 'lost'>

  /**
   * Makes a waiting turn go on, and writes the answer to one of its calls, in one transaction. Returns
   * `undefined` if the turn does not wait, or the answer cannot be taken: then nothing is changed.
   *
   * @throws the error that `bind` throws
   */
  resumeTurn(resume: TurnResume): Promise<ResumedTurn | undefined>

  /** Returns `undefined` if the turn does not wait. */
  readWait(turnId: string, viewer?: Viewer): Promise<StoredWait | undefined>

  /** The id of the waiting turn of a conversation. */
  waitingTurn(conversationId: string, viewer?: Viewer): Promise<string | undefined>

  /** The calls that need an answer, oldest first. */
  listWaitingCalls(list: WaitingCallList): Promise<readonly CallRecord[]>

  /** When the next wait ends by itself. */
  nextExpiry(): Promise<Date | undefined>

  /** Calls whose time is up, at most so many. */
  expiredCalls(at: Date, limit: number): Promise<readonly ExpiredCall[]>
}
