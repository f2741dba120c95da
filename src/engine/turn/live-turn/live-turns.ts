/**
 * The live turns of an engine, found by their id and by their conversation: the work for a queue does
 * not grow with the number of other conversations. Knows nothing of what a turn does.
 */
import { Registry } from '../../../registry.ts'
import type { LiveTurn } from './live-turn.ts'

const NONE: readonly LiveTurn[] = []

export class LiveTurns {
  readonly #byId = new Registry<string, LiveTurn>()
  /** Lists that are never changed, only replaced. A conversation without turns has no entry. */
  readonly #byConversation = new Registry<string, readonly LiveTurn[]>()

  get(turnId: string): LiveTurn | undefined {
    return this.#byId.get(turnId)
  }

  has(turnId: string): boolean {
    return this.#byId.has(turnId)
  }

  /** The turns of a conversation, in the order in which they were added. */
  in(conversationId: string): readonly LiveTurn[] {
    return this.#byConversation.get(conversationId) ?? NONE
  }

  add(live: LiveTurn): void {
    this.#byId.set(live.turnId, live)
    this.#byConversation.set(live.conversationId, [...this.in(live.conversationId), live])
  }

  /** Removes a turn, if it is still there. */
  remove(live: LiveTurn): void {
    const { turnId, conversationId } = live
    if (!this.#byId.remove(turnId, live)) return
    const others = this.in(conversationId).filter((other) => other !== live)
    if (others.length === 0) this.#byConversation.delete(conversationId)
    else this.#byConversation.set(conversationId, others)
  }

  /** Returns a copy: turns that come or go later do not change it. */
  values(): readonly LiveTurn[] {
    return this.#byId.values()
  }
}
