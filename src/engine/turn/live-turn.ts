/**
 * A run: what a running turn works with in memory.
 *
 * Actors know a turn by its id; text, request, key and the promises of the callers are here.
 * Everything is private to the engine, and gone when the turn has ended.
 */
import type { ReplyFeed } from '../../feed/reply-feed.ts'
import type { CancelAnswer, Outcome } from '../../machines/turn-events.ts'
import type { EndedTurn } from '../../persistence/store.ts'
import type { ConversationRecord } from '../../protocol/conversation.ts'
import type { ReplyEnd } from '../../protocol/delta.ts'
import type { ErrorRecord } from '../../protocol/errors.ts'
import type { Message } from '../../protocol/message.ts'
import type { AttemptRecord, Receipt, TurnRecord } from '../../protocol/turn.ts'
import type { ReplyHandle } from '../../transport/reply-request.ts'
import type { Reply, SendOptions } from '../api.ts'
import type { Binding, Route } from '../endpoints/binding.ts'
import type { Input } from '../options/input.ts'

/** What `send` or `retry` asked for, checked. */
export interface TurnRequest {
  readonly turnId: string
  readonly conversationId: string
  /** Absent: that of the turn before. */
  readonly input?: Input | undefined
  readonly options: SendOptions
}

/** What the turn is bound to, from the moment it is recorded until it ends. */
export interface Bound extends Binding {
  readonly conversation: ConversationRecord
}

/** The attempt that may follow one that failed. */
interface PlannedAttempt {
  /** The place of its endpoint among those that the turn is bound to. */
  readonly route: number
  readonly retryInMs: number
  readonly decidedAt: number
}

interface PendingCancel {
  readonly settle: PromiseWithResolvers<Receipt>
  answer?: CancelAnswer
}

export class LiveTurn {
  readonly request: TurnRequest
  readonly replyFeed: ReplyFeed
  readonly accepted = Promise.withResolvers<Message>()
  readonly reply = Promise.withResolvers<Reply>()
  /** Resolves when nothing more will happen: after the promises above have settled. */
  readonly over = Promise.withResolvers<void>()
  readonly #cancels = new Map<number, PendingCancel>()
  #lastRequest = 0

  bound: Bound | undefined
  /** What the host's `prepare` made of the history, where that may be counted. */
  prepared: readonly Message[] | undefined
  /** Settles when the input is on disk, or will not be. */
  recording: Promise<Message> | undefined
  refusal: unknown
  /** The machine failed; the turn ends without it. */
  isAbandoned = false
  /** Ends the turn if it takes too long. */
  timer: unknown
  /** The hold on the provider's request, from the moment it is made. */
  handle: ReplyHandle | undefined
  /** Requests made, in all and to the endpoint that is asked now. */
  attempts = 0
  attemptsHere = 0
  askedAt = 0
  /** The place of that endpoint: 0 is the one that was wished for, then come its fallbacks. */
  routeIndex = 0
  next: PlannedAttempt | undefined
  failedAttempts: readonly AttemptRecord[] | undefined
  hasContent = false
  /** Whether anything of the reply may be on disk before it is saved. */
  hasCheckpoints = false
  end: ReplyEnd = {}
  /** Why there will be no complete reply. */
  failure: ErrorRecord | undefined
  /** What the host's own code threw, for the host only: it is neither stored nor published. */
  cause: unknown
  outcome: Outcome = 'done'
  upstreamAborted = false
  userMessage: Message | undefined
  /** Chosen once, so that a save that is tried again writes the same row. */
  replyId: string | undefined
  endedAt: Date | undefined
  ended: EndedTurn | undefined
  /** Why the last save failed. */
  saveFailure: ErrorRecord | undefined

  constructor(request: TurnRequest, replyFeed: ReplyFeed) {
    this.request = request
    this.replyFeed = replyFeed
    // Whoever awaits these is told; whoever does not must not find their process ended.
    this.accepted.promise.catch(() => {})
    this.reply.promise.catch(() => {})
  }

  get turnId(): string {
    return this.request.turnId
  }

