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
import type { Receipt, SendPolicy, TurnRecord } from '../../protocol/turn.ts'
import type { PlacedTurn, StoredQueuedTurn } from '../../persistence/ports/placement.ts'
import type { Reply, Turn } from '../api/turn.ts'
import type { CancelCause } from './cancel-cause.ts'
import type { RunningCalls } from './running-calls.ts'
import type { Step } from './step.ts'
import type { Bound, TurnRequest } from './turn-request.ts'
import type { TurnInWait } from './turn-in-wait.ts'
import type { TurnTools } from './turn-tools.ts'
import { usageSum } from './usage-sum.ts'

interface PendingCancel {
  readonly cause: CancelCause | undefined
  readonly runsQueue: boolean
  readonly settle: PromiseWithResolvers<Receipt>
  answer?: CancelAnswer
}

export class LiveTurn {
  readonly request: TurnRequest
  readonly replyFeed: ReplyFeed
  readonly accepted = Promise.withResolvers<Message>()
  readonly reply: PromiseWithResolvers<Reply>
  /** Resolves when the provider is about to be asked. */
  readonly started = Promise.withResolvers<void>()
  /** Resolves last, after the promises above. A rejected turn never settles `reply`. */
  readonly over = Promise.withResolvers<void>()
  /** Resolves when the turn leaves memory, over or not. */
  readonly left = Promise.withResolvers<void>()
  #rested: PromiseWithResolvers<void> | undefined
  readonly #cancels = new Map<number, PendingCancel>()
  #lastRequest = 0
  /** True once a transition has answered a cancel by cancelling the turn. */
  #isCancelled = false
  /** Why the turn was cancelled: the first cancel that took effect decides. */
  cancelCause: CancelCause | undefined

  /** What became of the send of this turn. */
  placed: Turn['placed'] = 'started'
  /** The policy of the conversation, `null` if it has none; `undefined` until the turn is accepted. */
  sendPolicy: SendPolicy | null | undefined
  /** True while the turn waits in a queue, or is being written into it. */
  isQueued = false
  /** True once the turn is to end before its start. */
  isWithdrawn = false
  /** The turn as it was queued; `undefined` if it never was. */
  queued: StoredQueuedTurn | undefined
  /** True while the beginning of the turn is being written. */
  isWriting = false
  /** The queued turn that the input of this send joined: this one is no turn then. */
  mergedInto: LiveTurn | undefined
  /** The inputs that are to leave the queued turn, while others stay. */
  readonly leaving = new Set<string>()
  /** The input of this send in a queued turn. */
  ownInputId: string | undefined
  /** Rejects when the input of this send left its queued turn alone. */
  ownEnd: PromiseWithResolvers<never> | undefined
  /** The write of a send that found turns queued. */
  placing: PlacedTurn | undefined
  /** Why the options of a queued turn cannot be used after a restart. */
  unusable: unknown
  /** The inputs of a turn that ended before its start. */
  withdrawn: readonly Message[] | undefined
  bound: Bound | undefined
  /** Resolves when the input is on disk; rejects if it will not be. */
  recording: Promise<unknown> | undefined
  refusal: unknown
  /** How the write of the input changed its conversation, if subscribers are to know. */
  changed: AcceptedTurn['changed']
  /** The input, once it is on its line. */
  input: Message | undefined
  /** All inputs of the turn, if there are several. */
  inputs: readonly Message[] | undefined
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
  /** The queued turn that takes over at the end of a step. */
  endedBy: string | undefined
  /** Set while the turn waits for an answer to its calls, and while it is let go on. */
  wait: TurnInWait | undefined
  /** True while nothing runs of the turn, which waits. */
  isResting = false
  /** The record of the turn as it was let wait. */
  waitRecord: TurnRecord | undefined
  /** Why the turn failed, if its request did not: its time was up, or an actor of it failed. */
  fault: ErrorRecord | undefined
  outcome: Outcome = 'done'
  /** Set once, so that a retry of the save writes the same row. */
  endedAt: Date | undefined
  ended: EndedTurn | undefined
  /** Why the last save failed. */
  saveFailure: ErrorRecord | undefined

