/** The list of conversations of an owner. Knows nothing of connections. */
import type { ConversationPage, ConversationView } from '../protocol/web.ts'
import type { Listeners } from './listeners.ts'
import type { Requests } from './request.ts'

/** A change of the list of conversations, without content. */
export interface ListEvent {
  /** Like `conversation.changed` or `turn.done`; `list` tells all running turns. */
  readonly type: string
  readonly data: unknown
}

/** What a new conversation may come with. */
export interface NewConversation {
  /** At least 16 characters. A repeat with the same id gives the same conversation. */
  readonly id?: string | undefined
  readonly title?: string | undefined
  readonly model?: string | undefined
  /** Refused unless the handler lets browsers choose it. */
  readonly endpoint?: string | undefined
}

/** The conversations of the owner. */
export class ConversationList {
  readonly #requests: Requests
  readonly #listeners: Listeners<ListEvent>

  /** @internal */
  constructor(requests: Requests, listeners: Listeners<ListEvent>) {
    this.#requests = requests
    this.#listeners = listeners
  }

  /** A page, newest activity first. `next` of a page goes into `after`. */
  list(
    options: { readonly limit?: number; readonly after?: string; readonly archived?: boolean } = {},
  ): Promise<ConversationPage> {
    const query = new URLSearchParams()
    for (const [name, value] of Object.entries(options)) query.set(name, String(value))
    return this.#requests.get(`/conversations?${query.toString()}`)
  }

  get(id: string): Promise<ConversationView> {
    return this.#requests.get(pathOf(id))
  }

  create(options: NewConversation = {}): Promise<ConversationView> {
    // With an id of its own, a lost answer may be asked for again.
    return this.#requests.post('/conversations', { id: crypto.randomUUID(), ...options })
  }

  update(
    id: string,
    changes: {
      readonly title?: string | null
      readonly archived?: boolean
      readonly model?: string
      readonly endpoint?: string
    },
  ): Promise<ConversationView> {
    return this.#requests.change('PATCH', pathOf(id), changes)
  }

  delete(id: string): Promise<void> {
    return this.#requests.change('DELETE', pathOf(id))
  }

  /** Tells of changes while it is subscribed. @returns a function that unsubscribes */
  subscribe(listener: (event: ListEvent) => void): () => void {
    return this.#listeners.add(listener)
  }
}

function pathOf(id: string): string {
  return `/conversations/${encodeURIComponent(id)}`
}
