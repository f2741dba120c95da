/**
 * Drains: answers that are read on after a cancel, until the provider reports their usage.
 *
 * The turn has ended by then: its reply is sealed and its host was told. A drain adds nothing to
 * the reply. It writes the usage to the ended turn, once. Nothing waits for a drain: closing the
 * engine, deleting the conversation and airplane mode abort it. Knows nothing of the turn machine.
 */
import type { TurnStore } from '../../../persistence/ports/turn-store.ts'
import type { Feed } from '../../../feed/feed.ts'
import type { ReplyEnd } from '../../../protocol/delta.ts'
import type { Usage } from '../../../protocol/message.ts'
import type { ReplyHandle } from '../../../transport/reply-request.ts'
import type { ResolvedOptions } from '../../options/resolve-options.ts'
import type { LiveTurn } from '../live-turn/live-turn.ts'

interface Drain {
  readonly conversationId: string
  readonly endpoint: string
  readonly handle: ReplyHandle
}

interface DrainsOptions {
  readonly store: TurnStore
  readonly feed: Feed
  readonly options: ResolvedOptions
}

export class Drains {
  readonly #store: TurnStore
  readonly #feed: Feed
  readonly #options: ResolvedOptions
  readonly #running = new Set<Drain>()
  #isClosed = false

  constructor({ store, feed, options }: DrainsOptions) {
    this.#store = store
    this.#feed = feed
    this.#options = options
  }

  /**
   * Takes over the request of a cancelled turn, if its answer has begun and drains are wanted.
   * Returns true if it did.
   */
  take(live: LiveTurn): boolean {
    const { usageOnCancel } = this.#options
    const { timeoutMs: ms, bytes } = this.#options.drain
    const { step, turnId, conversationId, over } = live
    // A function of the figures alone: the live turn is not kept in memory for this.
    const total = live.usageTotal()
    if (usageOnCancel !== 'drain' || this.#isClosed) return false
    if (step === undefined) return false
    const { endpoint } = step.asked
    return step.handOver((handle, known) => {
      const drain = { conversationId, endpoint, handle }
      const isTaken = handle.drain({ ms, bytes }, (end) => {
        this.#running.delete(drain)
        // Uses ids only: the live turn, with its whole reply, is not kept in memory for this.
        void over.promise.then(() => this.#record(turnId, conversationId, known, end, total))
      })
      if (isTaken) this.#running.add(drain)
      return isTaken
    })
  }

  /** Aborts the drains that match. */
  abort(matches: (drain: Pick<Drain, 'conversationId' | 'endpoint'>) => boolean): void {
    for (const drain of this.#running) {
      if (!matches(drain)) continue
      this.#running.delete(drain)
      drain.handle.abort()
    }
  }

  /** Aborts all drains. After this a cancel aborts its request. */
  close(): void {
    this.#isClosed = true
    this.abort(() => true)
  }

  async #record(
    turnId: string,
    conversationId: string,
    known: ReplyEnd,
    { usage }: ReplyEnd,
    total: (usage: Usage) => Usage | undefined,
  ): Promise<void> {
    if (usage === undefined || usage === known.usage || this.#isClosed) return
    try {
      const costed = await this.#store.recordUsage(turnId, total(usage) ?? usage)
      if (costed === undefined || this.#isClosed) return
      const { ownerId, ...turn } = costed
      this.#feed.announce(conversationId, { type: 'turn.usage', ...turn }, ownerId)
    } catch (error) {
      this.#options.warnings.warn(
        'drain',
        { err: error, turnId },
        'The usage of a turn could not be saved.',
      )
    }
  }
}