  /** @param reply - of a turn that was live before */
  constructor(
    request: TurnRequest,
    replyFeed: ReplyFeed,
    reply: PromiseWithResolvers<Reply> = Promise.withResolvers(),
  ) {
    this.request = request
    this.replyFeed = replyFeed
    this.reply = reply
    // An unhandled rejection would end the host's process. Callers that await still get the error.
    this.accepted.promise.catch(() => {})
    this.reply.promise.catch(() => {})
    this.started.promise.catch(() => {})
  }

  /** The last input. */
  get userMessage(): Message | undefined {
    return this.input ?? this.queued?.messages.at(-1)
  }

  /** Returns true once the policy of the conversation is known. */
  get hasPolicy(): boolean {
    return this.sendPolicy !== undefined
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

  /** Resolves when the turn waits, or is over. */
  get rested(): Promise<unknown> {
    this.#rested ??= Promise.withResolvers()
    return Promise.race([this.#rested.promise, this.over.promise])
  }

  /** Nothing runs of the turn, which waits. */
  rest(): void {
    this.isResting = true
    this.#rested?.resolve()
    this.#rested = undefined
  }

  /** Takes over the counts of a turn that goes on after a wait. */
  restoreCounts(earlierUsage: readonly (Usage | undefined)[], cuts: number): void {
    this.#earlierUsage = [...earlierUsage]
    this.#cuts = cuts
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

  /** The cancels that no transition has answered, as the machine is told them. */
  get openCancels(): readonly { readonly request: number; readonly runsQueue: boolean }[] {
    return [...this.#cancels].flatMap(([request, { answer, runsQueue }]) =>
      answer === undefined ? [{ request, runsQueue }] : [],
    )
  }

  /**
   * Registers a cancel, whose receipt is handed out later.
   *
   * @param runsQueue - true if the queue goes on afterwards
   */
  requestCancel(
    cause?: CancelCause,
    runsQueue = false,
  ): {
    readonly request: number
    readonly receipt: Promise<Receipt>
  } {
    const request = (this.#lastRequest += 1)
    const settle = Promise.withResolvers<Receipt>()
    // Some cancels are the engine's own, and nobody awaits them.
    settle.promise.catch(() => {})
    this.#cancels.set(request, { cause, runsQueue, settle })
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

  /** Returns true once a cancel has taken effect. */
  get isCancelled(): boolean {
    return this.#isCancelled
  }

  /** A cancel could not be written: the turn goes on as it was. */
  rejectCancels(error: unknown): void {
    this.#isCancelled = false
    for (const { settle } of this.#cancels.values()) settle.reject(error)
    this.#cancels.clear()
  }

  /** Hands out the receipts, once the partial reply can be read from the store. */
  settleCancels(): void {
    for (const [request, pending] of this.#cancels) this.#settleCancel(request, pending)
  }

  #settleCancel(request: number, { settle, answer }: PendingCancel): void {
    this.#cancels.delete(request)
    // An earlier answer of a failed machine is dropped: the turn did not end as it says.
    const truth = this.isAbandoned ? undefined : answer
    const { outcome, from: found } = truth ?? ({ outcome: 'already-done', from: 'failed' } as const)
    // The start of a queued turn was withdrawn.
    const from = this.withdrawn === undefined ? found : 'queued'
    const message = outcome === 'not-running' ? undefined : this.ended?.message
    const usage = message?.usage ?? (outcome === 'not-running' ? undefined : this.usage)
    settle.resolve({
      outcome,
      from,
      upstreamAborted: outcome === 'cancelled' && this.step?.wasAborted === true,
      ...(this.withdrawn && { withdrawn: this.withdrawn }),
      ...(message && { savedMessageId: message.id }),
      partialChars: message?.text.length ?? 0,
      ...(usage && { usage }),
      ...(outcome === 'cancelled' && this.stoppedCalls && { tools: this.stoppedCalls }),
    })
  }
}

/** The live turn if the viewer sees it. Whose it is, is known once its input is on disk. */
export async function seen(
  live: LiveTurn | undefined,
  viewer: Viewer,
): Promise<LiveTurn | undefined> {
  if (live === undefined) return undefined
  if (!live.replyFeed.hasOwner) await live.accepted.promise.catch(() => undefined)
  return live.isSeenBy(viewer) ? live : undefined
}
