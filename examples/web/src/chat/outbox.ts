/**
 * The text that is on its way to the open conversation. The server has it once its answer is here, or once
 * the stream tells it: a reload keeps the answer away, and another tab never gets it.
 */
import { client } from '../requests.ts'
import type { Drafts, SendingText } from './drafts.ts'
import type { OpenChat } from './open-chat.ts'

export class Outbox {
  readonly #drafts: Drafts
  readonly #accepted: (text: string) => void
  #open: OpenChat | undefined
  #sending: SendingText | undefined

  /** @param accepted - called when the server has a text of the open conversation */
  constructor(drafts: Drafts, accepted: (text: string) => void) {
    this.#drafts = drafts
    this.#accepted = accepted
  }

  open(chat: OpenChat | undefined): void {
    this.#open = chat
    this.#sending = chat && this.#drafts.sending(chat.id)
  }

  /** Rejects if the server refused the text. */
  async send(id: string, text: string): Promise<void> {
    const sending = { text, clientId: crypto.randomUUID() }
    this.#drafts.setSending(id, sending)
    if (this.#open?.id === id) this.#sending = sending
    await client.conversation(id).send(text, { clientId: sending.clientId, sendPolicy: 'queue' })
    this.#arrived(id, sending)
  }

  /** Looks whether the stream told that the text arrived. */
  update(): void {
    const open = this.#open
    if (this.#sending !== undefined && open?.has(this.#sending.clientId) === true) {
      this.#arrived(open.id, this.#sending)
    }
  }

  #arrived(id: string, { text, clientId }: SendingText): void {
    const isShown = this.#open?.id === id && this.#sending?.clientId === clientId
    if (!isShown && this.#drafts.sending(id)?.clientId !== clientId) return
    this.#drafts.setSending(id, undefined)
    const draft = this.#drafts.read(id)
    // What was typed since stays.
    if (draft.startsWith(text)) this.#drafts.write(id, draft.slice(text.length))
    if (!isShown) return
    this.#sending = undefined
    this.#accepted(text)
  }
}
