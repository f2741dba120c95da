/**
 * The client: conversations, the list of them, and as few connections as possible.
 *
 * The stream of an open conversation tells of the list too, so a page needs one connection. Knows
 * nothing of how a page draws.
 */
import type { ConversationPage, ConversationView } from '../protocol/web.ts'
import { Connection } from './connection.ts'
import { Chat } from './conversation.ts'
import { type ClientOptions, Requests } from './request.ts'

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
  readonly #listeners: Set<(event: ListEvent) => void>
  readonly #changed: () => void

  /** @internal */
  constructor(requests: Requests, listeners: Set<(event: ListEvent) => void>, changed: () => void) {
    this.#requests = requests
    this.#listeners = listeners
    this.#changed = changed
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
    return this.#requests.get(`/conversations/${id}`)
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
    return this.#requests.change('PATCH', `/conversations/${id}`, changes)
  }

  delete(id: string): Promise<void> {
    return this.#requests.change('DELETE', `/conversations/${id}`)
  }

  /** Tells of changes while it is subscribed. @returns a function that unsubscribes */
  subscribe(listener: (event: ListEvent) => void): () => void {
    const own = (event: ListEvent) => listener(event)
    this.#listeners.add(own)
    this.#changed()
    return () => {
      this.#listeners.delete(own)
      this.#changed()
    }
  }
}

/** A client of one handler; see {@link createClient}. */
export class Client {
  /** The conversations of the owner. */
  readonly conversations: ConversationList
  readonly #requests: Requests
  readonly #chats = new Map<string, Chat>()
  readonly #open = new Map<Chat, Connection>()
  readonly #listListeners = new Set<(event: ListEvent) => void>()
  readonly #list: Connection

  /** @internal */
  constructor(options: ClientOptions) {
    this.#requests = new Requests(options)
    this.conversations = new ConversationList(this.#requests, this.#listListeners, () =>
      this.#balance(),
    )
    this.#list = new Connection(this.#requests, {
      path: () => '/events',
      onEvent: (type, data) => this.#tellList(type, data),
      onState: () => undefined,
    })
  }

  /** The conversation with this id: the same object for each call, while somebody subscribes to it. */
  conversation(id: string): Chat {
    const known = this.#chats.get(id)
    if (known !== undefined) return known
    const chat = new Chat(id, this.#requests, () => this.#wantedChanged(chat))
    this.#chats.set(id, chat)
    return chat
  }

  #wantedChanged(chat: Chat): void {
    const open = this.#open.get(chat)
    if (!chat.isWanted) {
      this.#open.delete(chat)
      open?.close()
      this.#chats.delete(chat.id)
    } else if (open === undefined) {
      this.#chats.set(chat.id, chat)
      const connection = this.#connectionOf(chat)
      this.#open.set(chat, connection)
      connection.open()
    }
    this.#balance()
  }

  #connectionOf(chat: Chat): Connection {
    const connection: Connection = new Connection(this.#requests, {
      path: () => {
        const query = new URLSearchParams({ conversation: chat.id })
        if (chat.have !== undefined) query.set('have', chat.have)
        return `/events?${query.toString()}`
      },
      onEvent: (type, data) => {
        chat.take(type, data)
        if ([...this.#open.values()][0] === connection) this.#tellList(type, data)
      },
      onState: (state, error) => chat.connection(state, error, () => connection.restart()),
    })
    return connection
  }

  /** A stream of its own for the list only where no conversation is open. */
  #balance(): void {
    if (this.#listListeners.size > 0 && this.#open.size === 0) this.#list.open()
    else this.#list.close()
  }

  #tellList(type: string, data: unknown): void {
    if (type === 'state' || type === 'reply.delta') return
    for (const listener of this.#listListeners) listener({ type, data })
  }
}

/**
 * Makes a client of a handler, for browsers and for Node.
 *
 * @example
 * ```ts
 * const client = createClient({ baseUrl: 'https://chat.example/api' })
 * ```
 */
export function createClient(options: ClientOptions = {}): Client {
  return new Client(options)
}
