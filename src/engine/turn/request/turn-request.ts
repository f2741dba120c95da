/** What a turn was asked for, and what it is bound to. Plain data. */
import type { NewConversation, Viewer } from '../../../persistence/ports/conversation-store.ts'
import type { ConversationRecord } from '../../../protocol/conversation.ts'
import type { Toolbox } from '../../../tools/toolbox.ts'
import type { SendOptions } from '../../api/turn-options.ts'
import type { Binding } from '../../endpoints/binding.ts'
import type { Input } from '../../options/input.ts'

/** The checked arguments of a call that begins a turn. */
export interface TurnRequest {
  readonly turnId: string
  /** The id of the reply, whether or not the turn leaves one. */
  readonly replyId: string
  readonly conversationId: string
  /** Absent where a stored input is answered. */
  readonly input?: Input | undefined
  /** The stored input to answer; by default the last one of the active line. */
  readonly inputMessageId?: string | undefined
  /** The conversation to create if there is none. */
  readonly startWith?: NewConversation | undefined
  /** True for an edit or a regeneration: it may replace other turns, and is not queued behind them. */
  readonly isBeside?: boolean | undefined
  /** Who asks; absent for the engine itself. */
  readonly viewer?: Viewer | undefined
  readonly options: CheckedOptions
  /** True to go on after the finished steps of a turn that failed. */
  readonly continues?: boolean | undefined
}

/** The options of a call, with the tools that it gave ready to be offered. */
export type CheckedOptions = Omit<SendOptions, 'startWith' | 'tools'> & {
  readonly tools?: readonly string[] | Toolbox | undefined
}

/** The binding of a turn with its conversation. Valid from the accept until the turn ends. */
export interface Bound extends Binding {
  readonly conversation: ConversationRecord
}
