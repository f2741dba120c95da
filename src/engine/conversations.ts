/**
 * Starts, reads, changes and deletes conversations as records.
 *
 * Knows nothing of messages but those that a conversation begins with.
 */
import type { Feed } from '../feed/feed.ts'
import type { NewConversation, Viewer } from '../persistence/ports/conversation-store.ts'
import type { Store } from '../persistence/ports/store.ts'
import type {
  ConversationListOptions,
  ConversationRecord,
  ConversationUpdate,
  InitialMessage,
} from '../protocol/conversation.ts'
import { ColloquyError, conversationNotFound } from '../protocol/errors.ts'
import type { Actors } from './actors/actors.ts'
import type { ConversationOptions } from './api/conversation-options.ts'
import type { Titles } from './one-shots/titles.ts'
import { conversationList } from './conversation-list.ts'
import * as requests from './options/call-schemas.ts'
import { checked } from './options/check.ts'
import { parseInitialMessage } from './options/input.ts'
import { assertNoOwner, assertUnguessable, ownedBy } from './ownership.ts'
import type { ResolvedOptions } from './options/resolve-options.ts'
import { cancelTurn } from './turn/live-turn/cancel.ts'
import type { Drains } from './turn/record/drains.ts'
import { seen } from './turn/live-turn/live-turn.ts'
import type { Turns } from './turn/turns.ts'

interface ConversationsParts {
  readonly options: ResolvedOptions
  readonly store: Store
  readonly feed: Feed
  readonly turns: Turns
  readonly drains: Drains
  readonly actors: Actors
  readonly titles: Titles
}

/** Options that were checked, except for their messages. */
type GivenOptions = Omit<ConversationOptions, 'messages'> & {
  readonly messages?: readonly unknown[] | undefined
}

export class Conversations {
  readonly #parts: ConversationsParts

  constructor(parts: ConversationsParts) {
    this.#parts = parts
  }

  async start(options: ConversationOptions, viewer?: Viewer): Promise<ConversationRecord> {
    const { store, feed } = this.#parts
    const given = checked(requests.conversationOptions, options, 'startConversation')
    const conversation = await store.createConversation(
      this.#new(given, 'startConversation', viewer),
    )
    feed.announce(conversation.id, {
      type: 'conversation.changed',
      change: 'created',
      conversation,
    })
    return conversation
  }

  /** The conversation that a send begins if there is none with this id. */
  toStartWith(id: string, options: GivenOptions, viewer?: Viewer): NewConversation {
    checked(requests.chosenId, id, 'send: conversation id')
    if (options.id !== undefined && options.id !== id) {
      throw new ColloquyError(
        'invalid-option',
        'send: startWith.id is another id than that of the conversation. Leave it out.',
      )
    }
    return this.#new({ ...options, id }, 'send: startWith', viewer)
  }

  async list(
    options: ConversationListOptions,
    viewer?: Viewer,
  ): Promise<readonly ConversationRecord[]> {
    return this.#parts.store.listConversations(conversationList(options, viewer))
  }

  async update(
    id: string,
    update: ConversationUpdate,
    viewer?: Viewer,
  ): Promise<ConversationRecord> {
    const { store, feed, turns, options } = this.#parts
    checked(requests.conversationId, id, 'updateConversation: id')
    const changes = checked(requests.conversationUpdate, update, 'updateConversation')
    assertNoOwner(viewer, changes, 'updateConversation')
    const at = new Date(options.clock.now())
    const conversation = await store.updateConversation(id, changes, at, viewer)
    if (conversation === undefined) throw conversationNotFound(id)
    if (changes.ownerId !== undefined) turns.changeOwner(id, conversation.ownerId)
    const running = turns.runningIn(id)
    if (running?.sendPolicy !== undefined) running.sendPolicy = conversation.sendPolicy ?? null
    feed.announce(id, { type: 'conversation.changed', change: 'updated', conversation })
    return conversation
  }

  async archive(id: string, archived: boolean, viewer?: Viewer): Promise<ConversationRecord> {
    const { store, feed, options } = this.#parts
    checked(requests.conversationId, id, 'archiveConversation: id')
    checked(requests.isArchived, archived, 'archiveConversation: archived')
    const at = new Date(options.clock.now())
    const result = await store.archiveConversation({ id, archived, at }, viewer)
    if (result === undefined) throw conversationNotFound(id)
    const { conversation, isChanged } = result
    if (isChanged) {
      feed.announce(id, { type: 'conversation.changed', change: 'archived', conversation })
    }
    return conversation
  }

  async delete(id: string, viewer?: Viewer): Promise<void> {
    const { options, store, feed, turns, drains, actors, titles } = this.#parts
    checked(requests.conversationId, id, 'deleteConversation: id')
    // A turn may begin while another one is cancelled.
    const isActive = () => (turns.runningIn(id) ?? turns.waiting.in(id)) !== undefined
    while ((await this.#cancel(id, viewer)) && isActive());
    const forget = () => {
      drains.abort(({ conversationId }) => conversationId === id)
      titles.forget(id)
    }
    // Only the deletion itself tells a view whose conversation it is.
    if (viewer === undefined) forget()
    const deleted = await store.deleteConversation(id, new Date(options.clock.now()), viewer)
    if (deleted === undefined) throw conversationNotFound(id)
    if (viewer !== undefined) forget()
    // A conversation with the same id may have a turn by now, and its actor must not sleep.
    turns.queue.forgetConversation(id, (turnIds) =>
      actors.tell(id, { type: 'conversation.lost', turnIds }),
    )
    actors.sleep(id)
    options.logger.debug({ conversationId: id }, 'A conversation was deleted.')
    feed.announce(id, { type: 'conversation.changed', change: 'deleted' }, deleted.ownerId)
  }

  /**
   * Cancels what runs and what waits in a conversation. Returns false if the viewer does not see it:
   * then nothing is changed.
   */
  async #cancel(id: string, viewer: Viewer | undefined): Promise<boolean> {
    const { store, turns, actors } = this.#parts
    const live = turns.runningIn(id) ?? turns.waiting.in(id)
    if (live !== undefined && viewer !== undefined) {
      if ((await seen(live, viewer)) === undefined) return false
    }
    if (live?.isResting === false) await cancelTurn(actors, live, { cause: 'deletion' })
    const waiting = await store.waitingTurn(id, viewer)
    if (waiting !== undefined) await turns.waiting.cancel(waiting, { cause: 'deletion', viewer })
    return true
  }

  #new(options: GivenOptions, what: string, viewer: Viewer | undefined): NewConversation {
    assertUnguessable(viewer, options.id, `${what}: the id`)
    const { newId, clock } = this.#parts.options
    const messages = (options.messages ?? []).map((message) => ({
      ...parseInitialMessage(message as InitialMessage, `${what}: messages`),
      id: newId(),
    }))
    return {
      ...options,
      ...ownedBy(viewer, options, what),
      id: options.id ?? newId(),
      messages,
      importId: newId(),
      at: new Date(clock.now()),
    }
  }
}
