/**
 * One reply request of a turn, with all its attempts: the first one, and its retries after a failure
 * before any content.
 *
 * Says what a failure means and which attempt could help. The turn machine decides whether and when
 * that attempt is made; every outcome goes back to it as an event. Knows nothing of HTTP.
 */
import { setImmediate as nextTask } from 'node:timers/promises'
import type { TransportFigures } from '../../../machines/transport-actor.ts'
import type { Place } from '../../../persistence/ports/conversation-store.ts'
import type { ReplyEnd } from '../../../protocol/delta.ts'
import { ColloquyError, type ErrorRecord } from '../../../protocol/errors.ts'
import type { Message, Usage } from '../../../protocol/message.ts'
import type { StepRecord } from '../../../protocol/call.ts'
import type { ToolChoice } from '../../../protocol/tool.ts'
import type { AttemptRecord, TurnRecord } from '../../../protocol/turn.ts'
import type { Toolbox } from '../../../tools/toolbox.ts'
import type { ReplyHandle, ReplyRequest } from '../../../transport/reply-request.ts'
import type { TransportReports } from '../../actors/transport-actor.ts'
import { recordFault } from '../../options/logging.ts'
import type { Bound } from '../request/turn-request.ts'
import { type EarlierAttempts, StepAttempts } from './attempts.ts'
import type { StepEnd } from './end.ts'
import { StepExchange } from './exchange.ts'
import { HostPlan } from './plan.ts'
import type { StepPort, SteppedTurn } from './port.ts'
import { StepRequest } from './request.ts'

/** What a step takes over from the one before. */
interface EarlierSteps extends EarlierAttempts {
  readonly number: number
  /** How often running it has paused. */
  readonly pauses?: number
}

/** So often running a provider that pauses is asked to go on. */
const MOST_PAUSES = 5

/** Up to this many messages, reading the history takes no noticeable time. */
const SHORT_HISTORY = 100

export class Step {
  readonly #turn: SteppedTurn
  readonly #port: StepPort
  readonly #attempts: StepAttempts
  readonly #exchange: StepExchange
  readonly #plan: HostPlan
  readonly #request: StepRequest
  /** Counts from 1 in the reply, over all turns that it goes on with. */
  readonly number: number
  readonly #pausesBefore: number
  #cause: unknown
  #startedAt = 0
  #isToldOf = false
  #isEndedByHost = false

  /** @param finished - the end of a step that has finished, and is not asked any more */
  constructor(
    turn: SteppedTurn,
    port: StepPort,
    earlier: EarlierSteps = { number: turn.stepsBefore, attempts: 0, failedAttempts: undefined },
    finished?: StepEnd,
  ) {
    const { number, pauses = 0 } = earlier
    const made = finished && finished.attempts - finished.attemptsBefore
    this.#turn = turn
    this.#port = port
    this.#attempts = new StepAttempts(turn.bound, port, earlier, made)
    this.#exchange = new StepExchange(turn, port, finished?.end)
    this.#plan = new HostPlan(turn, port.options.prepareStep)
    this.#request = new StepRequest(turn, port)
    this.number = number + 1
    this.#pausesBefore = pauses
  }

  /** A step that has finished, of a turn that goes on after a wait. */
  static finished(turn: SteppedTurn, port: StepPort, step: StepEnd): Step {
    const { number, attemptsBefore: attempts, failedAttempts } = step
    return new Step(turn, port, { number: number - 1, attempts, failedAttempts }, step)
  }

