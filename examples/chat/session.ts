/** The open conversation of a person, and the reply that streams in it. */
import { ColloquyError } from 'colloquy'
import type { ConversationRecord, Engine, InputPart, Message, Turn } from 'colloquy'
import { Approvals } from './approvals.ts'
import { retryNote } from './explanation.ts'
import type { Interrupts } from './interrupts.ts'
import type { Lines } from './lines.ts'
import { MessageQueue } from './message-queue.ts'
import { plainLine } from './plain-text.ts'
import { ReplyView } from './reply-view.ts'
import type { Selection } from './selection.ts'
import type { Terminal } from './terminal.ts'
import { nameOf } from './transcript.ts'

/** `waiting`: a call of the turn waits for an answer that the person did not give yet. */
export type Outcome = 'replied' | 'stopped' | 'waiting'

export interface SessionOptions {
  readonly terminal: Terminal
  readonly lines: Lines
  readonly interrupts: Interrupts
  readonly selection: Selection
  /** True if the engine makes titles. Otherwise the first message is the title. */
  readonly autoTitle: boolean
  /** The system prompt of new conversations. */
  readonly system: string | undefined
  /** True if the reply is the whole output: then it needs no name before it. */
  readonly isSingle: boolean
}

export class Session {
  /** Absent until the first message, so that no empty conversations are stored. */
  conversation: ConversationRecord | undefined
  /** The messages that wait for the end of the reply. */
  readonly queue: MessageQueue
  readonly #engine: Engine
  readonly #options: SessionOptions
  readonly #approvals: Approvals
  #system: string | undefined
  #isReplying = false

  constructor(engine: Engine, options: SessionOptions) {
    this.#engine = engine
    this.#options = options
    this.#system = options.system
    const { terminal, lines } = options
    this.queue = new MessageQueue(engine, { terminal, editing: lines.editing })
    this.#approvals = new Approvals(engine, { terminal, lines })
  }

  /** True while a reply streams, and further messages are queued behind it. */
  get isReplying(): boolean {
    return this.#isReplying
  }

  /** The system prompt of the open conversation, or of the next one. */
  get system(): string | undefined {
    return this.conversation === undefined ? this.#system : this.conversation.system
  }

  /**
   * Sends a message and shows the reply as it streams. While the queue is held, or a call waits, the text
   * returns to the line: the messages in the queue, or the call, come before it.
   *
   * @throws the error that ended the reply
   */
  async ask(text: string): Promise<Outcome> {
    try {
      return await this.#show((signal) => this.#send(text, signal))
    } catch (error) {
      const isEarly =
        error instanceof ColloquyError &&
        (error.code === 'queue-held' || error.code === 'turn-waiting')
      if (isEarly) this.#options.lines.editing?.giveBack([text])
      throw error
    }
  }

