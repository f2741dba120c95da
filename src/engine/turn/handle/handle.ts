/**
 * The host's handle of a live turn. It hides the live turn, has no state of its own, and knows
 * neither the store nor the machines.
 */
import type { Observable } from 'rxjs'
import type { ConversationEvent } from '../../../protocol/event.ts'
import type { Message } from '../../../protocol/message.ts'
import type { Snapshot } from '../../../protocol/snapshot.ts'
import type { Receipt, TerminalStatus, TurnPhase } from '../../../protocol/turn.ts'
import type { Reply, Turn } from '../../api/turn.ts'
import type { LiveTurn } from '../live-turn/live-turn.ts'

/** What became of a send. */
export type Sent = Pick<Turn, 'placed' | 'isRepeat'>

export class TurnHandle implements Turn {
  readonly id: string
  readonly conversationId: string
  readonly replyId: string
  readonly userMessage: Message
  readonly placed: Turn['placed']
  readonly isRepeat: boolean
  readonly reply: Promise<Reply>
  readonly started: Promise<void>
  readonly #live: LiveTurn
  readonly #cancel: () => Promise<Receipt>

  /**
   * @param sent - what became of the caller's send
   * @param ownEnd - rejects when the caller's input leaves a queued turn in which others stay
   */
  constructor(
    live: LiveTurn,
    userMessage: Message,
    { placed, isRepeat }: Sent,
    cancel: () => Promise<Receipt>,
    ownEnd?: Promise<never>,
  ) {
    this.id = live.turnId
    this.conversationId = live.conversationId
    this.replyId = live.replyId
    this.userMessage = userMessage
    this.placed = placed
    this.isRepeat = isRepeat
    this.reply = unless(ownEnd, live.reply.promise)
    this.started = unless(ownEnd, live.started.promise)
    this.#live = live
    this.#cancel = cancel
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

/** An unhandled rejection would end the host's process. Callers that await still get the error. */
function unless<T>(end: Promise<never> | undefined, promise: Promise<T>): Promise<T> {
  if (end === undefined) return promise
  const first = Promise.race([end, promise])
  first.catch(() => {})
  return first
}
