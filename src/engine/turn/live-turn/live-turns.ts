/**
 * The live turns of an engine: made, found by their id and by their conversation, and forgotten.
 *
 * The work for a queue does not grow with the number of other conversations. Knows nothing of what a
 * turn does.
 */
import type { Feed } from '../../../feed/feed.ts'
import { ColloquyError } from '../../../protocol/errors.ts'
import { Registry } from '../../../registry.ts'
import type { Reply } from '../../api/turn.ts'
import type { TurnRequest } from '../request/turn-request.ts'
import { LiveTurn } from './live-turn.ts'

const NONE: readonly LiveTurn[] = []

export class LiveTurns {
  readonly #feed: Feed
  readonly #byId = new Registry<string, LiveTurn>()
  /** Lists that are never changed, only replaced. A conversation without turns has no entry. */
  readonly #byConversation = new Registry<string, readonly LiveTurn[]>()
  /** By conversation id. */
  readonly #running = new Registry<string, LiveTurn>()

  constructor(feed: Feed) {
    this.#feed = feed
  }

  get(turnId: string): LiveTurn | undefined {
    return this.#byId.get(turnId)
  }

  /** The turns of a conversation, in the order in which they were added. */
  in(conversationId: string): readonly LiveTurn[] {
    return this.#byConversation.get(conversationId) ?? NONE
  }

  /** Returns a copy: turns that come or go later do not change it. */
  values(): readonly LiveTurn[] {
    return this.#byId.values()
  }

  /**
   * Makes and registers a live turn. The machine does not know it yet.
   *
   * @param reply - of a turn that was live before
   * @throws `invalid-option` if the id is that of a live turn
   */
  create(request: TurnRequest, reply?: PromiseWithResolvers<Reply>): LiveTurn {
    if (this.#byId.has(request.turnId)) throw repeatedId()
    const live = new LiveTurn(request, this.#feed.replyFeed(request), reply)
    this.add(live)
    return live
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

  /** The turn runs from now on, as the only one of its conversation. */
  run(live: LiveTurn): void {
    this.#running.set(live.conversationId, live)
  }

  /** The turn runs no more. */
  stop(live: LiveTurn): void {
    this.#running.remove(live.conversationId, live)
  }

  /** The turn that runs in a conversation, from the moment it records its input. */
  runningIn(conversationId: string): LiveTurn | undefined {
    return this.#running.get(conversationId)
  }

  /** The turns that run, from the moment they record their input, oldest first. */
  get running(): readonly LiveTurn[] {
    return this.#running.values()
  }
}

export function repeatedId(): ColloquyError {
  return new ColloquyError(
    'invalid-option',
    'The newId function of createEngine returned an id twice. Return another id with each call.',
  )
}
