/**
 * Writes turns into queues and takes them out, and tells the conversation machine what came of it.
 *
 * The machine decides what is queued, withdrawn and replaced. Knows nothing of subscribers.
 */
import type { ConversationMachineEvent } from '../../../machines/conversation-events.ts'
import type { PlacedTurn } from '../../../persistence/ports/placement.ts'
import type { TurnStore } from '../../../persistence/ports/turn-store.ts'
import type { LiveTurn } from '../live-turn/live-turn.ts'
import type { LiveTurns } from '../live-turn/live-turns.ts'
import type { TurnRecording } from '../record/recording.ts'
import type { TurnQueue } from './queue.ts'

/** The actor of a conversation. */
interface Receiver {
  send(event: ConversationMachineEvent): void
  getSnapshot(): { readonly status: string }
}

interface QueueWritesParts {
  readonly store: TurnStore
  readonly recording: TurnRecording
  readonly queue: TurnQueue
  readonly live: LiveTurns
  /** Rejects the send of a turn. */
  readonly refuse: (live: LiveTurn) => void
  readonly tell: (conversationId: string, event: ConversationMachineEvent) => void
  readonly onIdle: (conversationId: string) => void
  readonly isClosing: () => boolean
  /** A turn was queued, perhaps behind one that waits for an answer to its calls. */
  readonly placedBehind: (live: LiveTurn, placed: PlacedTurn) => void
}

export class QueueWrites {
  readonly #parts: QueueWritesParts

  constructor(parts: QueueWritesParts) {
    this.#parts = parts
  }

  /** Writes a turn into the queue of a conversation in which another turn runs. */
  async write(live: LiveTurn, conversation: Receiver): Promise<void> {
    const { recording, queue, refuse } = this.#parts
    live.isQueued = true
    const writing = recording.write(live, true)
    live.recording = writing
    live.isWriting = true
    try {
      const placed = await writing
      if (!('queue' in placed)) throw new Error('A turn started beside another one.')
      live.isWriting = false
      queue.placed(live, placed)
      this.#tellPlaced(live, conversation, live.isWithdrawn ? 'joined' : placed.place)
      if (!live.isWithdrawn) this.#parts.placedBehind(live, placed)
    } catch (error) {
      live.isWriting = false
      live.isQueued = false
      live.refusal = error
      refuse(live)
      this.#parts.live.remove(live)
      live.cancels.settle()
      live.over.resolve()
      this.#tellPlaced(live, conversation, 'joined')
    }
  }

  /** Tells the conversation that a write into its queue is over: with `joined`, no turn came into it. */
  #tellPlaced(
    { turnId, conversationId }: LiveTurn,
    conversation: Receiver,
    place: PlacedTurn['place'],
  ): void {
    const { live, onIdle, isClosing } = this.#parts
    // Its actor may have failed.
    if (isClosing() || conversation.getSnapshot().status !== 'active') return
    if (place === 'joined') conversation.send({ type: 'conversation.not-queued', turnId })
    else if (place !== 'replacing')
      conversation.send({ type: 'conversation.queued', turnId, place })
    else {
      const cancel = live.runningIn(conversationId)?.cancels.request('replacement')
      cancel?.receipt.catch(() => {})
      const request = cancel?.request
      conversation.send({ type: 'conversation.replaced', turnId, request })
    }
    // It may have been told to sleep meanwhile.
    if (live.runningIn(conversationId) === undefined) onIdle(conversationId)
  }

  /** Tells the conversation that a turn is queued still. */
  putBack({ conversationId, turnId }: LiveTurn, index: number): void {
    const { tell, isClosing } = this.#parts
    // The machine is still in the transition to its rest.
    queueMicrotask(() => {
      if (isClosing()) return
      tell(conversationId, { type: 'conversation.put-back', turnId, index })
    })
  }

  /** Ends a queued turn before its start. */
  withdraw(live: LiveTurn, index: number): void {
    const { store, queue } = this.#parts
    if (live.isWithdrawn) return
    live.isWithdrawn = true
    store.withdrawTurn(live.turnId)
    void queue.withdraw(live, () => this.putBack(live, index))
  }

  /**
   * Ends queued turns before their start, because another one replaces them: newest first, so that none
   * of them could start in between.
   */
  replace(turns: readonly (LiveTurn | undefined)[]): void {
    for (const [index, live] of [...turns.entries()].toReversed()) {
      if (live === undefined) continue
      const { request, receipt } = live.cancels.request('replacement')
      receipt.catch(() => {})
      live.cancels.answer({ request, outcome: 'cancelled', from: 'queued' })
      // One that could not be ended comes behind the turn that replaced it.
      this.withdraw(live, index + 1)
    }
  }
}
