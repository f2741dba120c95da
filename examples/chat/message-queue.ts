/**
 * The messages of the open conversation that wait in the engine's queue while a reply streams, or that
 * are held there after a reply that was stopped or failed. Knows nothing of how a reply is shown.
 */
import type { Engine, Turn } from 'colloquy'
import { explain } from './explanation.ts'
import type { Editing } from './lines.ts'
import type { Terminal } from './terminal.ts'

interface QueuedMessage {
  readonly text: string
  readonly turn: Promise<Turn>
}

interface QueueParts {
  readonly terminal: Terminal
  /** Absent where lines are not edited on a screen. */
  readonly editing: Editing | undefined
}

export class MessageQueue {
  readonly #engine: Engine
  readonly #parts: QueueParts
  /** The messages whose replies are still to be shown. Empty while the queue is held. */
  #messages: readonly QueuedMessage[] = []

  constructor(engine: Engine, parts: QueueParts) {
    this.#engine = engine
    this.#parts = parts
  }

  /** True if replies of queued messages come by themselves. */
  get isRunning(): boolean {
    return this.#messages.length > 0
  }

  /** Adds a message that is being sent. If that fails, its text returns to the line. */
  add(text: string, turn: Promise<Turn>): void {
    const message = { text, turn }
    this.#set([...this.#messages, message])
    turn.catch((error) => {
      this.#set(this.#messages.filter((other) => other !== message))
      this.#parts.terminal.problem(`Not queued: ${explain(error)}`)
      this.#giveBack([text])
    })
  }

  /** Takes the first message out, to show its reply. `undefined` if it could not be sent. */
  async next(): Promise<QueuedMessage | undefined> {
    const [first] = this.#messages
    await first?.turn.catch(() => {})
    if (first === undefined || this.#messages[0] !== first) return undefined
    this.#set(this.#messages.slice(1))
    return first
  }

  /**
   * Aborts after `signal`, once all messages that were entered are in the queue. A message that came
   * into the queue after the stop would start at once.
   */
  whenWritten(signal: AbortSignal): AbortSignal {
    const stop = new AbortController()
    const abort = async () => {
      await this.#written()
      stop.abort()
    }
    if (signal.aborted) stop.abort()
    else signal.addEventListener('abort', () => void abort(), { once: true })
    return stop.signal
  }

  /** A reply did not come to its end: the queue is held, unless a message came too late for that. */
  async pause(conversationId: string): Promise<void> {
    if (!this.isRunning) return
    await this.#written()
    if (this.#engine.runningTurn(conversationId) !== undefined) return
    this.#set([])
    await this.tell(conversationId)
  }

  /** Forgets the messages of a conversation that is not open any more. */
  clear(): void {
    this.#set([])
  }

  /** Says how many messages are held, if there are any. */
  async tell(conversationId: string): Promise<void> {
    const { length } = await this.#engine.listQueue(conversationId)
    if (length > 0) this.#parts.terminal.note(held(length))
  }

  /** Shows the queued messages, first to last. */
  async list(conversationId: string | undefined): Promise<void> {
    const { terminal } = this.#parts
    const texts = conversationId === undefined ? [] : await this.#texts(conversationId)
    for (const [index, text] of texts.entries()) {
      terminal.line(`${String(index + 1).padStart(3)}  ${text.replaceAll(/\s+/g, ' ')}`)
    }
    if (texts.length === 0) return terminal.note('No messages are queued.')
    if (!this.isRunning) return terminal.note(held(texts.length))
    terminal.note(
      `${counted(texts.length)} queued. /queue drop takes ${texts.length === 1 ? 'it' : 'them'} back into the line.`,
    )
  }

  /** Sends the held messages, one after another. */
  async run(conversationId: string | undefined): Promise<void> {
    if (this.isRunning) return this.#parts.terminal.note('The queue runs already.')
    const queue = conversationId === undefined ? [] : await this.#engine.listQueue(conversationId)
    if (queue.length === 0) return this.#parts.terminal.note('No messages are queued.')
    const turns = await Promise.all(queue.map(({ turnId }) => this.#engine.attachTurn(turnId)))
    this.#set(
      turns.map((turn, index) => ({
        text: textOf(queue[index]?.messages ?? []),
        turn: Promise.resolve(turn),
      })),
    )
    await this.#engine.resumeQueue(conversationId)
  }

  /** Takes all messages out of the queue. Their texts return to the line. */
  async drop(conversationId: string | undefined): Promise<void> {
    await this.#written()
    const queue = conversationId === undefined ? [] : await this.#engine.listQueue(conversationId)
    if (conversationId === undefined || queue.length === 0) {
      return this.#parts.terminal.note('No messages are queued.')
    }
    this.#set([])
    const texts: string[] = []
    // The last one first: none of them starts because the one before it has gone.
    for (const { turnId } of queue.toReversed()) {
      const { withdrawn = [] } = await this.#engine.cancel(conversationId, { turnId })
      if (withdrawn.length > 0) texts.unshift(textOf(withdrawn))
    }
    this.#giveBack(texts)
    this.#parts.terminal.note(
      `${texts.length === 1 ? '1 message was' : `${texts.length} messages were`} taken out of the queue.`,
    )
  }

  /** Stops the turn of a message. If it had not started, its text returns to the line. */
  async stop(turn: Turn): Promise<void> {
    try {
      const { withdrawn = [] } = await turn.cancel()
      if (withdrawn.length > 0) this.#giveBack([textOf(withdrawn)])
    } catch (error) {
      this.#parts.terminal.problem(explain(error))
    }
  }

  async #texts(conversationId: string): Promise<readonly string[]> {
    await this.#written()
    const queue = await this.#engine.listQueue(conversationId)
    return queue.map(({ messages }) => textOf(messages))
  }

  async #written(): Promise<void> {
    await Promise.allSettled(this.#messages.map(({ turn }) => turn))
  }

  #giveBack(texts: readonly string[]): void {
    const { editing, terminal } = this.#parts
    if (editing !== undefined) editing.giveBack(texts)
    else for (const text of texts) terminal.line(text)
  }

  #set(messages: readonly QueuedMessage[]): void {
    this.#messages = messages
    const { terminal } = this.#parts
    terminal.area.queued = messages.map(({ text }) => text)
    terminal.refresh()
  }
}

function textOf(messages: readonly { readonly text: string }[]): string {
  return messages.map(({ text }) => text).join('\n')
}

function counted(count: number): string {
  return count === 1 ? '1 message is' : `${count} messages are`
}

function held(count: number): string {
  const them = count === 1 ? 'it' : 'them'
  return `${counted(count)} held. /queue run sends ${them}, /queue drop takes ${them} back into the line.`
}
