/**
 * A live turn: the state of a running turn in memory.
 *
 * Actors know a turn only by its id. Its text, its request, its API key and the promises of its
 * callers are here. They are private to the engine, which forgets them when the turn has ended.
 * Knows neither the states of the machine nor how a request is sent.
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
import type { CancelCause } from './cancel-cause.ts'
import type { LoadingWait } from './loading-wait.ts'

/** The checked arguments of `send` or `retry`. */
export interface TurnRequest {
  readonly turnId: string
  readonly conversationId: string
  /** Absent for a retry, which answers the input of the turn before. */
  readonly input?: Input | undefined
  readonly options: SendOptions
}

/** The binding of a turn with its conversation. Valid from the accept until the turn ends. */
export interface Bound extends Binding {
  readonly conversation: ConversationRecord
}

/** The attempt that follows a failed one, if the machine decides to retry. */
interface PlannedAttempt {
  /** The index of its route, counted like `routeIndex`. */
  readonly route: number
  readonly retryInMs: number
  readonly decidedAt: number
}

interface PendingCancel {
  readonly cause: CancelCause | undefined
  readonly settle: PromiseWithResolvers<Receipt>
  answer?: CancelAnswer
}

export class LiveTurn {
  readonly request: TurnRequest
  readonly replyFeed: ReplyFeed
  readonly accepted = Promise.withResolvers<Message>()
  readonly reply = Promise.withResolvers<Reply>()
  /** Resolves last, after the promises above. A rejected turn never settles `reply`. */
  readonly over = Promise.withResolvers<void>()
  readonly #cancels = new Map<number, PendingCancel>()
  #lastRequest = 0
  /** True once a transition has answered a cancel by cancelling the turn. */
  #isCancelled = false
  /** Why the turn was cancelled: the first cancel that took effect decides. */
  cancelCause: CancelCause | undefined

  bound: Bound | undefined
  /** The result of the host's `prepare`, kept only where usage may be estimated from it. */
  prepared: readonly Message[] | undefined
  /** Resolves when the input is on disk; rejects if it will not be. */
  recording: Promise<Message> | undefined
  refusal: unknown
  /** True if the turn's machine failed: the turn is ended without it. */
  isAbandoned = false
  /** Ends the turn if it takes too long. */
  timer: unknown
  /** The request under way, from the moment it is made until its end. */
  handle: ReplyHandle | undefined
  /** The attempts made, at all routes. */
  attempts = 0
  /** The attempts made at the current route. */
  attemptsHere = 0
  askedAt = 0
  /** The waits for the server of the current route, while it loads its model. */
  loading: LoadingWait | undefined
  /** The index of the current route: 0 is the first endpoint, then come its fallbacks. */
  routeIndex = 0
  next: PlannedAttempt | undefined
  failedAttempts: readonly AttemptRecord[] | undefined
  hasContent = false
  /** True if checkpoints of the reply may be on disk. */
  hasCheckpoints = false
  end: ReplyEnd = {}
  /** The error that keeps the reply from being complete. */
  failure: ErrorRecord | undefined
  /** The error that the host's own code threw. Only the host sees it: not stored, not published. */
  cause: unknown
  outcome: Outcome = 'done'
  upstreamAborted = false
  userMessage: Message | undefined
  /** Made once, so that a retry of the save writes the same row. */
  replyId: string | undefined
  endedAt: Date | undefined
  ended: EndedTurn | undefined
  /** Why the last save failed. */
  saveFailure: ErrorRecord | undefined

  constructor(request: TurnRequest, replyFeed: ReplyFeed) {
    this.request = request
    this.replyFeed = replyFeed
    // An unhandled rejection would end the host's process. Callers that await still get the error.
    this.accepted.promise.catch(() => {})
    this.reply.promise.catch(() => {})
  }

  get turnId(): string {
    return this.request.turnId
  }

  get conversationId(): string {
    return this.request.conversationId
  }

  /** The route asked now, or asked last. Valid only once the turn is bound. */
  get route(): Route {
    return this.routeAt(this.routeIndex)
  }

  /** The current route, as records name it. `undefined` before the turn is bound. */
  get asked(): Pick<TurnRecord, 'endpoint' | 'model'> | undefined {
    if (this.bound === undefined) return undefined
    const { target, model } = this.route
    return { endpoint: target.endpoint, model }
  }

  /** The current route, as records name it, if it is a fallback. */
  get fallbackAsked(): Pick<TurnRecord, 'endpoint' | 'model'> | undefined {
    return this.routeIndex > 0 ? this.asked : undefined
  }

  routeAt(index: number): Route {
    const bound = this.bound as Bound
    return index === 0 ? bound : (bound.fallbacks[index - 1] as Route)
  }

  /** The index of the next fallback that is allowed; `undefined` if there is none. */
  nextFallback(isAllowed: (endpoint: string) => boolean): number | undefined {
    const { fallbacks } = this.bound as Bound
    for (let index = this.routeIndex; index < fallbacks.length; index += 1) {
      if (isAllowed(this.routeAt(index + 1).target.endpoint)) return index + 1
    }
    return undefined
  }

  /** Returns true if the turn asks, or plans to ask, an endpoint that `isConcerned` accepts. */
  concerns(isConcerned: (endpoint: string) => boolean): boolean {
    if (this.bound === undefined) return false
    const { routeIndex, next } = this
    return [routeIndex, next?.route ?? routeIndex].some((index) =>
      isConcerned(this.routeAt(index).target.endpoint),
    )
  }

  /** Makes the planned attempt the current one, if there is one. */
  startPlannedAttempt(): void {
    if (this.next === undefined) return
    if (this.next.route !== this.routeIndex) {
      this.attemptsHere = 0
      this.loading = undefined
    }
    this.routeIndex = this.next.route
    this.next = undefined
  }

  /** The record of the turn as of now. Its row is behind until the end of the turn is written. */
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

  /** Registers a cancel, whose receipt is handed out later. */
  requestCancel(cause?: CancelCause): {
    readonly request: number
    readonly receipt: Promise<Receipt>
  } {
    const request = (this.#lastRequest += 1)
    const settle = Promise.withResolvers<Receipt>()
    this.#cancels.set(request, { cause, settle })
    return { request, receipt: settle.promise }
  }

  /** Notes the answer to a cancel, given by a transition of the machine. */
  answerCancel(answer: CancelAnswer): void {
    const pending = this.#cancels.get(answer.request)
    if (pending === undefined) return
    pending.answer = answer
    if (answer.outcome === 'cancelled' && !this.#isCancelled) {
      this.#isCancelled = true
      this.cancelCause = pending.cause
    }
    if (answer.outcome === 'not-running') this.#settleCancel(answer.request, pending)
  }

  /** Aborts the request under way, if any. Keeps the facts that the provider reported by then. */
  abortRequest(): void {
    if (this.handle === undefined) return
    this.end = this.handle.endSoFar()
    if (this.handle.abort()) this.upstreamAborted = true
    this.handle = undefined
  }

  /** Hands out the receipts, once the partial reply can be read from the store. */
  settleCancels(): void {
    for (const [request, pending] of this.#cancels) this.#settleCancel(request, pending)
  }

  #settleCancel(request: number, { settle, answer }: PendingCancel): void {
    this.#cancels.delete(request)
    // An earlier answer of a failed machine is dropped: the turn did not end as it says.
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
