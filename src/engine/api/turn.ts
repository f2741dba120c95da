/** The handle of a turn, and its reply. Types only. */
import type { Observable } from 'rxjs'
import type { ConversationEvent } from '../../protocol/event.ts'
import type { Message } from '../../protocol/message.ts'
import type { Snapshot } from '../../protocol/snapshot.ts'
import type { Receipt, TerminalStatus, TurnPhase, TurnRecord } from '../../protocol/turn.ts'

/** A reply that is on disk, and the record of the turn that produced it. */
export interface Reply {
  readonly message: Message
  readonly turn: TurnRecord
}

/**
 * The handle of an accepted turn. Any number of callers may share one. Dropping it does not cancel
 * the turn.
 */
export interface Turn {
  readonly id: string
  readonly conversationId: string
  /**
   * The id of the reply. It is known before any content, stored with the turn, and stays the same
   * whatever happens: a cancel, a save that is retried, a crash.
   */
  readonly replyId: string
  /** The input as it was stored, by this turn or by an earlier one. */
  readonly userMessage: Message
  /**
   * Settles once the turn has ended, its end is on disk, and every event of the turn has been
   * delivered. Rejects with a {@link ColloquyError} that carries the saved `partial`. Its code is
   * `cancelled`, `replaced` by a further send, or that of the turn's failure. A rejection that nobody awaits never crashes the
   * process.
   */
  readonly reply: Promise<Reply>
  /**
   * The events of this turn, then completion. Never errors. A late subscriber gets the present phase
   * and one snapshot of the content that it missed, then the events that follow.
   */
  readonly events: Observable<ConversationEvent>
  /** What the turn does now, or how it ended; see {@link TurnPhase}. */
  readonly phase: TurnPhase | TerminalStatus
  /**
   * What became of the send: its turn started at once, was queued, or its input joined a queued turn. Of
   * an attached turn, what it is now.
   */
  readonly placed: 'started' | 'queued' | 'merged'
  /**
   * True if this send repeated the `idempotencyKey` of an earlier one, and got the turn of that one.
   * Always false of an attached turn.
   */
  readonly isRepeat: boolean
  /**
   * Resolves when the provider is about to be asked; rejects as `reply` does if it never is. A rejection
   * that nobody awaits never crashes the process.
   */
  readonly started: Promise<void>
  /**
   * The reply as it is now, or `undefined` before the first content. Of an ended turn, its last
   * snapshot. The same object is returned until the reply changes.
   */
  current(): Snapshot | undefined
  /**
   * The reply as it grows. There is no snapshot before the first content, and one at once when it
   * comes. Then there is at most one each `emitIntervalMs`, and always the last one. A slow
   * snapshot reader skips to the newest.
   *
   * The loop ends after the last snapshot, or throws the error that `reply` rejects with. Leaving
   * the loop does not cancel the turn. Each call makes a new snapshot reader.
   *
   * @example
   * ```ts
   * for await (const snapshot of turn.snapshots()) show(snapshot.text)
   * ```
   */
  snapshots(): AsyncIterable<Snapshot>
  /** Cancels this turn, as {@link Engine.cancel} does. */
  cancel(): Promise<Receipt>
}
