/**
 * One reply request of a turn, with all its attempts: the first one, and its retries after a failure
 * before any content.
 *
 * Says what a failure means and which attempt could help. The turn machine decides whether and when
 * that attempt is made; every outcome goes back to it as an event. Knows nothing of HTTP.
 */
import { setImmediate as nextTask } from 'node:timers/promises'
import type { TransportFigures } from '../../../machines/transport-actor.ts'
import type { ReplyFeed } from '../../../feed/reply-feed.ts'
import type { ConversationStore, Place } from '../../../persistence/ports/conversation-store.ts'
import type { ProviderDelta, ReplyEnd, ReplySink } from '../../../protocol/delta.ts'
import { ColloquyError, type ErrorRecord } from '../../../protocol/errors.ts'
import type { Message, Usage } from '../../../protocol/message.ts'
import type { StepRecord } from '../../../protocol/call.ts'
import type { ToolChoice } from '../../../protocol/tool.ts'
import type { AttemptRecord, TurnRecord } from '../../../protocol/turn.ts'
import type { Toolbox } from '../../../tools/toolbox.ts'
import type { ReplyFigures, ReplyHandle } from '../../../transport/reply-request.ts'
import type { Transport } from '../../../transport/transport.ts'
import type { TransportReports } from '../../actors/transport-actor.ts'
import type { Binder, Route } from '../../endpoints/binding.ts'
import { recordFault } from '../../options/logging.ts'
import type { ResolvedOptions } from '../../options/resolve-options.ts'
import { RouteChain } from '../routes/route-chain.ts'
import type { StepEnd } from './end.ts'
import { type StepInfo, type StepPlan, stepPlan } from './plan.ts'
import { replyRequest } from './reply-request.ts'
import type { Bound, TurnRequest } from '../request/turn-request.ts'
import { offered, type TurnTools } from '../request/turn-tools.ts'

/** The parts of the engine that a step needs. */
export interface StepPort {
  readonly store: ConversationStore
  readonly transport: Transport
  readonly binder: Binder
  readonly options: ResolvedOptions
}

/** The turn whose reply is asked for. */
interface SteppedTurn {
  readonly request: TurnRequest
  readonly replyFeed: ReplyFeed
  readonly bound: Bound
  /** The message that is answered. */
  readonly input: Message
  /** The place of that message. */
  readonly place: Place
  /** Called before each request to a provider. */
  readonly onAsking: () => void
  /** Called before the first content of each step is delivered. */
  readonly onContent: () => void
  /** The tools of the turn. */
  readonly tools: TurnTools
  /** The number of the last step of an earlier turn, with which the reply begins; 0 without one. */
  readonly stepsBefore: number
  /** The usage so far. */
  readonly usage: () => Usage | undefined
}

/** What a step takes over from the one before. */
interface EarlierSteps {
  readonly number: number
  readonly attempts: number
  readonly failedAttempts: readonly AttemptRecord[] | undefined
  /** The route to ask first, where the provider paused. */
  readonly from: Route | undefined
  /** How often running it has paused. */
  readonly pauses: number
}

/** So often running a provider that pauses is asked to go on. */
const MOST_PAUSES = 5

/** Up to this many messages, reading the history takes no noticeable time. */
const SHORT_HISTORY = 100

const NO_FIGURES: ReplyFigures = { bytes: 0, events: 0 }

export class Step {
  readonly #turn: SteppedTurn
  readonly #port: StepPort
  readonly #routes: RouteChain
  /** The request under way, from the moment it is made until its end. */
  #handle: ReplyHandle | undefined
  #phase: TransportFigures['phase'] = 'preparing'
  /** The figures of a request that is over. */
  #figures = NO_FIGURES
  #deltas = 0
  /** The result of the host's `prepare`, kept only where usage may be estimated from it. */
  #prepared: readonly Message[] | undefined
  #attempts = 0
  #askedAt = 0
  #failedAttempts: readonly AttemptRecord[] | undefined
  #end: ReplyEnd = {}
  #failure: ErrorRecord | undefined
  #cause: unknown
  #wasAborted = false
  /** Counts from 1 in the reply, over all turns that it goes on with. */
  readonly number: number
  #attemptsBefore: number
  readonly #pausesBefore: number
  #startedAt = 0
  /** The answer of the host's `prepareStep`, which is asked once for all attempts. */
  #plan: StepPlan | undefined
  #isPlanned = false
  #isToldOf = false
  #isEndedByHost = false

