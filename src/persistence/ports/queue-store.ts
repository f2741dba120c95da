/** Queued turns, as the engine reads and writes them. */
import type { ConversationRecord } from '../../protocol/conversation.ts'
import type { ErrorRecord } from '../../protocol/errors.ts'
import type { Message } from '../../protocol/message.ts'
import type { TurnRecord } from '../../protocol/turn.ts'
import type { Viewer } from './conversation-store.ts'
import type { StoredQueuedTurn } from './placement.ts'
import type { AcceptedTurn, LastSeqs, TurnBinding, TurnContinue } from './turn-store.ts'

/** The start of a queued turn. */
export interface QueuedStart {
  readonly turnId: string
  readonly conversationId: string
  readonly at: Date
  /** Contract: as of `TurnStart.bind`. What it throws becomes the failure of the turn. */
  readonly bind: (conversation: ConversationRecord) => TurnBinding
  /** As of `TurnRegenerate.continues`. */
  readonly continues?: TurnContinue | undefined
}

/** A started turn. With `failure` it is on the line, and cannot be asked. */
export interface StartedTurn extends AcceptedTurn {
  readonly failure?: unknown
}

/** The end of a queued turn before its start. */
export interface QueuedEnd {
  readonly turnId: string
  readonly error?: ErrorRecord | undefined
  readonly lastSeqs: LastSeqs
  readonly at: Date
}

/** An input of a queued turn. */
export interface QueuedInput {
  readonly turnId: string
  readonly messageId: string
  readonly at: Date
}

/** A turn that ended before its start, with the inputs that never entered a line. */
export interface WithdrawnTurn {
  readonly turn: TurnRecord
  readonly messages: readonly Message[]
}

export interface QueueStore {
  /** The queued turns of a conversation, in order. */
  listQueue(conversationId: string, viewer?: Viewer): Promise<readonly StoredQueuedTurn[]>

  /** Conversations with queued turns, by id, after the named one. */
  listQueuedConversations(after: string, limit: number, viewer?: Viewer): Promise<readonly string[]>

  /** The number of queued turns in all conversations. */
  countQueued(viewer?: Viewer): Promise<number>

  /**
   * Puts the first turn of a queue on the active line, all in one transaction.
   *
   * @throws `turn-not-found` if it is not queued; `conversation-not-found` if it was deleted with its
   *   conversation, also if there is a new one with the id; `cancelled` if it was withdrawn
   */
  startQueued(start: QueuedStart): Promise<StartedTurn>

  /**
   * Takes one of several inputs out of a queued turn. Returns those that stay; `undefined` if there is
   * no such queued turn, or no other input in it.
   */
  withdrawInput(input: QueuedInput): Promise<readonly Message[] | undefined>

  /** Ends a queued turn as cancelled. Returns `undefined` if it is not queued. */
  endQueued(end: QueuedEnd): Promise<WithdrawnTurn | undefined>
}