  get conversationId(): string {
    return this.request.conversationId
  }

  /** Who is asked now, or was asked last. Only once the turn is bound. */
  get route(): Route {
    return this.routeAt(this.routeIndex)
  }

  /** The same for records; `undefined` before the turn is bound. */
  get asked(): Pick<TurnRecord, 'endpoint' | 'model'> | undefined {
    if (this.bound === undefined) return undefined
    const { target, model } = this.route
    return { endpoint: target.endpoint, model }
  }

  /** The same, if it is a fallback. */
  get fallbackAsked(): Pick<TurnRecord, 'endpoint' | 'model'> | undefined {
    return this.routeIndex > 0 ? this.asked : undefined
  }

  routeAt(index: number): Route {
    const bound = this.bound as Bound
    return index === 0 ? bound : (bound.fallbacks[index - 1] as Route)
  }

  /** The place of the next endpoint that may be asked. */
  nextFallback(isAllowed: (endpoint: string) => boolean): number | undefined {
    const { fallbacks } = this.bound as Bound
    for (let index = this.routeIndex; index < fallbacks.length; index += 1) {
      if (isAllowed(this.routeAt(index + 1).target.endpoint)) return index + 1
    }
    return undefined
  }

  /** Whether it asks, or is about to ask, an endpoint of which this is true. */
  concerns(isConcerned: (endpoint: string) => boolean): boolean {
    if (this.bound === undefined) return false
    const { routeIndex, next } = this
    return [routeIndex, next?.route ?? routeIndex].some((index) =>
      isConcerned(this.routeAt(index).target.endpoint),
    )
  }

  /** The planned attempt is made now. */
  startPlannedAttempt(): void {
    if (this.next === undefined) return
    if (this.next.route !== this.routeIndex) this.attemptsHere = 0
    this.routeIndex = this.next.route
    this.next = undefined
  }

  /** Its record as things are: the row is behind, until the end of the turn is written there. */
  liveRecord(turn: TurnRecord): TurnRecord {
    if (turn.status !== 'pending' || this.attempts === 0) return turn
    const { attempts, failedAttempts } = this
    return {
      ...turn,
      ...this.asked,
      status: 'streaming',
      attempts,
      ...(failedAttempts && { failedAttempts }),
    }
  }

  /** Notes that somebody wants a receipt. */
  requestCancel(): { readonly request: number; readonly receipt: Promise<Receipt> } {
    const request = (this.#lastRequest += 1)
    const settle = Promise.withResolvers<Receipt>()
    this.#cancels.set(request, { settle })
    return { request, receipt: settle.promise }
  }

  /** What the machine's transition answered. */
  answerCancel(answer: CancelAnswer): void {
    const pending = this.#cancels.get(answer.request)
    if (pending === undefined) return
    pending.answer = answer
    if (answer.outcome === 'not-running') this.#settleCancel(answer.request, pending)
  }

  /** Ends the request, if one is under way. What the provider reported by then is kept. */
  abortRequest(): void {
    if (this.handle === undefined) return
    this.end = this.handle.endSoFar()
    if (this.handle.abort()) this.upstreamAborted = true
    this.handle = undefined
  }

  /** Hands out the receipts, now that the partial can be read from the store. */
  settleCancels(): void {
    for (const [request, pending] of this.#cancels) this.#settleCancel(request, pending)
  }

  #settleCancel(request: number, { settle, answer }: PendingCancel): void {
    this.#cancels.delete(request)
    // A machine that failed may have answered before; it did not end the turn as it said it would.
    const truth = this.isAbandoned ? undefined : answer
    const { outcome, from } = truth ?? { outcome: 'already-done', from: 'ended' }
    const message = outcome === 'not-running' ? undefined : this.ended?.message
    const usage = message?.usage ?? (outcome === 'not-running' ? undefined : this.end.usage)
    settle.resolve({
      outcome,
      from,
      upstreamAborted: outcome === 'cancelled' && this.upstreamAborted,
      ...(message && { savedMessageId: message.id }),
      partialChars: message?.text.length ?? 0,
      ...(usage && { usage }),
    })
  }
}
