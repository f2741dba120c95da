/** The texts that were typed and not sent, one for each conversation. They outlive a reload. */
const DRAFT = 'colloquy-draft:'
const SENDING = 'colloquy-sending:'

/** A text that was sent, under the id that its message gets. */
export interface SendingText {
  readonly text: string
  readonly clientId: string
}

export class Drafts {
  /** Used where the browser keeps nothing for this page, as in some private windows. */
  readonly #memory = new Map<string, string>()

  read(conversationId: string | undefined): string {
    return this.#read(DRAFT + (conversationId ?? 'new'))
  }

  write(conversationId: string | undefined, text: string): void {
    this.#write(DRAFT + (conversationId ?? 'new'), text)
  }

  /** The text that was on its way last, also from another tab. */
  sending(conversationId: string): SendingText | undefined {
    try {
      const text = this.#read(SENDING + conversationId)
      return text === '' ? undefined : (JSON.parse(text) as SendingText)
    } catch {
      // Somebody else wrote it.
      return undefined
    }
  }

  /** The server does not have the text yet; without one, it has it. */
  setSending(conversationId: string, sending: SendingText | undefined): void {
    this.#write(SENDING + conversationId, sending === undefined ? '' : JSON.stringify(sending))
  }

  #read(key: string): string {
    try {
      return localStorage.getItem(key) ?? this.#memory.get(key) ?? ''
    } catch {
      return this.#memory.get(key) ?? ''
    }
  }

  #write(key: string, text: string): void {
    if (text === '') this.#memory.delete(key)
    else this.#memory.set(key, text)
    try {
      if (text === '') localStorage.removeItem(key)
      else localStorage.setItem(key, text)
    } catch {
      // It is kept in memory, and lost by a reload: nothing else can be done.
    }
  }
}
