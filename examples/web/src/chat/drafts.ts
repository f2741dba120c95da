/** The texts that were typed and not sent, one for each conversation. They outlive a reload. */
const PREFIX = 'colloquy-draft:'

export class Drafts {
  /** Used where the browser keeps nothing for this page, as in some private windows. */
  readonly #memory = new Map<string, string>()

  read(conversationId: string | undefined): string {
    const key = PREFIX + (conversationId ?? 'new')
    try {
      return localStorage.getItem(key) ?? this.#memory.get(key) ?? ''
    } catch {
      return this.#memory.get(key) ?? ''
    }
  }

  write(conversationId: string | undefined, text: string): void {
    const key = PREFIX + (conversationId ?? 'new')
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
