/**
 * Lists, finds and runs queued turns for a host.
 *
 * Knows nothing of how a turn comes into a queue, or of what the machines do.
 */
import type { Viewer } from '../../../persistence/ports/conversation-store.ts'
import type { Store } from '../../../persistence/ports/store.ts'
import {
  ColloquyError,
  conversationNotFound,
  turnRunning,
  turnWaiting,
} from '../../../protocol/errors.ts'
import { quoted } from '../../../protocol/quoted.ts'
import type { QueuedTurn } from '../../../protocol/turn.ts'
import type { Actors } from '../../actors/actors.ts'
import type { ResumeOptions } from '../../api/turn-options.ts'
import * as requests from '../../options/call-schemas.ts'
import { checked } from '../../options/check.ts'
import { type LiveTurn, seen } from '../live-turn/live-turn.ts'
import type { Turns } from '../turns.ts'
import { listQueue } from './queue-list.ts'

interface QueueCallsParts {
  readonly store: Store
  readonly turns: Turns
  readonly actors: Actors
  /** @throws `engine-closed` */
  readonly assertOpen: () => void
}

/** The number of conversations whose queues are read before the first of them runs. */
const QUEUES_AT_ONCE = 100

export class QueueCalls {
  readonly #parts: QueueCallsParts

  constructor(parts: QueueCallsParts) {
    this.#parts = parts
  }

  async list(conversationId: string, viewer?: Viewer): Promise<readonly QueuedTurn[]> {
    return await listQueue(this.#parts.store, conversationId, viewer)
  }

  async count(viewer?: Viewer): Promise<number> {
    return await this.#parts.store.countQueued(viewer)
  }

  async resume(
    conversationId: string | undefined,
    options: ResumeOptions,
    viewer?: Viewer,
  ): Promise<void> {
    checked(requests.optionalId, conversationId, 'resumeQueue: conversation id')
    const { first } = checked(requests.resumeOptions, options, 'resumeQueue')
    const { store } = this.#parts
    if (conversationId !== undefined) {
      if ((await store.getConversation(conversationId, viewer)) === undefined) {
        throw conversationNotFound(conversationId)
      }
      return await this.run(conversationId, { first, viewer })
    }
    if (first !== undefined) {
      throw new ColloquyError(
        'invalid-option',
        'resumeQueue: first needs the id of its conversation. Give both.',
      )
    }
    let after = ''
    for (;;) {
      const ids = await store.listQueuedConversations(after, QUEUES_AT_ONCE, viewer)
      for (const id of ids) await this.run(id, { viewer })
      const last = ids.at(-1)
      if (last === undefined) return
      after = last
    }
  }

  /**
   * Runs the queue of a conversation, if there is one and it is held.
   *
   * @throws with `first`: `turn-not-found`, `turn-running`
   */
  async run(
    conversationId: string,
    {
      first,
      viewer,
    }: { readonly first?: string | undefined; readonly viewer?: Viewer | undefined },
  ): Promise<void> {
    const { turns, actors, store } = this.#parts
    const found = await this.restore(conversationId, viewer)
    const waiting = found.length === 0 ? undefined : await store.waitingTurn(conversationId, viewer)
    // Nothing is awaited from here on: the machine is told of what is queued now.
    const queue = turns.queue.stillQueued(found)
    if (first !== undefined && !queue.includes(first)) {
      throw new ColloquyError(
        'turn-not-found',
        `resumeQueue: first names no queued turn of this conversation: ${quoted(first)}.`,
      )
    }
    if (turns.runningIn(conversationId) !== undefined) {
      if (first !== undefined) throw turnRunning()
      return
    }
    if (queue.length === 0) return
    if (waiting !== undefined) {
      if (first !== undefined) throw turnWaiting(waiting)
      return
    }
    const others = queue.filter((id) => id !== first)
    actors.send(conversationId, {
      type: 'conversation.resume-queue',
      queue: first === undefined ? others : [first, ...others],
    })
  }

  /** Makes the queued turns of a conversation live, and returns their ids. */
  async restore(conversationId: string, viewer?: Viewer): Promise<readonly string[]> {
    const { store, turns, assertOpen } = this.#parts
    const queue = await store.listQueue(conversationId, viewer)
    assertOpen()
    return turns.queue.restore(queue)
  }

  /** The named turn, if it is queued in the conversation. */
  async find(
    conversationId: string,
    turnId: string,
    viewer?: Viewer,
  ): Promise<LiveTurn | undefined> {
    const { store, turns, assertOpen } = this.#parts
    if (turns.find(turnId) === undefined) {
      const stored = await store.getTurn(turnId, viewer)
      assertOpen()
      if (stored?.status === 'queued' && stored.conversationId === conversationId) {
        await this.restore(conversationId, viewer)
      }
    }
    const found = turns.find(turnId)
    const live = viewer === undefined ? found : await seen(found, viewer)
    return live?.conversationId === conversationId && live.isQueued ? live : undefined
  }
}
