/** Turns, from their accept to their end, as the engine reads and writes them. */
import type { ConversationRecord } from '../../protocol/conversation.ts'
import type { UnplacedDelta } from '../../protocol/delta.ts'
import type { CallRecord, StepRecord } from '../../protocol/call.ts'
import type { CallEnd, NewCall } from './call-write.ts'
import type { NewConversation, Place, Viewer } from './conversation-store.ts'
import type { PlacedTurn, Placement } from './placement.ts'
import type { ErrorRecord } from '../../protocol/errors.ts'
import type { FinishReason, Message, MessageRole, Part, Usage } from '../../protocol/message.ts'
import type { AttemptRecord, TerminalStatus, TurnRecord } from '../../protocol/turn.ts'

/** The beginning of a turn, whatever its input. */
export interface TurnStart {
  readonly turnId: string
  readonly conversationId: string
  /** The id of the turn's reply, whether or not it leaves one. */
  readonly replyId: string
  readonly metadata?: unknown
  /** Who begins it: a conversation that the viewer does not see is not found. */
  readonly viewer?: Viewer | undefined
  /** Unique in the conversation. */
  readonly idempotencyKey?: string | undefined
  readonly at: Date
  /**
   * Returns the endpoint and the model of the turn, from the conversation as it is when the turn is
   * written. Throws the error with which the input is refused.
   *
   * Contract: it is synchronous, and may be called again: each retry of the transaction calls it.
   */
  readonly bind: (conversation: ConversationRecord) => TurnBinding
}

/** An input and the turn that it starts, written in one transaction. */
export interface TurnAccept extends TurnStart {
  readonly messageId: string
  readonly role: MessageRole
  readonly parts: readonly Part[]
  /** The host's name for the input. Unique in the conversation. */
  readonly clientId?: string | undefined
  /** The message that the input follows: by default the head. `null` makes it a first message. */
  readonly parentId?: string | null | undefined
  /** The conversation to create if there is none. */
  readonly startWith?: NewConversation | undefined
  readonly placement: Placement
}

/** A new turn on an input that is stored already. */
export interface TurnRegenerate extends TurnStart {
  /** Goes on after the finished steps of the last turn on this input, if that turn failed. */
  readonly continues?: TurnContinue | undefined
  /** By default the last input of the active line. */
  readonly inputMessageId?: string | undefined
  readonly placement: Placement
}

/** How a turn goes on with the steps of another one. */
export interface TurnContinue {
  /** Returns true if a call of unknown outcome is run again. */
  readonly runsAgain: (toolName: string) => boolean
  readonly newId: () => string
}

/** The finished steps of another turn, with which a turn begins. */
export interface ContinuedTurn {
  readonly parts: readonly Part[]
  /** The number of the last finished step. */
  readonly step: number
  /** The calls to run again, which are on disk as started. */
  readonly again: readonly CallAgain[]
}

/** A call that runs again, with the decision that let it run before. */
export type CallAgain = NewCall &
  Pick<CallRecord, 'waitsFor' | 'approved' | 'by' | 'reason' | 'givenInput'>

/** An accepted turn, as it was written. */
export interface AcceptedTurn {
  /** The message that is answered. */
  readonly input: Message
  /** All inputs of a queued turn that several joined, in their order. */
  readonly inputs?: readonly Message[]
  readonly place: Place
  readonly continued?: ContinuedTurn
  /** The conversation, if this write created it or brought its head to another line. */
  readonly changed?: {
    readonly change: 'created' | 'switched'
    readonly conversation: ConversationRecord
  }
}

/** The first route of a turn, and its tools. */
export interface TurnBinding {
  /** The tools that the engine can run, as JSON can hold them. */
  readonly tools?: Readonly<Record<string, string>> | undefined
  readonly endpoint: string
  readonly model: string
}

/** The numbers of the last events of a turn. */
export interface LastSeqs {
  /** That of the newest event that told of content; 0 if there was none. */
  readonly content: number
  /** That of the terminal event. */
  readonly terminal: number
}

/** A turn as it is in the store, with its input and its reply. */
export interface StoredTurnParts {
  readonly turn: TurnRecord
  /** The owner of its conversation. */
  readonly ownerId?: string
  readonly input: Message
  readonly reply?: Message
  /** The reply so far of a turn that waits. */
  readonly waiting?: readonly Part[]
  /** Absent if a crash ended the turn, or a version that did not store them. */
  readonly lastSeqs?: LastSeqs
}

/** The additions to a running reply since the checkpoint before. */
export interface TurnCheckpoint {
  readonly turnId: string
  readonly attempts: number
  readonly failedAttempts?: readonly AttemptRecord[] | undefined
  /** The route of the last attempt; absent if the turn was accepted with that route. */
  readonly fallbackAsked?: { readonly endpoint: string; readonly model: string } | undefined
  /** The number of the first piece. The pieces of a turn are numbered from 1. */
  readonly n: number
  readonly pieces: readonly (readonly UnplacedDelta[])[]
}

