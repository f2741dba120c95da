/**
 * The reply feed of one turn: adds up its reply, numbers its events, and publishes them.
 *
 * Deltas arrive here straight from the transport, are added to the one accumulated reply of the
 * turn, and go on to subscribers and snapshot readers. The reply feed is sealed once. Later deltas
 * are dropped, so the saved reply is exactly the reply that was shown.
 *
 * Knows nothing of machines, requests and storage.
 */
import { Observable } from 'rxjs'
import type { Clock } from '../protocol/clock.ts'
import type { Delta, UnplacedDelta } from '../protocol/delta.ts'
import {
  type ConversationEvent,
  isTerminal,
  type PhaseReport,
  type TurnHappening,
} from '../protocol/event.ts'
import { type MessageStatus, type Part, textOf } from '../protocol/message.ts'
import type { Snapshot } from '../protocol/snapshot.ts'
import type { CallProgress } from '../protocol/tool.ts'
import type { TerminalStatus, TurnPhase } from '../protocol/turn.ts'
import { GrowingReply } from '../reply/growing-reply.ts'
import type { Want } from './audience.ts'
import type { Owner } from './scope.ts'
import { type PacedReply, SnapshotPacer } from './snapshot-pacer.ts'
import type { Versioned } from './snapshot-reader.ts'
import { EventSubject } from './subjects.ts'

/** The part of the feed that a reply feed needs. */
export interface ReplyFeedPort {
  /** Dates the events of turns. If it throws, the turn fails. */
  readonly clock: Clock
  /** Never throws: for timers, and for subscribers that come late. */
  readonly steadyClock: Clock
  readonly emitIntervalMs: number
  readonly isClosed: boolean
  /** True while events are delivered. Events published meanwhile are queued. */
  readonly isDelivering: boolean
  /** Returns true if somebody wants this of the conversation, besides the subscribers of a turn. */
  wants(what: Want, place: FeedPlace): boolean
  publish(event: ConversationEvent): void
  /** Does work in one step: the events that it publishes are delivered afterwards, in order. */
  atomically(work: () => void): void
}

/** The conversation in which something happens, and whose it is. */
export interface FeedPlace {
  readonly conversationId: string
  readonly ownerId?: string | undefined
}

/** A turn as far as the feed knows it. */
export interface FeedTurn {
  readonly turnId: string
  readonly replyId: string
  readonly conversationId: string
}

export class ReplyFeed implements PacedReply {
  readonly turnId: string
  readonly conversationId: string
  readonly #replyId: string
  /** The owner of the conversation, once it is known. */
  #owner: { readonly id: Owner } | undefined
  readonly #feed: ReplyFeedPort
  readonly #reply = new GrowingReply()
  readonly #pacer: SnapshotPacer
  /** Made for the first subscriber to this turn alone. */
  #subject: EventSubject | undefined
  #seq = 0
  /** The number of the newest event that told of content. */
  #contentSeq = 0
  #version = 0
  #status: Snapshot['status'] = 'streaming'
  #current: Versioned | undefined
  #phase: PhaseReport | undefined
  #endedAs: TerminalStatus | undefined
  #lastEvent: ConversationEvent | undefined
  #calls: readonly CallProgress[] | undefined

  constructor(turn: FeedTurn, feed: ReplyFeedPort) {
    this.turnId = turn.turnId
    this.conversationId = turn.conversationId
    this.#replyId = turn.replyId
    this.#feed = feed
    this.#pacer = new SnapshotPacer(this, feed.steadyClock, feed.emitIntervalMs)
  }

  /** The owner of the conversation as it is now. */
  get ownerId(): Owner {
    return this.#owner?.id
  }

  /** Returns true once the owner is known, even if there is none. */
  get hasOwner(): boolean {
    return this.#owner !== undefined
  }

  /** Sets the owner that the accepting transaction read. A change that is known by now is newer. */
  setOwner(owner: Owner): void {
    this.#owner ??= { id: owner }
  }