  /** The step that follows this one in the same turn. */
  next(): Step {
    const { number } = this
    const { count: attempts, failed: failedAttempts, route } = this.#attempts
    const made = { number, attempts, failedAttempts }
    if (this.end.finishReason !== 'paused') return new Step(this.#turn, this.#port, made)
    // Only the provider that paused can go on.
    const goesOn = { ...made, from: route, pauses: this.#pausesBefore + 1 }
    return new Step(this.#turn, this.#port, goesOn)
  }

  /** The step as it ended. */
  get ended(): StepEnd {
    const { count: attempts, before: attemptsBefore, failed: failedAttempts } = this.#attempts
    return { number: this.number, attempts, attemptsBefore, failedAttempts, end: this.end }
  }

  /** The step as it is stored. */
  record(status: StepRecord['status']): Omit<StepRecord, 'turnId'> {
    const { finishReason, usage } = this.end
    return {
      step: this.number,
      status,
      ...this.asked,
      attempts: this.#attempts.count - this.#attempts.before,
      ...(finishReason !== undefined && { finishReason }),
      ...(usage !== undefined && { usage }),
      startedAt: new Date(this.#startedAt),
      endedAt: new Date(this.#port.options.steadyClock.now()),
    }
  }

  /** The number of the last step of an earlier turn, with which the reply begins. */
  get stepsBefore(): number {
    return this.#turn.stepsBefore
  }

  /** True if no further step is allowed: it is asked without calls. */
  get isLast(): boolean {
    const { tools, stepsBefore } = this.#turn
    return tools.areRun && this.number - stepsBefore >= tools.steps
  }

  /** The tools of the turn that the step is asked with, whatever the mode. */
  get tools(): Toolbox {
    const { tools } = this.#turn.tools
    const names = this.#plan.plan?.tools
    if (names === undefined) return tools
    return new Map([...tools].filter(([name]) => names.includes(name)))
  }

  /** True if the step is asked without calls. */
  get isWithoutCalls(): boolean {
    return this.#toolChoice === 'none'
  }

  get #toolChoice(): ToolChoice | undefined {
    const { stepsBefore, request } = this.#turn
    if (this.isLast) return 'none'
    const isFirst = this.number === stepsBefore + 1
    return this.#plan.plan?.toolChoice ?? (isFirst ? request.options.toolChoice : undefined)
  }

  /** True if a request was made. */
  get hasAsked(): boolean {
    return this.#attempts.count > this.#attempts.before
  }

  /** True if the host's `prepareStep` ended the turn before this step. */
  get isEndedByHost(): boolean {
    return this.#isEndedByHost
  }

  get bound(): Bound {
    return this.#turn.bound
  }

  /** The message that is answered. */
  get input(): Message {
    return this.#turn.input
  }

  /** The place of that message. */
  get place(): Place {
    return this.#turn.place
  }

  /** The number of attempts of the turn so far, at all routes. */
  get attempts(): number {
    return this.#attempts.count
  }

  get failedAttempts(): readonly AttemptRecord[] | undefined {
    return this.#attempts.failed
  }

  /** The facts that the provider reported besides the content. */
  get end(): ReplyEnd {
    return this.#exchange.end
  }

  /** The failure of the newest attempt. */
  get failure(): ErrorRecord | undefined {
    return this.#exchange.failure
  }

  /** The error that the host's own code threw. Only the host sees it: not stored, not published. */
  get cause(): unknown {
    return this.#cause
  }

  /** True if a request that had been sent was aborted. */
  get wasAborted(): boolean {
    return this.#exchange.wasAborted
  }

  /** The current route, as records name it. */
  get asked(): Pick<TurnRecord, 'endpoint' | 'model'> {
    return this.#attempts.asked
  }

  /** The route that is asked now, or next where an attempt is planned. */
  get asking(): Pick<TurnRecord, 'endpoint' | 'model'> {
    return this.#attempts.asking
  }

  /** The current route, as records name it, if it is a fallback. */
  get fallbackAsked(): Pick<TurnRecord, 'endpoint' | 'model'> | undefined {
    // The row may have the route of an earlier step.
    return this.#attempts.isAtFallback || this.number > 1 ? this.asked : undefined
  }

  /** Returns true if the step asks, or plans to ask, an endpoint that `isConcerned` accepts. */
  concerns(isConcerned: (endpoint: string) => boolean): boolean {
    return this.#attempts.concerns(isConcerned)
  }

  /** The figures of an attempt, for inspectors. */
  figures(attempt: number): TransportFigures {
    return { ...this.#exchange.figures, attempt, ...this.asked }
  }

  /** The request as it was sent, to count its tokens. */
  requestAgain(): Promise<ReplyRequest> {
    return this.#request.again(this.#askingNow)
  }

  /** Adds the usage that was estimated for an aborted request. */
  estimated(usage: Usage): void {
    this.#exchange.estimated(usage)
  }

  /** Delivers the deltas that were read from the socket. */
  flush(): void {
    this.#exchange.flush()
  }

  /** Aborts the request under way, if any. Keeps the facts that the provider reported by then. */
  abort(): void {
    this.#exchange.abort()
  }

  /**
   * Hands the request over to a drain, which reads its answer on.
   *
   * @param take - returns true if it takes the request
   */
  handOver(take: (handle: ReplyHandle, known: ReplyEnd) => boolean): boolean {
    return this.#exchange.handOver(take)
  }

  /** Makes one attempt. Never rejects. */
  async start(attempt: number, reports: TransportReports): Promise<void> {
    const { logger, steadyClock } = this.#port.options
    const fail = (error: unknown) => {
      const failure = recordFault(error, logger, 'A turn failed before its request was made.')
      // The turn ended meanwhile, and has its outcome.
      if (this.#turn.replyFeed.isSealed) return
      this.#exchange.fail(failure)
      if (error instanceof ColloquyError) this.#cause = error.cause
      reports.report({ type: 'reply.failed', code: failure.code })
    }
    try {
      this.#exchange.prepare()
      if (this.#startedAt === 0) this.#startedAt = steadyClock.now()
      this.#attempts.begin()
      // Reading a long history blocks the event loop for a while. Callers that await their `send`
      // go first.
      if (this.#turn.place.depth > SHORT_HISTORY) {
        await nextTask()
        if (this.#turn.replyFeed.isSealed) return
      }
      if (this.#needsBeginning && !(await this.#begin(reports))) return
      const request = await this.#request.build(this.#askingNow)
      if (this.#turn.replyFeed.isSealed) return
      if (!this.#port.binder.allows(request.target.endpoint)) {
        return fail(new ColloquyError('airplane-mode', 'Airplane mode was switched on.'))
      }
      this.#attempts.made(attempt)
      this.#exchange.send(request, reports, {
        ofFinish: () => ({
          type: 'reply.finished',
          ...(this.#hasCalls && { hasCalls: true }),
          ...(this.#isPaused && { isPaused: true }),
        }),
        ofFailure: (failure, hasContent) => ({
          type: 'reply.failed',
          code: failure.code,
          retryInMs: hasContent ? undefined : this.#attempts.plan(failure),
        }),
      })
    } catch (error) {
      fail(error)
    }
  }

  get #askingNow(): Parameters<StepRequest['build']>[0] {
    const { number: step, tools } = this
    const { route } = this.#attempts
    return { step, route, plan: this.#plan.plan, tools, toolChoice: this.#toolChoice }
  }

  /** False for the first step of most turns. */
  get #needsBeginning(): boolean {
    return this.number > 1 || this.#plan.isWanted
  }

  /**
   * Asks the host how the step is made, once, and tells subscribers of it. Returns false if the turn is
   * over. A turn without `prepareStep` and without earlier steps goes on at once.
   *
   * @throws `prepare-failed`
   */
  async #begin(reports: TransportReports): Promise<boolean> {
    if (this.#plan.isWanted && this.#plan.plan === undefined) {
      const { model, stop } = await this.#plan.make(this.number, this.asked)
      if (this.#turn.replyFeed.isSealed) return false
      if (model !== undefined) this.#attempts.replaceModel(model)
      if (stop === true) {
        this.#isEndedByHost = true
        this.#exchange.skip()
        reports.report({ type: 'reply.finished' })
        return false
      }
    }
    if (this.number > 1 && !this.#isToldOf) {
      this.#isToldOf = true
      const { replyFeed } = this.#turn
      replyFeed.deltas([{ type: 'step', step: this.number }])
      replyFeed.publish({ type: 'step.started', step: this.number, ...this.asked })
    }
    return true
  }

  /** Records the failed attempt, and tells subscribers that another one follows. */
  backOff(): void {
    const next = this.#attempts.planned
    const { failure } = this
    if (next === undefined || failure === undefined) return
    this.abort()
    this.#attempts.fail(failure, this.end.usage, next)
    this.#exchange.forget()
    const { request, replyFeed } = this.#turn
    const { turnId, conversationId } = request
    const { code } = failure
    const { retryInMs } = next
    const attempt = this.attempts
    const { endpoint } = next.route.target
    this.#port.options.failureLog.warn(
      { turnId, conversationId, attempt, code, ...this.asked, nextEndpoint: endpoint, retryInMs },
      `An attempt failed and is followed by another: ${code}.`,
    )
    replyFeed.publish({ type: 'turn.retrying', attempt, error: failure, retryInMs, endpoint })
  }

  /** True if the reply has calls for the engine. Without tools to run, the host answers all of them. */
  get #hasCalls(): boolean {
    const { tools, replyFeed } = this.#turn
    if (!tools.areRun) return false
    const names = replyFeed
      .stepParts()
      .flatMap((part) => (part.type === 'tool-call' ? [part.toolName] : []))
    return names.some((name) => {
      const tool = tools.tools.get(name)
      return tool === undefined || tool.tool.execute !== undefined
    })
  }

  /** True if the provider stopped amid its own tools, and is asked to go on. */
  get #isPaused(): boolean {
    const { tools, stepsBefore } = this.#turn
    return (
      this.end.finishReason === 'paused' &&
      // Other formats have no way to go on with a reply.
      this.#attempts.route.target.dialect === 'messages' &&
      this.#pausesBefore < MOST_PAUSES &&
      this.number - stepsBefore < tools.steps
    )
  }
}
