/** The stored conversations: the list of them, and a conversation as text. */
import type { ConversationRecord, Engine, Message } from 'colloquy'
import type { Session } from './session.ts'
import type { Terminal } from './terminal.ts'
import { conversationLine, entriesOf, lastScreenful, nameOf, type Entry } from './transcript.ts'

/** The rows of the screen that a list or a transcript leaves free. */
const FREE_ROWS = 5
/** The conversations whose messages the arrow keys bring back. */
const REMEMBERED = 20

export class Library {
  readonly #engine: Engine
  readonly #terminal: Terminal
  readonly #session: Session
  /** The list that was shown last: the numbers that a person types refer to it. */
  #listed: readonly ConversationRecord[] = []

  constructor(engine: Engine, terminal: Terminal, session: Session) {
    this.#engine = engine
    this.#terminal = terminal
    this.#session = session
  }

  /** Shows the conversations, on a screen as many as fit on it. */
  async list({ all }: { readonly all: boolean }): Promise<void> {
    this.#listed = await this.#engine.listConversations()
    const count = this.#listed.length
    if (count === 0) return this.#terminal.note('No conversations yet.')
    const room = Math.max((this.#terminal.rows ?? Infinity) - FREE_ROWS, 5)
    const shown = all ? this.#listed : this.#listed.slice(0, room)
    for (const [index, record] of shown.entries()) {
      const mark = record.id === this.#session.conversation?.id ? '*' : ' '
      const line = conversationLine(index + 1, record.updatedAt, await this.#nameOf(record))
      this.#terminal.line(mark + line)
    }
    const rest =
      shown.length < count ? `, ${shown.length} of them shown: /list all has the rest` : ''
    this.#terminal.note(`${count === 1 ? '1 conversation' : `${count} conversations`}${rest}`)
  }

  /** The conversation with a number in the list. @throws an `Error` if there is none */
  async numbered(number: string, command: string): Promise<ConversationRecord> {
    if (this.#listed.length === 0) this.#listed = await this.#engine.listConversations()
    const record = /^\d+$/.test(number) ? this.#listed[Number(number) - 1] : undefined
    if (record === undefined) throw new Error(`${command} takes a number that /list shows.`)
    return record
  }

  /** The numbers that `/open` takes. */
  numbers(): readonly string[] {
    return this.#listed.map((_, index) => String(index + 1))
  }

  /** The conversations in which a call waits for an answer, the longest wait first. */
  async waiting(): Promise<readonly ConversationRecord[]> {
    const calls = await this.#engine.listWaitingCalls()
    const ids = [...new Set(calls.map(({ conversationId }) => conversationId))]
    const records = await Promise.all(ids.map((id) => this.#engine.getConversation(id)))
    return records.filter((record) => record !== undefined)
  }

  /** Says that calls wait, and where. Nothing without such calls. */
  async tellWaiting(): Promise<void> {
    const [first, ...rest] = await this.waiting()
    if (first === undefined) return
    const others = rest.length === 0 ? '' : `, and calls in ${rest.length} more conversations`
    const name = await this.#nameOf(first)
    this.#terminal.note(`A call waits for your answer in "${name}"${others}: /calls asks.`)
  }

  /** Opens a conversation and shows the end of it. */
  async open(record: ConversationRecord, { show }: { readonly show: boolean }): Promise<void> {
    const messages = await this.#engine.listMessages(record.id)
    this.#terminal.note(`Going on with: ${nameOf(record, messages)}`)
    this.#session.open(record)
    if (show) await this.show({ all: false })
    await this.#session.queue.tell(record.id)
  }

  /** Opens the conversation that was used last. */
  async openLast(options: { readonly show: boolean }): Promise<void> {
    const [last] = await this.#engine.listConversations({ limit: 1 })
    if (last === undefined) this.#terminal.note('No conversation to go on with: a new one.')
    else await this.open(last, options)
  }

  /** Shows the open conversation: on a screen the last screenful of it, or all of it. */
  async show({ all }: { readonly all: boolean }): Promise<void> {
    const { conversation } = this.#session
    if (conversation === undefined) return this.#terminal.note('Nothing was said yet.')
    const messages = await this.#engine.listMessages(conversation.id)
    const entries = entriesOf(messages, await this.#engine.listTurns(conversation.id))
    const { rows, columns } = this.#terminal
    const shown =
      all || rows === undefined
        ? entries
        : lastScreenful(entries, { columns, rows: Math.max(rows - FREE_ROWS, 5) })
    const earlier = entries.slice(0, entries.length - shown.length)
    const count = earlier.filter(({ by, continues }) => by !== 'mark' && !continues).length
    if (count > 0) this.#terminal.note(`… ${count} earlier messages: /show has all`)
    for (const entry of shown) this.#print(entry)
  }

  async delete(record: ConversationRecord): Promise<string> {
    const name = await this.#nameOf(record)
    await this.#engine.deleteConversation(record.id)
    if (this.#session.conversation?.id === record.id) this.#session.startAnew()
    // The numbers of the list would name other conversations now.
    this.#listed = []
    return name
  }

  /** What a person said in the newest conversations, oldest first. */
  async said(): Promise<readonly string[]> {
    const records = await this.#engine.listConversations({ limit: REMEMBERED })
    const texts: string[] = []
    for (const record of records.toReversed()) {
      texts.push(...textsOf(await this.#engine.listMessages(record.id)))
    }
    return texts
  }

  #print({ by, text, model }: Entry): void {
    const terminal = this.#terminal
    if (by === 'mark') return terminal.line(text)
    if (by === 'person')
      return terminal.animated ? terminal.said('you> ', text) : terminal.line(`> ${text}`)
    terminal.speaker(model ?? 'reply')
    terminal.answer(text)
    terminal.endLine()
  }

  /** The title comes after the first whole reply. Until then the first message says more. */
  async #nameOf(record: ConversationRecord): Promise<string> {
    return nameOf(record, record.title ? [] : await this.#engine.listMessages(record.id))
  }
}

function textsOf(messages: readonly Message[]): readonly string[] {
  return messages.filter(({ role, text }) => role === 'user' && text !== '').map(({ text }) => text)
}