  changeOwner(owner: Owner): void {
    this.#owner = { id: owner }
  }

  get isSealed(): boolean {
    return this.#status !== 'streaming'
  }

  /** The length of the reply so far, in UTF-16 units. */
  get characters(): number {
    return this.#reply.characters
  }

  /**
   * Adds the batch of one socket read. Drops it if the reply feed is sealed.
   *
   * The whole batch is added before any of it is delivered. So even a subscriber that arrives, or
   * cancels, during the delivery finds all of it in the reply.
   */
  deltas(batch: readonly UnplacedDelta[]): void {
    if (this.isSealed) return
    this.#feed.atomically(() => this.#take(batch))
  }

  /**
   * Ends the reply. Synchronous; only the first call counts.
   *
   * With an interval, a last snapshot with the final status is always published. With one snapshot
   * for each delta, a last one is published only if the reply has tool calls: their arguments are
   * read at the end, and the rest was shown before.
   */
  seal(status: MessageStatus): void {
    if (this.isSealed) return
    this.#status = status
    this.#current = undefined
    this.#reply.finish()
    this.#pacer.stop()
    if (this.#reply.isEmpty) return
    const hasCalls = this.#reply.parts().some((part) => part.type === 'tool-call')
    if (this.#feed.emitIntervalMs > 0 || hasCalls) this.#version += 1
    this.#pacer.show()
  }

  /**
   * A request of the reply is complete: reads the arguments of its calls. The parts of the reply do
   * not grow any more; a delta `step` begins the next ones.
   */
  endStep(): void {
    if (this.isSealed) return
    this.#reply.finish()
    this.#current = undefined
  }

  /** The calls of the newest step have changed. The next snapshot shows them. */
  showCalls(calls: readonly CallProgress[]): void {
    if (this.isSealed) return
    this.#calls = calls
    this.#current = undefined
    this.#feed.atomically(() => {
      this.#pacer.beginRead()
      this.#version += 1
      this.#pacer.added()
      this.#pacer.endRead()
    })
  }

  /** Shows no snapshot by itself until the reply changes again: the number of the next event is known. */
  hush(): void {
    this.#pacer.stop()
  }

  /**
   * The turn waits for an answer: shows the reply once more. Deltas are dropped until `goOn`.
   *
   * @param calls - as they are now
   */
  rest(calls: readonly CallProgress[]): void {
    this.#pacer.stop()
    this.#status = 'waiting'
    this.#calls = calls
    this.#current = undefined
    this.#version += 1
    this.#pacer.show()
  }

  /** The turn goes on after a wait. */
  goOn(): void {
    this.#status = 'streaming'
    this.#current = undefined
  }

  /** Takes over the reply of a turn that waits, as its rows have it. Tells nobody. */
  restore(
    deltas: readonly UnplacedDelta[],
    calls: readonly CallProgress[],
    seqs: { readonly content: number; readonly terminal: number },
  ): void {
    for (const delta of deltas) {
      if (delta.type === 'step') this.#reply.finish()
      this.#reply.add(delta)
    }
    this.#reply.finish()
    this.#reply.take()
    this.#seq = seqs.terminal
    this.#contentSeq = seqs.content
    this.#version = 1
    this.#status = 'waiting'
    this.#calls = calls
    this.#phase = { phase: 'waiting' }
  }

  /** True if a subscriber to this turn alone, or a reader of its snapshots, has the reply. */
  get isRead(): boolean {
    return this.#subject?.observed === true || this.#pacer.hasReaders
  }

  /** Returns true if the call has a result among the parts. */
  hasResult(toolCallId: string): boolean {
    return this.#reply
      .parts()
      .some((part) => part.type === 'tool-result' && part.toolCallId === toolCallId)
  }

  parts(): readonly Part[] {
    return this.#reply.parts()
  }

