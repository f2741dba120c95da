/**
 * The conversations of the list, newest activity first, as the server and its events tell them.
 *
 * A deleted one is hidden at once, and the server is told after five seconds, unless that is undone.
 */
import type { ListEvent } from 'colloquy/client'
import { client, deleteAtLast } from '../requests.ts'
import type { Conversation } from '../views.ts'

/** The time in which a deletion can be undone. */
export const UNDO_MS = 5_000

const PAGE = 50
/** The most that the server gives at once. */
const MOST = 500

interface ListEventData {
  readonly conversationId?: string
  readonly at?: string
  readonly change?: string
  readonly conversation?: Conversation
  readonly running?: readonly { readonly conversationId: string }[]
}

/** What the turn of a conversation does. */
export type Mark = 'running' | 'waiting'

export class Conversations {
  readonly #known = new Map<string, Conversation>()
  readonly #marks = new Map<string, Mark>()
  readonly #deletions = new Map<string, ReturnType<typeof setTimeout>>()
  readonly #changed: () => void
  readonly #failed: (error: unknown) => void
  #next: string | undefined
  #isLoading = false
  #isStale = false
  isLoaded = false

  constructor(changed: () => void, failed: (error: unknown) => void) {
    this.#changed = changed
    this.#failed = failed
    client.conversations.subscribe((event) => this.#take(event))
    addEventListener('pagehide', () => this.#deleteNow())
  }

  /** Newest activity first, without those that are being deleted. */
  get list(): readonly Conversation[] {
    return [...this.#known.values()]
      .filter(({ id, archivedAt }) => !this.#deletions.has(id) && archivedAt === undefined)
      .toSorted((a, b) => (placeOf(a) < placeOf(b) ? 1 : -1))
  }

  get hasOlder(): boolean {
    return this.#next !== undefined
  }

  get(id: string): Conversation | undefined {
    return this.#known.get(id)
  }

  /** `undefined` if no turn runs, and none waits for an answer. */
  markOf(id: string): Mark | undefined {
    return this.#marks.get(id)
  }

  put(conversation: Conversation): void {
    this.#known.set(conversation.id, conversation)
    this.#changed()
  }

  /** Reads the newest page, once more if something changed meanwhile. */
  async load(): Promise<void> {
    this.#isStale = true
    if (this.#isLoading) return
    this.#isLoading = true
    try {
      while (this.#isStale) {
        this.#isStale = false
        // As many as are shown: what was asked for with "Show older" stays.
        const limit = Math.min(Math.max(PAGE, this.#known.size), MOST)
        const page = await client.conversations.list({ limit })
        this.#known.clear()
        this.#marks.clear()
        this.#add(page)
      }
      this.isLoaded = true
    } catch (error) {
      this.#failed(error)
    } finally {
      this.#isLoading = false
      this.#changed()
    }
  }

  async loadOlder(): Promise<void> {
    if (this.#next === undefined) return
    try {
      this.#add(await client.conversations.list({ limit: PAGE, after: this.#next }))
    } catch (error) {
      this.#failed(error)
    }
    this.#changed()
  }

  #add({ conversations, next }: Awaited<ReturnType<typeof client.conversations.list>>): void {
    for (const conversation of conversations) {
      const { id, running } = conversation
      this.#known.set(id, conversation)
      if (running !== undefined) {
        this.#marks.set(id, running.phase === 'waiting' ? 'waiting' : 'running')
      }
    }
    this.#next = next
  }

  #take({ type, data }: ListEvent): void {
    const { conversationId = '', at, change, conversation } = data as ListEventData
    // The first event of a connection: what was missed before it is read.
    if (type === 'list') return void this.load()
    if (type === 'conversation.changed') {
      if (change === 'deleted') this.#known.delete(conversationId)
      else if (conversation !== undefined) this.#known.set(conversation.id, conversation)
    } else if (/^turn\.(accepted|resumed)$/.test(type)) this.#marks.set(conversationId, 'running')
    else if (type === 'turn.waiting') this.#marks.set(conversationId, 'waiting')
    else if (/^turn\.(done|cancelled|failed|interrupted)$/.test(type)) {
      this.#marks.delete(conversationId)
    } else return
    // A page that is on its way may be older than this.
    if (this.#isLoading) this.#isStale = true
    const known = this.#known.get(conversationId)
    if (known !== undefined && at !== undefined && type !== 'conversation.changed') {
      this.#known.set(conversationId, { ...known, updatedAt: at })
    }
    if (known === undefined && type === 'turn.accepted') void this.load()
    this.#changed()
  }

  async rename(id: string, title: string): Promise<void> {
    this.put(await client.conversations.update(id, { title: title === '' ? null : title }))
  }

  delete(id: string): void {
    const timer = setTimeout(() => void this.#send(id), UNDO_MS)
    this.#deletions.set(id, timer)
    this.#changed()
  }

  undoDelete(id: string): void {
    clearTimeout(this.#deletions.get(id))
    this.#deletions.delete(id)
    this.#changed()
  }

  async #send(id: string): Promise<void> {
    try {
      await client.conversations.delete(id)
      this.#known.delete(id)
    } catch (error) {
      this.#failed(error)
    } finally {
      this.#deletions.delete(id)
      this.#changed()
    }
  }

  /** The page is being left, and nobody can undo any more. */
  #deleteNow(): void {
    for (const [id, timer] of this.#deletions) {
      clearTimeout(timer)
      deleteAtLast(id)
    }
    this.#deletions.clear()
  }
}

/** The order of the server, also of two that changed in the same millisecond. */
function placeOf({ updatedAt, id }: Conversation): string {
  return `${updatedAt} ${id}`
}
