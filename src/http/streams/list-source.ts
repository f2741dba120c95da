/**
 * The events of all conversations of one owner, without content: what a list of them shows.
 *
 * Knows nothing of sockets.
 */
import type { ConversationEvent, OwnerView } from '../../index.ts'
import { Channel } from './channel.ts'
import type { SourceEnd } from './conversation-source.ts'
import { eventView, endsTurn } from '../views/event-views.ts'
import type { ResolvedOptions } from '../options/resolved-options.ts'
import type { CatchUp, Reader } from './reader.ts'
import { eventBytes } from './sse.ts'

export class ListSource implements CatchUp {
  readonly channel: Channel
  readonly #view: OwnerView
  readonly #options: ResolvedOptions
  readonly #onEnd: (end: SourceEnd) => void
  #subscription: { unsubscribe(): void } | undefined
  #isOver = false

  constructor(view: OwnerView, options: ResolvedOptions, onEnd: (end: SourceEnd) => void) {
    this.#view = view
    this.#options = options
    this.#onEnd = onEnd
    this.channel = new Channel(() => options.clock.now())
  }

  start(): void {
    this.#subscription = this.#view.events({ content: false }).subscribe({
      next: (event) => this.#take(event),
      complete: () => this.#end(),
    })
    if (this.#isOver) this.stop()
  }

  stop(): void {
    this.#isOver = true
    this.#subscription?.unsubscribe()
  }

  /** A list has no place to resume from: its state is small. */
  id(): string {
    return '-'
  }

  prepare(): Promise<(reader: Reader) => void> {
    return Promise.resolve((reader) => {
      const running = this.#view
        .runningTurns()
        .map(({ id: turnId, conversationId, phase }) => ({ conversationId, turnId, phase }))
      reader.write(eventBytes(this.id(), 'list', { running }))
    })
  }

  #take(event: ConversationEvent): void {
    const data = eventView(event, this.#options, false)
    if (data === undefined) return
    const { conversationId, turnId, type } = event
    this.channel.send({
      bytes: eventBytes(this.id(), type, data),
      conversationId,
      turnId,
      isTerminal: endsTurn(event),
      isOfList: true,
    })
  }

  #end(): void {
    if (this.#isOver) return
    this.stop()
    this.channel.finish(() => this.#onEnd('closed'))
  }
}