  /** Queues a message behind the reply that streams. Returns false if none does. */
  enqueue(text: string): boolean {
    const { conversation } = this
    if (conversation === undefined || !this.#isReplying) return false
    const options = { ...this.#options.selection.sending, sendPolicy: 'queue' } as const
    this.queue.add(text, this.#engine.send(conversation.id, text, options))
    return true
  }

  /** Shows the reply to the next message of the queue. @throws as `ask` does */
  async follow(): Promise<Outcome | void> {
    const next = await this.queue.next()
    if (next === undefined) return
    this.#options.terminal.said('you> ', next.text)
    return this.#show(async (signal) => this.#stoppedBy(signal, await next.turn))
  }

  /**
   * Asks about the calls that wait in the open conversation, and shows how the reply goes on. Where nobody
   * can be asked they are only shown.
   *
   * @throws as `ask` does
   */
  async answerCalls(): Promise<Outcome | void> {
    const { conversation } = this
    if (conversation === undefined) return
    if (!this.#options.lines.interactive) return this.#approvals.list(conversation.id)
    const turn = await this.#engine.currentTurn(conversation.id)
    if (turn?.phase !== 'waiting') return
    return this.#show(async (signal) => this.#stoppedBy(signal, turn))
  }

  /** A reply did not come to its end: the rest of the queue is held, and that is said. */
  async pause(): Promise<void> {
    if (this.conversation !== undefined) await this.queue.pause(this.conversation.id)
  }

  /** Asks again for a reply to the last message. @throws as `ask` does */
  async retry(): Promise<Outcome> {
    const { conversation } = this
    if (conversation === undefined) throw new Error('There is nothing to ask again yet.')
    return this.#show((signal) => this.#engine.retry(conversation.id, this.#answered(signal)))
  }

  /** Asks for another reply to a message, beside those that there are. @throws as `ask` does */
  regenerate(messageId: string): Promise<Outcome> {
    return this.#show((signal) => this.#engine.regenerate(messageId, this.#answered(signal)))
  }

  /** Sends another version of a question, as a new branch. @throws as `ask` does */
  edit(messageId: string, input: readonly InputPart[]): Promise<Outcome> {
    return this.#show((signal) => this.#engine.edit(messageId, input, this.#answered(signal)))
  }

  /** Makes the next message start a new conversation. */
  startAnew(): void {
    this.conversation = undefined
    this.queue.clear()
  }

  open(record: ConversationRecord): void {
    this.conversation = record
    this.queue.clear()
    this.#options.selection.restore(record)
  }

  /** The messages of the open conversation. */
  async messages(): Promise<readonly Message[]> {
    if (this.conversation === undefined) return []
    return this.#engine.listMessages(this.conversation.id)
  }

  /** The name of the open conversation, with a title that was made meanwhile. */
  async name(): Promise<string> {
    if (this.conversation === undefined) return 'a new conversation'
    const record = await this.#engine.getConversation(this.conversation.id)
    return nameOf(record ?? this.conversation, await this.messages())
  }

  /** Changes the open conversation. What concerns no open one is kept for the next. */
  async change(update: { title?: string; system?: string | null }): Promise<void> {
    if (this.conversation !== undefined) {
      this.conversation = await this.#engine.updateConversation(this.conversation.id, update)
    } else if (update.system !== undefined) {
      this.#system = update.system ?? undefined
    }
  }

  /** Keeps the model that was chosen with the open conversation. */
  async keepModel(): Promise<void> {
    const { selection } = this.#options
    if (this.conversation === undefined || selection.isAirplane) return
    const { id } = this.conversation
    this.conversation = await this.#engine.updateConversation(id, selection.stored)
  }

  #answered(signal: AbortSignal) {
    return { ...this.#options.selection.sending, signal }
  }

  async #show(begin: (signal: AbortSignal) => Promise<Turn>): Promise<Outcome> {
    const { terminal, lines, interrupts, selection, isSingle } = this.#options
    const { model, endpoint } = selection.now
    const signal = this.queue.whenWritten(interrupts.workBegins())
    const view = new ReplyView(terminal, isSingle ? undefined : model)
    try {
      const turn = await begin(signal)
      this.#isReplying = true
      lines.editing?.handOver()
      this.#tellTroubles(turn, endpoint.name)
      for await (const snapshot of turn.snapshots()) {
        view.show(snapshot)
        if (snapshot.status === 'waiting' && !(await this.#askedAbout(turn))) return 'waiting'
      }
      view.finished((await turn.reply).message)
      return 'replied'
    } catch (error) {
      view.end()
      this.#isReplying = false
      if (!(error instanceof ColloquyError && error.code === 'cancelled')) throw error
      terminal.note(error.partial ? 'Stopped. What had arrived is kept.' : 'Stopped.')
      return 'stopped'
    } finally {
      this.#isReplying = false
      interrupts.workEnded()
    }
  }

  /**
   * Asks about the waiting calls of a turn. Ctrl-C then leaves the turn as it is. Queued messages return to the
   * line: sent later, they would be answered where nobody sees it.
   */
  async #askedAbout(turn: Turn): Promise<boolean> {
    const { interrupts } = this.#options
    const { conversationId } = turn
    interrupts.workEnded()
    const isAnswered = await this.#approvals.ask(conversationId)
    if (isAnswered) {
      interrupts.forget()
      this.#stoppedBy(this.queue.whenWritten(interrupts.workBegins()), turn)
    } else if (this.queue.isRunning && !interrupts.leaving.aborted) {
      await this.queue.drop(conversationId)
    }
    return isAnswered
  }

  /** Stops a turn when the signal aborts. */
  #stoppedBy(signal: AbortSignal, turn: Turn): Turn {
    const stop = () => void this.queue.stop(turn)
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
    return turn
  }

  async #send(text: string, signal: AbortSignal): Promise<Turn> {
    const { autoTitle, selection } = this.#options
    const conversation =
      this.conversation ??
      (await this.#engine.startConversation({
        ...selection.stored,
        title: autoTitle ? undefined : plainLine(text, 60) || undefined,
        system: this.#system,
      }))
    const sending = this.#engine.send(conversation.id, text, this.#answered(signal))
    const turn = await sending.catch(async (error) => {
      if (this.conversation === undefined) await this.#engine.deleteConversation(conversation.id)
      throw error
    })
    this.conversation = conversation
    return turn
  }

  /** Tells of what delays a reply. */
  #tellTroubles(turn: Turn, endpoint: string): void {
    const { terminal } = this.#options
    let asked = endpoint
    turn.events.subscribe((event) => {
      if (event.type === 'turn.retrying') {
        terminal.note(retryNote(event, asked))
        asked = event.endpoint
      }
      if (event.type === 'turn.save-failed') {
        terminal.note(`Not saved yet, trying again: ${event.error.message}`)
      }
    })
  }
}
