/** A host's hold on a turn. Holds the run, which is private, and nothing else. */
import type { Observable } from 'rxjs'
import type { ConversationEvent } from '../../protocol/event.ts'
import type { Message } from '../../protocol/message.ts'
import type { Snapshot } from '../../protocol/snapshot.ts'
import type { Receipt } from '../../protocol/turn.ts'
import type { Reply, Turn } from '../api.ts'
import type { Run } from './live-turn.ts'

export class TurnHandle implements Turn {
  readonly id: string
  readonly conversationId: string
  readonly userMessage: Message
  readonly #run: Run
  readonly #cancel: () => Promise<Receipt>

  constructor(run: Run, userMessage: Message, cancel: () => Promise<Receipt>) {
    this.id = run.turnId
    this.conversationId = run.conversationId
    this.userMessage = userMessage
    this.#run = run
    this.#cancel = cancel
  }

  get reply(): Promise<Reply> {
    return this.#run.reply.promise
  }

  get events(): Observable<ConversationEvent> {
    return this.#run.lane.events
  }

  snapshots(): AsyncIterable<Snapshot> {
    return this.#run.lane.snapshots()
  }

  cancel(): Promise<Receipt> {
    return this.#cancel()
  }
}