  constructor(turn: SteppedTurn, port: StepPort, earlier?: EarlierSteps) {
    this.#turn = turn
    this.#port = port
    this.#routes = new RouteChain(turn.bound, earlier?.from)
    this.#pausesBefore = earlier?.pauses ?? 0
    this.number = (earlier?.number ?? turn.stepsBefore) + 1
    this.#attempts = earlier?.attempts ?? 0
    this.#attemptsBefore = this.#attempts
    this.#failedAttempts = earlier?.failedAttempts
  }

  /** A step that has finished, of a turn that goes on after a wait. */
  static finished(turn: SteppedTurn, port: StepPort, step: StepEnd): Step {
    const { number, attempts, failedAttempts } = step
    const finished = new Step(turn, port, {
      number: number - 1,
      from: undefined,
      pauses: 0,
      attempts,
      failedAttempts,
    })
    finished.#attemptsBefore = step.attemptsBefore
    finished.#end = step.end
    finished.#phase = 'finished'
    return finished
  }

  /** The step as it ended. */
  get ended(): StepEnd {
    return {
      number: this.number,
      attempts: this.#attempts,
      attemptsBefore: this.#attemptsBefore,
      failedAttempts: this.#failedAttempts,
      end: this.#end,
    }
  }

  /** The number of the last step of an earlier turn, with which the reply begins. */
  get stepsBefore(): number {
    return this.#turn.stepsBefore
  }

