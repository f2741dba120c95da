/**
 * A live turn: the state of a running turn in memory.
 *
 * Actors know a turn only by its id. Its text, its request, its API key and the promises of its
 * callers are here. They are private to the engine, which forgets them when the turn has ended.
 * Knows neither the states of the machine nor how a request is sent.
 */
import type { Viewer } from '../../persistence/ports/conversation-store.ts'
import type { ReplyFeed } from '../../feed/reply-feed.ts'
import type { CancelAnswer, Outcome } from '../../machines/turn-events.ts'
import type { AcceptedTurn, ContinuedTurn, EndedTurn } from '../../persistence/ports/turn-store.ts'
import type { ErrorRecord } from '../../protocol/errors.ts'
import type { Message, Usage } from '../../protocol/message.ts'
import type { Receipt, TurnRecord } from '../../protocol/turn.ts'
import type { Reply } from '../api.ts'
import type { CancelCause } from './cancel-cause.ts'
import type { RunningCalls } from './running-calls.ts'
import type { Step } from './step.ts'
import type { Bound, TurnRequest } from './turn-request.ts'
import type { TurnTools } from './turn-tools.ts'
import { usageSum } from './usage-sum.ts'

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
  /** Resolves when the input is on disk; rejects if it will not be. */
  recording: Promise<Step> | undefined
  refusal: unknown
  /** How the write of the input changed its conversation, if subscribers are to know. */
  changed: AcceptedTurn['changed']
  /** The reply request with its attempts. `undefined` until the input is on disk. */
  step: Step | undefined
  /** True if the turn's machine failed: the turn is ended without it. */
  isAbandoned = false
  /** The tools of the turn. `undefined` until it is bound. */
  tools: TurnTools | undefined
  /** The finished steps of another turn, with which this one begins. */
  continued: ContinuedTurn | undefined
  /** The calls of the newest step that brought any. */
  calls: RunningCalls | undefined
  /** The calls that the end of the turn stopped, and those that it kept from running. */
  stoppedCalls: Receipt['tools']
  /** The usage of the steps before the present one. */
  #earlierUsage: (Usage | undefined)[] = []
  #cuts = 0
  /** Ends the turn if it takes too long. */
  timer: unknown
  /** True if checkpoints of the reply may be on disk. */
  hasCheckpoints = false
  /** Why the turn failed, if its request did not: its time was up, or an actor of it failed. */
  fault: ErrorRecord | undefined
  outcome: Outcome = 'done'
  /** Set once, so that a retry of the save writes the same row. */
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

  get replyId(): string {
    return this.request.replyId
  }

  get conversationId(): string {
    return this.request.conversationId
  }

  /** The current route, as records name it. `undefined` before the turn is bound. */
  get asked(): Pick<TurnRecord, 'endpoint' | 'model'> | undefined {
    if (this.step !== undefined) return this.step.asked
    return this.bound && { endpoint: this.bound.target.endpoint, model: this.bound.model }
  }

  /** The error that keeps the reply from being complete. */
  get failure(): ErrorRecord | undefined {
    return this.fault ?? this.step?.failure
  }

  /** The usage that the provider reported, or that was estimated for it, of all steps. */
  get usage(): Usage | undefined {
    const usage = this.step?.end.usage
    if (this.#earlierUsage.length === 0) return usage
    // A step that made no request used nothing.
    return this.step?.hasAsked === true ? this.usageTotal()(usage) : usageSum(this.#earlierUsage)
  }

  /** Returns a function that adds the usage of the steps before, and keeps nothing else of the turn. */
  usageTotal(): (usage: Usage | undefined) => Usage | undefined {
    const earlier = [...this.#earlierUsage]
    return (usage) => usageSum([...earlier, usage])
  }

  /** The next request follows the calls of the present step. */
  nextStep(): void {
    if (this.step === undefined || this.replyFeed.isSealed) return
    this.#earlierUsage.push(this.step.end.usage)
    this.step = this.step.next()
  }

  /** Counts a reply that was cut amid its calls. Returns true from the second one on. */
  isCutTwice(): boolean {
    this.#cuts += 1
    return this.#cuts > 1
  }

  /** True if the turn has steps to keep: its tools were called, or an earlier turn's were. */
  get hasSteps(): boolean {
    return this.calls !== undefined || this.continued !== undefined
  }

  /** Returns true if the conversation is the viewer's, as far as the turn knows by now. */
  isSeenBy(viewer: Viewer | undefined): boolean {
    if (viewer === undefined) return true
    const { hasOwner, ownerId } = this.replyFeed
    if (!hasOwner) return false
    return ownerId === viewer.ownerId || (viewer.unowned === true && ownerId === undefined)
  }

  /** Returns true if the turn asks, or plans to ask, an endpoint that `isConcerned` accepts. */
  concerns(isConcerned: (endpoint: string) => boolean): boolean {
    if (this.step !== undefined) return this.step.concerns(isConcerned)
    return this.bound !== undefined && isConcerned(this.bound.target.endpoint)
  }

  /** The record of the turn as of now. Its row is behind until the end of the turn is written. */
  liveRecord(turn: TurnRecord): TurnRecord {
    const { step } = this
    if (turn.status !== 'pending' || step === undefined || step.attempts === 0) return turn
    const { asked, attempts, failedAttempts } = step
    return {
      ...turn,
      ...asked,
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

  /** Hands out the receipts, once the partial reply can be read from the store. */
  settleCancels(): void {
    for (const [request, pending] of this.#cancels) this.#settleCancel(request, pending)
  }

  #settleCancel(request: number, { settle, answer }: PendingCancel): void {
    this.#cancels.delete(request)
    // An earlier answer of a failed machine is dropped: the turn did not end as it says.
    const truth = this.isAbandoned ? undefined : answer
    const { outcome, from } = truth ?? ({ outcome: 'already-done', from: 'failed' } as const)
    const message = outcome === 'not-running' ? undefined : this.ended?.message
    const usage = message?.usage ?? (outcome === 'not-running' ? undefined : this.usage)
    settle.resolve({
      outcome,
      from,
      upstreamAborted: outcome === 'cancelled' && this.step?.wasAborted === true,
      ...(message && { savedMessageId: message.id }),
      partialChars: message?.text.length ?? 0,
      ...(usage && { usage }),
      ...(outcome === 'cancelled' && this.stoppedCalls && { tools: this.stoppedCalls }),
    })
  }
}