  /** The parts of the newest step. */
  stepParts(): readonly Part[] {
    return this.#reply.parts().slice(this.#reply.stepStart)
  }

  /** The index of the first part of the newest step. */
  get stepStart(): number {
    return this.#reply.stepStart
  }

  /**
   * The number of the newest event that told of content, and that of the terminal event if it is the
   * next one.
   */
  get lastSeqs(): { readonly content: number; readonly terminal: number } {
    return { content: this.#contentSeq, terminal: this.#seq + 1 }
  }

  /** Returns the additions since the last call. The first call returns the whole reply. */
  additions(): readonly UnplacedDelta[] {
    return this.#reply.take()
  }

  /**
   * Numbers an event of the turn, and delivers it if there are subscribers.
   *
   * @param clock - dates the event. If it throws, a terminal event keeps its number, which is stored.
   */
  publish(happening: TurnHappening, clock = this.#feed.clock): void {
    const seq = this.#seq + 1
    const isLast = isTerminal(happening)
    if (!isLast) this.#seq = seq
    // The terminal event is made in any case: it is kept for later subscribers.
    if (!isLast && !this.#wants(wantOf(happening))) return
    const { turnId, conversationId, ownerId } = this
    const at = new Date(clock.now())
    this.#seq = seq
    if (isLast && 'turn' in happening) this.#endedAs = happening.turn.status as TerminalStatus
    this.#feed.publish(
      ownerId === undefined
        ? { seq, conversationId, turnId, at, ...happening }
        : { seq, conversationId, ownerId, turnId, at, ...happening },
    )
  }

  /**
   * Tells the phase that the turn has now. Never throws: a turn that ends must not fail by it.
   *
   * Like all events it is numbered even without subscribers, and made only for them.
   */
  enter(report: PhaseReport): void {
    this.#phase = report
    if (!this.#wants('events')) this.#seq += 1
    else this.publish({ type: 'turn.phase', ...report }, this.#feed.steadyClock)
  }

  /** The turn waits in a queue. `turn.queued` tells it; a late subscriber is told the phase. */
  wait(): void {
    this.#phase = { phase: 'queued' }
  }

  /** The turn leaves its queue: until its first request it has no phase to be told. */
  start(): void {
    this.#phase = undefined
  }

  /** What the turn does. Between its accept and its first phase, it is about to make a request. */
  get phase(): TurnPhase | TerminalStatus {
    return this.#endedAs ?? this.#phase?.phase ?? 'requesting'
  }

  /** Delivers an event to the subscribers of this turn alone. */
  deliver(event: ConversationEvent): void {
    const isLast = isTerminal(event)
    // A later subscriber gets this event when it subscribes.
    if (isLast) this.#lastEvent = event
    if (this.#subject?.observed === true) this.#subject.next(event)
    if (isLast) this.#subject?.complete()
  }

  /** Completes the observables of this turn. */
  close(): void {
    this.#subject?.complete()
  }

  /** Ends the snapshot readers, or has them throw the error. */
  end(error?: unknown): void {
    this.#pacer.end(error)
  }

  snapshots(): AsyncIterable<Snapshot> {
    return { [Symbol.asyncIterator]: () => this.#pacer.attach() }
  }

  /** The events of this turn from the moment of subscribing, then completion. */
  get events(): Observable<ConversationEvent> {
    return new Observable((subscriber) => {
      const missed = this.catchUp()
      const last = this.#lastEvent
      if (last === undefined) {
        if (this.#feed.isClosed) return subscriber.complete()
        this.#subject ??= new EventSubject()
        const queuedBefore = this.#feed.isDelivering ? missed : []
        subscriber.add(this.#subject.after(queuedBefore).subscribe(subscriber))
      }
      this.#feed.atomically(() => {
        for (const event of missed) subscriber.next(event)
        if (last === undefined) return
        subscriber.next(last)
        subscriber.complete()
      })
    })
  }

  /**
   * The events that tell a late subscriber what it missed: the present phase and the content, both
   * under the newest number. Of an ended turn the content alone, under its own number.
   *
   * @param withContent - without it, no snapshot is made
   */
  catchUp(withContent = true): readonly ConversationEvent[] {
    const isOver = this.#endedAs !== undefined
    const { turnId, conversationId, ownerId } = this
    const at = new Date(this.#feed.steadyClock.now())
    const seq = isOver ? this.#contentSeq : this.#seq
    const base = { seq, conversationId, ...(ownerId !== undefined && { ownerId }), turnId, at }
    const phase = isOver ? undefined : this.#phase
    const snapshot = withContent ? this.current()?.snapshot : undefined
    return [
      ...(phase === undefined ? [] : [{ ...base, type: 'turn.phase', ...phase } as const]),
      ...(snapshot === undefined ? [] : [{ ...base, type: 'reply.snapshot', snapshot } as const]),
    ]
  }

  get version(): number {
    return this.#version
  }

  get wantsSnapshots(): boolean {
    return this.#wants('snapshots')
  }

  /** The snapshot of the reply as it is; the same object until the reply changes. */
  current(): Versioned | undefined {
    if (this.#current !== undefined) return this.#current
    if (this.#reply.isEmpty) return undefined
    const parts = this.#reply.parts()
    const snapshot = {
      turnId: this.turnId,
      messageId: this.#replyId,
      seq: this.#contentSeq,
      parts,
      text: textOf(parts),
      status: this.#status,
      ...(this.#calls !== undefined && { calls: this.#calls }),
    }
    return (this.#current = { version: this.#version, snapshot })
  }

  publishSnapshot(): void {
    this.#contentSeq = this.#seq + 1
    this.#current = undefined
    const snapshot = this.wantsSnapshots ? this.current()?.snapshot : undefined
    if (snapshot === undefined) this.#seq += 1
    else this.publish({ type: 'reply.snapshot', snapshot })
  }

  atomically(work: () => void): void {
    this.#feed.atomically(work)
  }

  /**
   * Adds a batch and publishes it. Events are numbered even without subscribers, so that
   * subscribing never changes the numbers. If nobody wants deltas, no placed delta is made.
   */
  #take(batch: readonly UnplacedDelta[]): void {
    this.#pacer.beginRead()
    this.#contentSeq = this.#seq + 1
    this.#current = undefined
    // The event is queued now, before the snapshots of its deltas, and delivered once the whole
    // batch has its places. A copy has the right length at once, without spare capacity.
    const deltas = this.#wants('deltas') ? (batch.slice() as Delta[]) : undefined
    if (deltas === undefined) this.#seq += 1
    else this.publish({ type: 'reply.delta', deltas })
    for (let n = 0; n < batch.length; n += 1) {
      const delta = batch[n] as UnplacedDelta
      const isEmpty =
        delta.type === 'step' || (delta.type === 'tool-call' && this.#onlyCloses(delta))
      if (deltas === undefined) this.#reply.add(delta)
      else deltas[n] = this.#reply.place(delta)
      if (isEmpty) continue
      this.#version += 1
      this.#current = undefined
      this.#pacer.added()
    }
    this.#pacer.endRead()
  }

  #wants(what: Want): boolean {
    return this.#subject?.observed === true || this.#feed.wants(what, this)
  }

  /** Returns true if a delta adds nothing to its part. The reply then looks as it did before. */
  #onlyCloses(delta: Extract<UnplacedDelta, { type: 'tool-call' }>): boolean {
    const { closes, inputText, providerData, toolCallId } = delta
    const isEmpty = closes === true && inputText === '' && providerData === undefined
    return isEmpty && this.#reply.hasCall(toolCallId)
  }
}

function wantOf({ type }: TurnHappening): Want {
  if (type === 'reply.delta') return 'deltas'
  return type === 'reply.snapshot' ? 'snapshots' : 'events'
}