/** The steps of an ending turn that ran tools. */
export interface EndedSteps {
  /** How many were asked. */
  readonly steps: number
  /** The last one, unless it is on disk. */
  readonly last?: Omit<StepRecord, 'turnId'> | undefined
  /** The calls that had not ended on disk. */
  readonly calls: readonly CallEnd[]
}

/** How a turn ended. */
export interface TurnEnd {
  readonly turnId: string
  readonly conversationId: string
  readonly status: TerminalStatus
  readonly attempts: number
  readonly failedAttempts?: readonly AttemptRecord[] | undefined
  /** The route of the last attempt; absent if the turn was accepted with that route. */
  readonly fallbackAsked?: { readonly endpoint: string; readonly model: string } | undefined
  /** True if checkpoints of the turn were submitted: the write of its end deletes them. */
  readonly hasCheckpoints: boolean
  /** The id that the turn was accepted with for its reply. */
  readonly replyId: string
  readonly lastSeqs: LastSeqs
  readonly error?: ErrorRecord | undefined
  readonly usage?: Usage | undefined
  /** The reply to save; absent if the turn left none. */
  readonly reply?:
    | {
        readonly parts: readonly Part[]
        readonly finishReason?: FinishReason | undefined
        readonly model?: string | undefined
      }
    | undefined
  /** Absent for a turn that ran no tool. */
  readonly steps?: EndedSteps | undefined
  /** The turn that takes over, if one does. */
  readonly endedBy?: string | undefined
  readonly at: Date
}

/** An ended turn and its reply, as they are in the store. */
export interface EndedTurn {
  readonly turn: TurnRecord
  readonly message?: Message
  /** The conversation, if the reply brought its head to another line. */
  readonly switchedTo?: ConversationRecord
  /** False if another writer had ended the turn or taken it over: then nothing was changed. */
  readonly written: boolean
}

/** A turn whose usage became known after its end, with its reply. */
export interface CostedTurn extends Pick<EndedTurn, 'turn' | 'message'> {
  /** The owner of its conversation. */
  readonly ownerId?: string
}

export interface TurnStore {
  getTurn(id: string, viewer?: Viewer): Promise<TurnRecord | undefined>
  /** Oldest first. */
  listTurns(conversationId: string, viewer?: Viewer): Promise<readonly TurnRecord[]>

  lastTurn(conversationId: string, viewer?: Viewer): Promise<TurnRecord | undefined>
  /** The turn that the conversation has under this idempotency key. */
  keyedTurn(
    conversationId: string,
    idempotencyKey: string,
    viewer?: Viewer,
  ): Promise<StoredTurnParts | undefined>

  turnParts(turnId: string, viewer?: Viewer): Promise<StoredTurnParts | undefined>
  replyOf(turnId: string): Promise<Message | undefined>
  /**
   * Writes an input and its turn in one transaction, with the conversation if there is none. Where a
   * turn runs or is queued, the turn is queued or refused.
   *
   * @throws `conversation-not-found`; the error that `bind` throws; `message-not-found` if there is
   *   no such parent; `invalid-option` if the client id is taken; `invalid-input` if a tool result
   *   answers no call of its line; `database-failed` if the idempotency key is taken; `cancelled` if
   *   the turn was withdrawn; `turn-running`, `queue-held` or `queue-full` by its placement
   */
  acceptTurn(accept: TurnAccept): Promise<AcceptedTurn | PlacedTurn>

  /**
   * Writes the additions to a running reply, behind other writes. A power cut may undo it. Returns
   * true if the turn still runs and belongs to this writer. Otherwise nothing is written.
   */
  checkpoint(checkpoint: TurnCheckpoint): Promise<boolean>

  /**
   * Writes a turn on an input that is stored already, and returns that input. Where a turn runs or is
   * queued, the turn is queued as the one that replaces them, or refused.
   *
   * @throws `nothing-to-retry` if no input is named and the active line has none; `invalid-input` if
   *   the named message is a reply; otherwise the errors of `acceptTurn`
   */
  regenerateTurn(regenerate: TurnRegenerate): Promise<AcceptedTurn | PlacedTurn>

  /**
   * Withdraws the beginning of a turn if its write has not begun: nothing is stored, and the
   * promise of the write rejects with `cancelled`. A write that has begun runs to its end.
   */
  withdrawTurn(turnId: string): void

  /**
   * Writes the reply and the end of its turn in one transaction, if the turn still runs and belongs
   * to this writer.
   */
  endTurn(end: TurnEnd): Promise<EndedTurn>

  /**
   * Sets the usage of a cancelled turn and of its reply. Returns `undefined` if this writer has no
   * such turn.
   */
  recordUsage(turnId: string, usage: Usage): Promise<CostedTurn | undefined>
}
