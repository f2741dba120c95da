/**
 * A reader: one open stream, and how far it is.
 *
 * A reader that is `live` gets the frames as they are made. One that leaves too much unread is
 * behind: nothing is written to it, and nothing is kept for it but its place. Once it has read all,
 * it gets in one piece what it missed. A reader that has just come is behind in the same sense: it has
 * missed everything. So a reader never slows a turn or another reader.
 */
import type { StreamEnd } from '../../protocol/web.ts'
import { type Missed, missOps } from './cursor.ts'
import type { EventBytes } from './event-bytes.ts'
import type { Frame } from './frame.ts'
import type { Sink, StreamSource } from './sink.ts'
import { eventBytes, GREETING, HEARTBEAT } from './sse.ts'

/** What a reader has missed. */
export interface Gap {
  /** The turn to which `missed` belongs; absent if the whole state is needed. */
  turnId: string | undefined
  missed: Missed
  /** The last turn whose end was missed. */
  endedTurnId: string | undefined
}

/** Tells a reader what it missed. */
export interface CatchUp {
  /** Resolves with a function that writes it, or with `undefined` if the conversation is gone. */
  prepare(gap: Gap): Promise<((reader: Reader, gap: Gap) => void) | undefined>
}

export interface ReaderOptions {
  readonly owner: string
  readonly source: CatchUp
  /** The conversation whose content is read, if one is. */
  readonly conversationId?: string | undefined
  /** The only turn that is told. The stream ends with it. */
  readonly turnId?: string | undefined
  /** Where the reader says that it stopped. */
  readonly gap: Gap
  readonly readerBytes: number
  readonly now: () => number
  /** The present `id:`. */
  readonly id: () => string
  readonly onLeft: (reader: Reader) => void
  /** The state could not be read. The connection was cut. */
  readonly onFailed: (error: unknown) => void
}

export class Reader implements StreamSource {
  readonly owner: string
  readonly openedAt: number
  readonly turnId: string | undefined
  readonly #options: ReaderOptions
  #sink: Sink | undefined
  #state: 'behind' | 'live' | 'over' = 'behind'
  #isPreparing = false
  /** Something besides content happened while the state was read: it has to be read again. */
  #isStale = false
  #gap: Gap
  /** The last event, for a reader that is ended before its answer is open. */
  #ended: EventBytes | undefined
  wroteAt: number
  /** Since when it has been behind, because its client reads too slowly. */
  #behindSince: number | undefined
  /** Since when too much has been unread. A state alone may be that much, without a frame after it. */
  #fullSince: number | undefined

  constructor(options: ReaderOptions) {
    this.#options = options
    this.owner = options.owner
    this.turnId = options.turnId
    this.#gap = options.gap
    this.openedAt = options.now()
    this.wroteAt = this.openedAt
  }

  get isOver(): boolean {
    return this.#state === 'over'
  }

  /** True if the stream ends after a time, so that its owner is asked for again. */
  get rotates(): boolean {
    return this.turnId === undefined
  }

  /** Takes the open answer. The first bytes are written before anything is awaited. */
  open(sink: Sink): void {
    this.#sink = sink
    sink.write(GREETING)
    if (this.#state === 'over') {
      if (this.#ended !== undefined) sink.write(this.#ended)
      return sink.end()
    }
    this.#catchUp()
  }

  deliver(frames: readonly Frame[]): void {
    for (const frame of frames) {
      if (this.#state === 'over') return
      this.#take(frame)
    }
  }

  write(bytes: EventBytes): void {
    if (this.#state === 'over') return
    this.wroteAt = this.#options.now()
    this.#sink?.write(bytes)
  }

  heartbeat(): void {
    if (this.#state === 'live') this.write(HEARTBEAT)
  }

  /** How long the client has read too slowly. Asked for now and then, which is when it looks. */
  stuckMs(now: number): number {
    if (this.#isFull) this.#fullSince ??= now
    else this.#fullSince = undefined
    return now - Math.min(this.#fullSince ?? now, this.#behindSince ?? now)
  }

  /** The client has read all that was written. */
  drained(): void {
    this.#fullSince = undefined
    if (this.#state !== 'behind' || this.#behindSince === undefined) return
    this.#behindSince = undefined
    this.#catchUp()
  }

  /** The client has left. */
  left(): void {
    this.#finish()
  }

  cut(): void {
    const sink = this.#sink
    this.#finish()
    sink?.destroy()
  }

  end(end: StreamEnd): void {
    if (this.#state === 'over') return
    const isStuck = this.#isFull
    this.#ended = eventBytes(this.#options.id(), 'end', end)
    this.write(this.#ended)
    const sink = this.#sink
    this.#finish()
    if (isStuck) sink?.destroy()
    else sink?.end()
  }

  /** True if the client leaves too much unread. */
  get #isFull(): boolean {
    return (this.#sink?.unsent ?? 0) > this.#options.readerBytes
  }

  #take(frame: Frame): void {
    const { conversationId, turnId } = this.#options
    // The list tells of the open conversation too. Its own channel tells more.
    if (frame.isOfList && frame.conversationId === conversationId) return
    if (turnId !== undefined && frame.turnId !== turnId) return
    if (this.#state === 'behind') return this.#miss(frame)
    if (this.#isFull) {
      this.#state = 'behind'
      this.#behindSince = this.#options.now()
      this.#gap = { turnId: frame.turnId, missed: new Map(), endedTurnId: undefined }
      return this.#miss(frame)
    }
    this.write(frame.bytes)
    if (frame.isTerminal && turnId !== undefined) this.end({ reason: 'turn', reconnect: false })
  }

  #miss(frame: Frame): void {
    if (frame.ops === undefined) {
      this.#isStale = true
      if (frame.isTerminal && !frame.isOfList) this.#gap.endedTurnId = frame.turnId
      return
    }
    // What was missed of another turn is of no use now: the state tells all of this one.
    if (this.#gap.turnId !== frame.turnId) this.#gap.turnId = undefined
    else missOps(this.#gap.missed, frame.ops)
  }

  #catchUp(): void {
    if (this.#isPreparing) return
    this.#isPreparing = true
    this.#prepare().then(
      () => (this.#isPreparing = false),
      (error: unknown) => {
        this.#isPreparing = false
        if (this.#state === 'over') return
        this.cut()
        this.#options.onFailed(error)
      },
    )
  }

  async #prepare(): Promise<void> {
    for (;;) {
      this.#isStale = false
      const tell = await this.#options.source.prepare(this.#gap)
      if (this.#state !== 'behind') return
      if (this.#isStale) continue
      if (tell === undefined) return this.end({ reason: 'deleted', reconnect: false })
      this.#state = 'live'
      tell(this, this.#gap)
      const isDone = this.turnId !== undefined && this.#gap.endedTurnId === this.turnId
      this.#gap = { turnId: undefined, missed: new Map(), endedTurnId: undefined }
      if (isDone) return this.end({ reason: 'turn', reconnect: false })
      return
    }
  }

  #finish(): void {
    if (this.#state === 'over') return
    this.#state = 'over'
    this.#options.onLeft(this)
  }
}