  /** The step that follows this one in the same turn. */
  next(): Step {
    const { number } = this
    const isPaused = this.#end.finishReason === 'paused'
    return new Step(this.#turn, this.#port, {
      number,
      // Only the provider that paused can go on.
      from: isPaused ? this.#routes.current : undefined,
      pauses: isPaused ? this.#pausesBefore + 1 : 0,
      attempts: this.#attempts,
      failedAttempts: this.#failedAttempts,
    })
  }

  /** True if no further step is allowed: it is asked without calls. */
  get isLast(): boolean {
    const { tools, stepsBefore } = this.#turn
    return tools.areRun && this.number - stepsBefore >= tools.steps
  }

  /** The tools of the turn that the step is asked with, whatever the mode. */
  get tools(): Toolbox {
    const { tools } = this.#turn.tools
    const names = this.#plan?.tools
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
    return this.#plan?.toolChoice ?? (isFirst ? request.options.toolChoice : undefined)
  }

  /** True if a request was made. */
  get hasAsked(): boolean {
    return this.#attempts > this.#attemptsBefore
  }

  /** True if the host's `prepareStep` ended the turn before this step. */
  get isEndedByHost(): boolean {
    return this.#isEndedByHost
  }

  /** The step as it is stored. */
  record(status: StepRecord['status']): Omit<StepRecord, 'turnId'> {
    const { finishReason, usage } = this.#end
    return {
      step: this.number,
      status,
      ...this.asked,
      attempts: this.#attempts - this.#attemptsBefore,
      ...(finishReason !== undefined && { finishReason }),
      ...(usage !== undefined && { usage }),
      startedAt: new Date(this.#startedAt),
      endedAt: new Date(this.#port.options.steadyClock.now()),
    }
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

  /** The number of attempts, at all routes. */
  get attempts(): number {
    return this.#attempts
  }

  get failedAttempts(): readonly AttemptRecord[] | undefined {
    return this.#failedAttempts
  }

  /** The facts that the provider reported besides the content. */
  get end(): ReplyEnd {
    return this.#end
  }

  /** The failure of the newest attempt. */
  get failure(): ErrorRecord | undefined {
    return this.#failure
  }

  /** The error that the host's own code threw. Only the host sees it: not stored, not published. */
  get cause(): unknown {
    return this.#cause
  }

  /** True if a request that had been sent was aborted. */
  get wasAborted(): boolean {
    return this.#wasAborted
  }

  /** The current route, as records name it. */
  get asked(): Pick<TurnRecord, 'endpoint' | 'model'> {
    const { target, model } = this.#routes.current
    return { endpoint: target.endpoint, model }
  }

  /** The route that is asked now, or next where an attempt is planned. */
  get asking(): Pick<TurnRecord, 'endpoint' | 'model'> {
    const { target, model } = this.#routes.next
    return { endpoint: target.endpoint, model }
  }

  /** The current route, as records name it, if it is a fallback. */
  get fallbackAsked(): Pick<TurnRecord, 'endpoint' | 'model'> | undefined {
    // The row may have the route of an earlier step.
    return this.#routes.isAtFallback || this.number > 1 ? this.asked : undefined
  }

  /** The request as it was sent, to count its tokens. */
  requestAgain(): ReturnType<typeof replyRequest> {
    const prepared = this.#prepared
    return this.#request(prepared && (() => prepared))
  }

  /** Adds the usage that was estimated for an aborted request. */
  estimated(usage: Usage): void {
    this.#end = { ...this.#end, usage }
  }

  /** Returns true if the step asks, or plans to ask, an endpoint that `isConcerned` accepts. */
  concerns(isConcerned: (endpoint: string) => boolean): boolean {
    return this.#routes.concerns(isConcerned)
  }

  /** Makes one attempt. Never rejects. */
  async start(attempt: number, reports: TransportReports): Promise<void> {
    const { logger, steadyClock } = this.#port.options
    const fail = (error: unknown) => {
      const failure = recordFault(error, logger, 'A turn failed before its request was made.')
      // The turn ended meanwhile, and has its outcome.
      if (this.#turn.replyFeed.isSealed) return
      this.#phase = 'failed'
      this.#failure = failure
      if (error instanceof ColloquyError) this.#cause = error.cause
      reports.report({ type: 'reply.failed', code: failure.code })
    }
    try {
      this.#phase = 'preparing'
      this.#figures = NO_FIGURES
      if (this.#startedAt === 0) this.#startedAt = steadyClock.now()
      this.#routes.startPlannedAttempt()
      // Reading a long history blocks the event loop for a while. Callers that await their `send`
      // go first.
      if (this.#turn.place.depth > SHORT_HISTORY) {
        await nextTask()
        if (this.#turn.replyFeed.isSealed) return
      }
      if (this.#needsBeginning && !(await this.#begin(reports))) return
      const request = await this.#request(this.#prepare)
      if (this.#turn.replyFeed.isSealed) return
      if (!this.#port.binder.allows(request.target.endpoint)) {
        return fail(new ColloquyError('airplane-mode', 'Airplane mode was switched on.'))
      }
      this.#attempts = attempt
      this.#routes.countAttempt()
      this.#askedAt = steadyClock.now()
      this.#phase = 'requesting'
      this.#turn.onAsking()
      this.#handle = this.#port.transport.reply(request, this.#sink(reports))
    } catch (error) {
      fail(error)
    }
  }

  /**
   * Asks the host how the step is made, once, and tells subscribers of it. Returns false if the turn is
   * over. A turn without `prepareStep` and without earlier steps goes on at once.
   *
   * @throws `prepare-failed`
   */
  async #begin(reports: TransportReports): Promise<boolean> {
    const ask = this.#prepareStep
    if (ask !== undefined && !this.#isPlanned) {
      this.#plan = await stepPlan(ask, this.#info(), this.#turn.tools.tools)
      this.#isPlanned = true
      if (this.#turn.replyFeed.isSealed) return false
      if (this.#plan.model !== undefined) this.#routes.replaceModel(this.#plan.model)
      if (this.#plan.stop === true) {
        this.#isEndedByHost = true
        this.#phase = 'finished'
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

  get #prepareStep(): ResolvedOptions['prepareStep'] {
    return this.#turn.request.options.prepareStep ?? this.#port.options.prepareStep
  }

  /** False for the first step of most turns. */
  get #needsBeginning(): boolean {
    return this.number > 1 || this.#prepareStep !== undefined
  }

  #info(): StepInfo {
    const { request, replyFeed, bound } = this.#turn
    const { turnId } = request
    const parts = replyFeed.parts()
    const calls = parts.filter((part) => part.type === 'tool-call')
    const usage = this.#turn.usage()
    const { conversation } = bound
    return {
      turnId,
      conversation,
      ...this.asked,
      step: this.number,
      calls,
      ...(usage !== undefined && { usage }),
    }
  }

  /** Records the failed attempt, and tells subscribers that another one follows. */
  backOff(): void {
    const next = this.#routes.planned
    const failure = this.#failure
    if (next === undefined || failure === undefined) return
    this.abort()
    const { usage } = this.#end
    const failed: AttemptRecord = {
      ...this.asked,
      error: failure,
      ...(usage && { usage }),
      startedAt: new Date(this.#askedAt),
      endedAt: new Date(next.decidedAt),
    }
    this.#failedAttempts = withAttempt(this.#failedAttempts ?? [], failed)
    this.#failure = undefined
    this.#end = {}
    const { request, replyFeed } = this.#turn
    const { turnId, conversationId } = request
    const { code } = failure
    const { retryInMs } = next
    const attempt = this.#attempts
    const { endpoint } = next.route.target
    this.#port.options.failureLog.warn(
      { turnId, conversationId, attempt, code, ...this.asked, nextEndpoint: endpoint, retryInMs },
      `An attempt failed and is followed by another: ${code}.`,
    )
    replyFeed.publish({ type: 'turn.retrying', attempt, error: failure, retryInMs, endpoint })
  }

  /** Delivers the deltas that were read from the socket. */
  flush(): void {
    this.#handle?.flush()
  }

  /** Aborts the request under way, if any. Keeps the facts that the provider reported by then. */
  abort(): void {
    const handle = this.#handle
    if (handle === undefined) return
    this.#over(handle.endSoFar(), 'aborted')
    if (handle.abort()) this.#wasAborted = true
  }

  /**
   * Hands the request over to a drain, which reads its answer on.
   *
   * @param take - returns true if it takes the request
   */
  handOver(take: (handle: ReplyHandle, known: ReplyEnd) => boolean): boolean {
    const handle = this.#handle
    if (handle === undefined) return false
    const known = handle.endSoFar()
    if (!take(handle, known)) return false
    this.#over(known, 'aborted')
    return true
  }

  /** The figures of an attempt, for inspectors. */
  figures(attempt: number): TransportFigures {
    const { status, bytes, events } = this.#handle?.figures() ?? this.#figures
    return {
      phase: this.#phase,
      attempt,
      ...this.asked,
      ...(status !== undefined && { status }),
      bytes,
      events,
      deltas: this.#deltas,
      characters: this.#turn.replyFeed.characters,
    }
  }

  #request(prepare: ResolvedOptions['prepare']): ReturnType<typeof replyRequest> {
    const { store, binder } = this.#port
    const { request, place, replyFeed } = this.#turn
    const tools = offered(this.tools, ({ tool }) => tool.local === true || !binder.isAirplaneMode)
    const choice = this.#toolChoice
    // Airplane mode, or the host's prepareStep, may have left it out since it was chosen.
    const isGone = typeof choice === 'object' && !Object.hasOwn(tools ?? {}, choice.tool)
    return replyRequest({
      request,
      bound: this.bound,
      route: this.#routes.current,
      input: this.input,
      place,
      store,
      prepare,
      step: this.number,
      plan: this.#plan,
      running: this.number === 1 ? [] : replyFeed.parts().slice(0, replyFeed.stepStart),
      tools,
      toolChoice: isGone ? undefined : choice,
    })
  }

  /**
   * The host's `prepare`. If usage may be estimated, its result is kept while the turn runs, since a
   * second call could return another result. Without `prepare` nothing is kept: the messages that
   * were sent can be read again.
   */
  get #prepare(): ResolvedOptions['prepare'] {
    const { prepare, usageOnCancel } = this.#port.options
    if (prepare === undefined || usageOnCancel !== 'estimate') return prepare
    return async (messages, turn) => (this.#prepared = await prepare(messages, turn))
  }

  /** The request is over, and its facts are final. */
  #over(end: ReplyEnd, phase: TransportFigures['phase']): void {
    this.#figures = this.#handle?.figures() ?? this.#figures
    this.#handle = undefined
    this.#end = end
    this.#phase = phase
  }

  #sink({ report, emit }: TransportReports): ReplySink {
    return {
      started: () => {
        this.#phase = 'awaiting'
        report({ type: 'reply.started' })
      },
      deltas: (batch) => {
        if (this.#phase !== 'receiving') {
          this.#phase = 'receiving'
          this.#turn.onContent()
          report({ type: 'reply.first-delta' })
        }
        this.#deltas += batch.length
        this.#turn.replyFeed.deltas(batch)
        this.#emit(emit, batch)
      },
      finished: (end) => {
        this.#over(end, 'finished')
        report({
          type: 'reply.finished',
          ...(this.#hasCalls && { hasCalls: true }),
          ...(this.#isPaused && { isPaused: true }),
        })
      },
      failed: (failure, end) => {
        const hasContent = this.#phase === 'receiving'
        this.#over(end, 'failed')
        this.#failure = failure
        const retryInMs = hasContent ? undefined : this.#planNext(failure)
        report({ type: 'reply.failed', code: failure.code, retryInMs })
      },
    }
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
      this.#end.finishReason === 'paused' &&
      // Other formats have no way to go on with a reply.
      this.#routes.current.target.dialect === 'messages' &&
      this.#pausesBefore < MOST_PAUSES &&
      this.number - stepsBefore < tools.steps
    )
  }

  /** A listener that throws must not change how the turn ends. */
  #emit(emit: TransportReports['emit'], deltas: readonly ProviderDelta[]): void {
    try {
      emit({ type: 'reply.deltas', deltas })
    } catch (error) {
      recordFault(error, this.#port.options.logger, 'A listener of a transport actor threw.')
    }
  }

  /** Plans the next attempt. Returns the wait before it; `undefined` if no attempt can help. */
  #planNext(failure: ErrorRecord): number | undefined {
    const { retry, timeouts, steadyClock, logger } = this.#port.options
    try {
      const planned = this.#routes.plan(failure, {
        retry,
        headersMs: timeouts.headersMs,
        askedAt: this.#askedAt,
        now: steadyClock.now(),
        isAllowed: (endpoint) => this.#port.binder.allows(endpoint),
      })
      return planned?.retryInMs
    } catch (error) {
      // The host's random function threw. The failure stands, since the machine must get a report in
      // any case.
      recordFault(error, logger, 'A turn could not be tried again.')
      return undefined
    }
  }
}

/** The figures of an attempt that ended with its turn long ago. */
export function noFigures(attempt: number): TransportFigures {
  return { phase: 'aborted', attempt, bytes: 0, events: 0, deltas: 0, characters: 0 }
}

/** Adds an attempt. Attempts that met the same server loading are one, however many they were. */
function withAttempt(
  attempts: readonly AttemptRecord[],
  failed: AttemptRecord,
): readonly AttemptRecord[] {
  const last = attempts.at(-1)
  const isSame =
    last?.error.isLoading === true &&
    failed.error.isLoading === true &&
    last.endpoint === failed.endpoint &&
    last.model === failed.model
  if (!isSame) return [...attempts, failed]
  return [...attempts.slice(0, -1), { ...failed, startedAt: last.startedAt }]
}
