/**
 * The host's handle of a live turn. It hides the live turn, has no state of its own, and knows
 * neither the store nor the machines.
 */
import type { Observable } from 'rxjs'
import type { ConversationEvent } from '../../protocol/event.ts'
import type { Message } from '../../protocol/message.ts'
import type { Snapshot } from '../../protocol/snapshot.ts'
import type { Receipt, TerminalStatus, TurnPhase } from '../../protocol/turn.ts'
import type { Reply, Turn } from '../api.ts'
import type { LiveTurn } from './live-turn.ts'

export class TurnHandle implements Turn {
  readonly id: string
  readonly conversationId: string
  readonly replyId: string
  readonly userMessage: Message
  readonly placed: Turn['placed']
  readonly #live: LiveTurn
  readonly #cancel: () => Promise<Receipt>

  /** @param placed - what became of the caller's send */
  constructor(
    live: LiveTurn,
    userMessage: Message,
    placed: Turn['placed'],
    cancel: () => Promise<Receipt>,
  ) {
    this.id = live.turnId
    this.conversationId = live.conversationId
    this.replyId = live.replyId
    this.userMessage = userMessage
    this.placed = placed
    this.#live = live
    this.#cancel = cancel
  }

  get reply(): Promise<Reply> {
    return this.#live.reply.promise
  }

  get started(): Promise<void> {
    return this.#live.started.promise
  }

  get events(): Observable<ConversationEvent> {
    return this.#live.replyFeed.events
  }

  get phase(): TurnPhase | TerminalStatus {
    return this.#live.replyFeed.phase
  }

  current(): Snapshot | undefined {
    return this.#live.replyFeed.current()?.snapshot
  }

  snapshots(): AsyncIterable<Snapshot> {
    return this.#live.replyFeed.snapshots()
  }

  cancel(): Promise<Receipt> {
    return this.#cancel()
  }
}
