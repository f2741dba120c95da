/**
 * Starts, reads, changes and deletes conversations as records.
 *
 * Knows nothing of messages but those that a conversation begins with.
 */
import type { Feed } from '../feed/feed.ts'
import type { NewConversation } from '../persistence/ports/conversation-store.ts'
import type { Store } from '../persistence/ports/store.ts'
import type {
  ConversationListOptions,
  ConversationRecord,
  ConversationUpdate,
  InitialMessage,
} from '../protocol/conversation.ts'
import { ColloquyError, conversationNotFound } from '../protocol/errors.ts'
import type { Actors } from './actors/actors.ts'
import type { ConversationOptions } from './api.ts'
import type { Titles } from './one-shots/titles.ts'
import * as requests from './options/call-schemas.ts'
import { checked } from './options/check.ts'
import { parseInitialMessage } from './options/input.ts'
import type { ResolvedOptions } from './options/resolve-options.ts'
import { cancelTurn } from './turn/cancel.ts'
import type { Drains } from './turn/drains.ts'
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

  async start(options: ConversationOptions): Promise<ConversationRecord> {
    const { store, feed } = this.#parts
    const given = checked(requests.conversationOptions, options, 'startConversation')
    const conversation = await store.createConversation(this.#new(given, 'startConversation'))
    feed.announce(conversation.id, {
      type: 'conversation.changed',
      change: 'created',
      conversation,
    })
    return conversation
  }

  /**
   * The conversation that a send begins if there is none with this id.
   */
  toStartWith(id: string, options: GivenOptions): NewConversation {
    checked(requests.chosenId, id, 'send: conversation id')
    if (options.id !== undefined && options.id !== id) {
      throw new ColloquyError(
        'invalid-option',
        'send: startWith.id is another id than that of the conversation. Leave it out.',
      )
    }
    return this.#new({ ...options, id }, 'send: startWith')
  }

  async list(options: ConversationListOptions): Promise<readonly ConversationRecord[]> {
    return this.#parts.store.listConversations(
      checked(requests.listOptions, options, 'listConversations'),
    )
  }

  async update(id: string, update: ConversationUpdate): Promise<ConversationRecord> {
    const { store, feed, turns, options } = this.#parts
    checked(requests.conversationId, id, 'updateConversation: id')
    const changes = checked(requests.conversationUpdate, update, 'updateConversation')
    const at = new Date(options.clock.now())
    const conversation = await store.updateConversation(id, changes, at)
    if (conversation === undefined) throw conversationNotFound(id)
    const running = turns.runningIn(id)
    if (running?.sendPolicy !== undefined) running.sendPolicy = conversation.sendPolicy ?? null
    feed.announce(id, { type: 'conversation.changed', change: 'updated', conversation })
    return conversation
  }

  async delete(id: string): Promise<void> {
    const { options, store, feed, turns, drains, actors, titles } = this.#parts
    checked(requests.conversationId, id, 'deleteConversation: id')
    for (let live = turns.runningIn(id); live !== undefined; live = turns.runningIn(id)) {
      await cancelTurn(actors, live, { cause: 'deletion' })
    }
    drains.abort(({ conversationId }) => conversationId === id)
    titles.forget(id)
    if (!(await store.deleteConversation(id))) throw conversationNotFound(id)
    turns.queue.forgetConversation(id, conversationNotFound(id))
    actors.sleep(id)
    options.logger.debug({ conversationId: id }, 'A conversation was deleted.')
    feed.announce(id, { type: 'conversation.changed', change: 'deleted' })
  }

  #new(options: GivenOptions, what: string): NewConversation {
    const { newId, clock } = this.#parts.options
    const messages = (options.messages ?? []).map((message) => ({
      ...parseInitialMessage(message as InitialMessage, `${what}: messages`),
      id: newId(),
    }))
    return {
      ...options,
      id: options.id ?? newId(),
      messages,
      importId: newId(),
      at: new Date(clock.now()),
    }
  }
}
