/**
 * The client: conversations, the list of them, and as few connections as possible.
 *
 * The stream of an open conversation tells of the list too, so a page needs one connection. Knows
 * nothing of how a page draws.
 */
import { Connection } from './connection.ts'
import { ConversationList, type ListEvent } from './conversation-list.ts'
import { Chat } from './conversation.ts'
import { Listeners } from './listeners.ts'
import { type ClientOptions, Requests } from './request.ts'

/** A client of one handler; see {@link createClient}. */
export class Client {
  /** The conversations of the owner. */
  readonly conversations: ConversationList
  readonly #requests: Requests
  readonly #chats = new Map<string, Chat>()
  readonly #open = new Map<Chat, Connection>()
  readonly #listListeners = new Listeners<ListEvent>(() => this.#balance())
  readonly #list: Connection

  /** @internal */
  constructor(options: ClientOptions) {
    this.#requests = new Requests(options)
    this.conversations = new ConversationList(this.#requests, this.#listListeners)
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
    return new Chat(id, this.#requests, (chat) => this.#wantedChanged(chat))
  }

  #wantedChanged(chat: Chat): void {
    const open = this.#open.get(chat)
    if (!chat.isWanted) {
      this.#open.delete(chat)
      open?.close()
      if (this.#chats.get(chat.id) === chat) this.#chats.delete(chat.id)
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
        if (this.#teller === connection) this.#tellList(type, data)
      },
      onState: (state, error) => {
        chat.connection(state, error, (why) => connection.restart(why))
        if (state.status === 'closed') this.#balance()
      },
    })
    return connection
  }

  /** The stream of an open conversation, which tells of the list too. A stream that was given up tells nothing. */
  get #teller(): Connection | undefined {
    return [...this.#open.values()].find((each) => !each.isClosed)
  }

  /** A stream of its own for the list only where no other one tells of it. */
  #balance(): void {
    if (!this.#listListeners.isEmpty && this.#teller === undefined) this.#list.open()
    else this.#list.close()
  }

  #tellList(type: string, data: unknown): void {
    if (type === 'state' || type === 'reply.delta') return
    this.#listListeners.tell({ type, data })
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
