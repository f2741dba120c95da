/**
 * The stored messages of a conversation, loaded again when they changed in a way that events do not
 * tell.
 *
 * Knows nothing of the reply that is being written.
 */
import type { MessagePage, MessageView } from '../protocol/web.ts'
import { ClientError, lost, type Requests } from './request.ts'

export interface LineEvents {
  readonly onLoaded: () => void
  readonly onFailed: (error: ClientError) => void
}

export class MessageLine {
  readonly #requests: Requests
  readonly #path: string
  readonly #events: LineEvents
  #messages: readonly MessageView[] = []
  #isLoading = false
  /** The messages changed while they were loaded. */
  #isStale = false

  constructor(requests: Requests, path: string, events: LineEvents) {
    this.#requests = requests
    this.#path = path
    this.#events = events
  }

  /** Oldest first. A message that did not change is the same object. */
  get messages(): readonly MessageView[] {
    return this.#messages
  }

  get lastId(): string | undefined {
    return this.#messages.at(-1)?.id
  }

  /**
   * Adds a message, which is the end of the line now, and loads the line if that changed more than its
   * end. The message is there meanwhile: what was shown does not vanish.
   */
  append(message: MessageView): void {
    if (this.#messages.some(({ id }) => id === message.id)) return
    const { parentId } = message
    this.#isStale = true
    if (parentId !== this.lastId) this.load()
    const parent = this.#messages.findLastIndex(({ id }) => id === parentId)
    // Without its parent something is missing before it.
    const end = parent < 0 && parentId !== undefined ? this.#messages.length : parent + 1
    this.#messages = [...this.#messages.slice(0, end), message]
  }

  load(): void {
    this.#isStale = true
    if (!this.#isLoading) void this.#load()
  }

  async #load(): Promise<void> {
    this.#isLoading = true
    try {
      let page: MessagePage
      do {
        this.#isStale = false
        page = await this.#requests.get(this.#path)
      } while (this.#isStale)
      const known = new Map(this.#messages.map((each) => [each.id, each]))
      this.#messages = page.messages.map((each) => {
        const had = known.get(each.id)
        return had !== undefined && JSON.stringify(had) === JSON.stringify(each) ? had : each
      })
      this.#events.onLoaded()
    } catch (error) {
      this.#events.onFailed(error instanceof ClientError ? error : lost(error))
    } finally {
      this.#isLoading = false
    }
  }
}
