/** The open conversation of a person, and the reply that streams in it. */
import { ColloquyError, type ConversationRecord, type Engine, type Turn } from 'colloquy'
import type { Interrupts } from './interrupts.ts'
import { plainLine } from './plain-text.ts'
import { ReplyView } from './reply-view.ts'
import type { Terminal } from './terminal.ts'
import { conversationLine, messageLines, nameOf } from './transcript.ts'

export type Outcome = 'replied' | 'stopped'

export interface SessionOptions {
  readonly terminal: Terminal
  readonly interrupts: Interrupts
  /** True if the engine makes titles. Otherwise the first message is the title. */
  readonly autoTitle: boolean
}

export class Session {
  readonly #engine: Engine
  readonly #terminal: Terminal
  readonly #interrupts: Interrupts
  readonly #autoTitle: boolean
  /** Absent until the first message, so that no empty conversations are stored. */
  #conversation: ConversationRecord | undefined
  /** The list that `/list` showed last: the numbers that a person types refer to it. */
  #listed: readonly ConversationRecord[] = []

  constructor(engine: Engine, { terminal, interrupts, autoTitle }: SessionOptions) {
    this.#engine = engine
    this.#terminal = terminal
    this.#interrupts = interrupts
    this.#autoTitle = autoTitle
  }

  /**
   * Sends a message and shows the reply as it streams.
   *
   * @throws the error that ended the reply
   */
  async ask(text: string): Promise<Outcome> {
    const signal = this.#interrupts.replyBegins()
    const view = new ReplyView(this.#terminal)
    try {
      const turn = await this.#send(text, signal)
      for await (const snapshot of turn.snapshots()) view.show(snapshot)
      view.finished((await turn.reply).message)
      return 'replied'
    } catch (error) {
      view.end()
      if (!(error instanceof ColloquyError && error.code === 'cancelled')) throw error
      this.#terminal.note(error.partial ? 'Stopped. What had arrived is kept.' : 'Stopped.')
      return 'stopped'
    } finally {
      this.#interrupts.replyEnded()
    }
  }

  /** Makes the next message start a new conversation. */
  startAnew(): void {
    this.#conversation = undefined
    this.#terminal.note('A new conversation.')
  }

  async list(): Promise<void> {
    this.#listed = await this.#engine.listConversations()
    if (this.#listed.length === 0) this.#terminal.note('No conversations yet.')
    for (const [index, record] of this.#listed.entries()) {
      // The title comes after the first whole reply. Until then the first message says more.
      const messages = record.title ? [] : await this.#engine.listMessages(record.id)
      const mark = record.id === this.#conversation?.id ? '*' : ' '
      const line = conversationLine(index + 1, record.updatedAt, nameOf(record, messages))
      this.#terminal.line(mark + line)
    }
  }

  /** Opens a conversation by its number in the list, and shows it. */
  async open(number: string): Promise<void> {
    if (this.#listed.length === 0) this.#listed = await this.#engine.listConversations()
    const record = this.#listed[Number(number) - 1]
    if (record === undefined) throw new Error('/open takes a number that /list shows.')
    await this.#resume(record, { show: true })
  }

  /** Opens the conversation that was used last. */
  async openLast(options: { readonly show: boolean }): Promise<void> {
    const [last] = await this.#engine.listConversations({ limit: 1 })
    if (last === undefined) this.#terminal.note('No conversation to go on with: a new one.')
    else await this.#resume(last, options)
  }

  async #resume(record: ConversationRecord, { show }: { readonly show: boolean }): Promise<void> {
    const messages = await this.#engine.listMessages(record.id)
    this.#conversation = record
    this.#terminal.note(`Going on with: ${nameOf(record, messages)}`)
    if (show) for (const line of messages.flatMap(messageLines)) this.#terminal.line(line)
  }

  async #send(text: string, signal: AbortSignal): Promise<Turn> {
    const title = this.#autoTitle ? undefined : plainLine(text, 60)
    const conversation = this.#conversation ?? (await this.#engine.startConversation({ title }))
    const turn = await this.#engine.send(conversation.id, text, { signal }).catch(async (error) => {
      if (this.#conversation === undefined) await this.#engine.deleteConversation(conversation.id)
      throw error
    })
    this.#conversation = conversation
    turn.events.subscribe((event) => {
      if (event.type !== 'turn.save-failed') return
      this.#terminal.note(`Not saved yet, trying again: ${event.error.message}`)
    })
    return turn
  }
}
