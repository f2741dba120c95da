/**
 * Carries out the decisions of the turn machine.
 *
 * The machine says when to record, ask, seal, save and settle. This file says how, for the live
 * turn with that id. It knows nothing of states, and does not decide what follows: every result
 * goes back to the machine as an event.
 */
import type { Feed } from '../../feed/feed.ts'
import type { ConversationMachineEvent } from '../../machines/conversation-events.ts'
import { conversationMachine } from '../../machines/conversation.ts'
import type {
  CancelAnswer,
  EnteredPhase,
  Outcome,
  TurnReport,
  TurnResult,
} from '../../machines/turn-events.ts'
import type { ToolsFigures } from '../../machines/tools-actor.ts'
import { turnMachine } from '../../machines/turn.ts'
import type { TurnInput } from '../../machines/turn.ts'
import type { PlacedTurn } from '../../persistence/ports/placement.ts'
import type { ContinuedTurn } from '../../persistence/ports/turn-store.ts'
import type { Store } from '../../persistence/ports/store.ts'
import { startTimer } from '../../protocol/clock.ts'
import {
  ColloquyError,
  type ColloquyErrorCode,
  errorFromRecord,
  errorRecord,
  turnRunning,
} from '../../protocol/errors.ts'
import type { Message, MessageStatus } from '../../protocol/message.ts'
import { messageStatusOf, type Receipt } from '../../protocol/turn.ts'
import { deltaOf } from '../../reply/part-delta.ts'
import { Registry } from '../../registry.ts'
import { ToolSlots } from '../../tools/slots.ts'
import { withoutSecrets } from '../../transport/redaction.ts'
import type { Transport } from '../../transport/transport.ts'
import { transportLogic, type TransportPort } from '../actors/transport-actor.ts'
import { toolsLogic, type ToolsPort } from '../actors/tools-actor.ts'
import type { Binder } from '../endpoints/binding.ts'
import type { Endpoints } from '../endpoints/endpoints.ts'
import { recordFault } from '../options/logging.ts'
import type { ResolvedOptions } from '../options/resolve-options.ts'
import type { Reply } from '../api/turn.ts'
import { callContext } from './calls/context.ts'
import { Checkpoints } from './record/checkpointer.ts'
import { type CancelCause, cancelError } from './live-turn/cancel-cause.ts'
import { cancelTurn } from './live-turn/cancel.ts'
import type { Drains } from './record/drains.ts'
import { TurnEnding } from './record/ending.ts'
import type { LateTools } from './calls/late-tools.ts'
import { LiveTurn } from './live-turn/live-turn.ts'
import { LiveTurns } from './live-turn/live-turns.ts'
import { phaseReport } from './live-turn/phase.ts'
import { TurnQueue } from './queue/queue.ts'
import { QueueWrites } from './queue/writes.ts'
import { repeatedId, TurnRecording } from './record/recording.ts'
import { StepCalls } from './calls/step-calls.ts'
import type { StepCallsPort } from './calls/port.ts'
import { noFigures, type Step } from './step/step.ts'
import type { TurnRequest } from './request/turn-request.ts'
import { turnTimeout } from './turn-timeout.ts'
import { WaitingTurns } from './wait/waiting-turns.ts'

interface TurnsOptions {
  readonly store: Store
  readonly transport: Transport
  readonly feed: Feed
  readonly binder: Binder
  readonly drains: Drains
  readonly endpoints: Endpoints
  readonly late: LateTools
  readonly options: ResolvedOptions
  /** A call waits until then. */
  readonly expires: (at: Date | undefined) => void
  /** Called when a turn has ended and its conversation may rest. */
  readonly onSettled: (live: LiveTurn, result: TurnResult) => void
  /** Called when a conversation may rest, though no turn of it has ended. */
  readonly onIdle: (conversationId: string) => void
  /** Sends an event to the machine of a conversation. */
  readonly tell: (conversationId: string, event: ConversationMachineEvent) => void
}

type Report = (report: TurnReport) => void

interface Sealing {
  readonly outcome: Outcome
  readonly code?: ColloquyErrorCode
}

interface SaveFailure {
  readonly failures: number
  readonly retryInMs: number
}

export class Turns {
  readonly #store: Store
  readonly #feed: Feed
  readonly #binder: Binder
  readonly #drains: Drains
  readonly #options: ResolvedOptions
  readonly #onSettled: TurnsOptions['onSettled']
  readonly #onIdle: TurnsOptions['onIdle']
  readonly #recording: TurnRecording
  readonly #ending: TurnEnding
  readonly #tell: TurnsOptions['tell']
  readonly #queueWrites: QueueWrites
  /** The turns that wait for their start. */
  readonly queue: TurnQueue
  /** The turns that wait for an answer to their calls. */
  readonly waiting: WaitingTurns
  readonly #checkpoints: Checkpoints
  readonly #calls: StepCallsPort
  readonly #live = new LiveTurns()
  /** By conversation id. */
  readonly #running = new Registry<string, LiveTurn>()

  constructor(parts: TurnsOptions) {
    const { store, transport, feed, binder, drains, endpoints, options, onSettled, onIdle, tell } =
      parts
    this.#tell = tell
    this.#store = store
    this.#feed = feed
    this.#binder = binder
    this.#drains = drains
    this.#options = options
    this.#onSettled = onSettled
    this.#onIdle = onIdle
    const { steadyClock: clock, logger, checkpointMs: everyMs } = options
    this.#checkpoints = new Checkpoints({ store, clock, logger, everyMs })
    const steps = { store, transport, binder, options }
    const onContent = (live: LiveTurn) => this.#checkpoints.begin(live)
    const find = (turnId: string) => this.find(turnId)
    this.#recording = new TurnRecording({
      store,
      binder,
      options,
      steps,
      sealer: endpoints,
      find,
      onContent,
    })
    this.queue = new TurnQueue({
      store,
      feed,
      options,
      sealer: endpoints,
      find,
      live: this.#live,
      create: (request) => this.create(request),
      forget: (live) => this.#live.remove(live),
      onIdle,
      cancel: (live, cause) => void this.#cancel(live, cause),
    })
    this.#queueWrites = new QueueWrites({
      store,
      recording: this.#recording,
      queue: this.queue,
      runningIn: (conversationId) => this.runningIn(conversationId),
      refuse: (live) => {
        this.#refuse(live)
        this.#live.remove(live)
      },
      tell,
      onIdle,
      isClosing: () => this.isClosing,
      placedBehind: (live, placed) => this.waiting.placedBehind(live, placed),
    })
    this.#ending = new TurnEnding(store, options)
    this.#calls = {
      store,
      options,
      checkpoints: this.#checkpoints,
      slots: new ToolSlots(options.limits.parallelToolsTotal),
      late: parts.late,
      sealer: endpoints,
      steeredBy: (live) => this.#steeredBy(live),
      expires: parts.expires,
      redact: (text) => withoutSecrets(text, endpoints.secrets()),
      isAvailable: ({ tool }) => tool.local === true || !binder.isAirplaneMode,
      announce: (conversationId, event, owner) => feed.announce(conversationId, event, owner),
      reportFailure: (live, failures, retryInMs) =>
        this.#ending.reportFailure(live, failures, retryInMs),
      contextOf: (live, step, call) => callContext(store, live, step, call),
    }
    this.waiting = new WaitingTurns({
      store,
      feed,
      options,
      binder,
      sealer: endpoints,
      checkpoints: this.#checkpoints,
      live: this.#live,
      steps,
      calls: () => this.#calls,
      create: (request, reply) => this.create(request, reply),
      restoreQueue: async (conversationId) =>
        this.queue.restore(await store.listQueue(conversationId)),
      tell,
      onIdle,
      isClosing: () => this.isClosing,
    })
  }

  /** True once the engine closes: no queued turn starts then. */
  isClosing = false

  /** The turn that runs in a conversation, from the moment it records its input. */
  runningIn(conversationId: string): LiveTurn | undefined {
    return this.#running.get(conversationId)
  }

  find(turnId: string): LiveTurn | undefined {
    return this.#live.get(turnId)
  }

  /** The turns that run, from the moment they record their input, oldest first. */
  get running(): readonly LiveTurn[] {
    return this.#running.values()
  }

  /** A conversation has another owner: the events of its turns are for the new one. */
  changeOwner(conversationId: string, owner: string | undefined): void {
    for (const live of this.#live.in(conversationId)) {
      this.#feed.changeOwner(live.replyFeed, owner)
    }
  }

  /** All but those that are queued or wait for an answer. */
  get all(): readonly LiveTurn[] {
    return this.#live.values().filter(({ isQueued, isResting }) => !isQueued && !isResting)
  }

  /** Makes and registers a live turn. The machine does not know it yet. */
  create(request: TurnRequest, reply?: PromiseWithResolvers<Reply>): LiveTurn {
    if (this.#live.has(request.turnId)) {
      throw repeatedId()
    }
    const live = new LiveTurn(request, this.#feed.replyFeed(request), reply)
    this.#live.add(live)
    return live
  }

  /** The conversation machine, provided with the real actions of its turns. */
  machine(): typeof conversationMachine {
    const act =
      <P = unknown>(use: (live: LiveTurn, params: P) => void) =>
      ({ context }: { context: TurnInput }, params: P) =>
        this.#with(context.turnId, (live) => use(live, params))
    const turn = turnMachine.provide({
      actors: {
        transport: transportLogic(this.#transportPort),
        tools: toolsLogic(this.#toolsPort),
      },
      actions: {
        record: ({ context, self }) =>
          this.#with(context.turnId, (live) =>
            live.isQueued ? this.#start(live, reportTo(self)) : this.#record(live, reportTo(self)),
          ),
        accept: act((live) => this.#accept(live)),
        refuse: act((live) => this.#refuse(live)),
        enqueue: act((live) => {
          if (live.placing !== undefined) this.queue.placed(live, live.placing)
        }),
        withdraw: ({ context }) => this.#store.withdrawTurn(context.turnId),
        startTimer: ({ context, self }) =>
          this.#with(context.turnId, (live) => this.#startTimer(live, reportTo(self))),
        stopTimer: act((live) => this.#stopTimer(live)),
        failTransport: act((live, { error }: { error: unknown }) => {
          live.fault = recordFault(error, this.#options.logger, 'A transport actor failed.')
        }),
        failTools: act((live, { error }: { error: unknown }) => {
          live.fault = recordFault(error, this.#options.logger, 'A tools actor failed.')
        }),
        recordStep: ({ context, self }) =>
          this.#with(context.turnId, (live) => this.#recordStep(live, reportTo(self))),
        reportRecordFailure: act((live, { failures, retryInMs }: SaveFailure) =>
          this.#ending.reportFailure(live, failures, retryInMs),
        ),
        tellPhase: act((live, entered: EnteredPhase) => this.#tellPhase(live, entered)),
        backOff: act((live) => live.step?.backOff()),
        flush: act((live) => live.step?.flush()),
        seal: act((live, { outcome, code }: Sealing) => this.#seal(live, outcome, code)),
        answerCancel: act((live, answer: CancelAnswer) => live.answerCancel(answer)),
        saveWait: ({ context, self }) =>
          this.#with(context.turnId, (live) => this.#saveWait(live, reportTo(self))),
        restore: ({ context, self }) =>
          this.#with(context.turnId, (live) => this.#restore(live, reportTo(self))),
        save: ({ context, self }) =>
          this.#with(context.turnId, (live) => void this.#ending.save(live).then(reportTo(self))),
        reportSaveFailure: act((live, { failures, retryInMs }: SaveFailure) =>
          this.#ending.reportFailure(live, failures, retryInMs),
        ),
        settle: act((live, { result }: { result: TurnResult }) => this.#settle(live, result)),
      },
    })
    return conversationMachine.provide({
      actors: { turn },
      actions: {
        queueTurn: ({ self }, { turnId }) =>
          this.#with(turnId, (live) => void this.#queueWrites.write(live, self)),
        withdrawQueued: (_, { turnId, request, index }) =>
          this.#with(turnId, (live) => {
            live.answerCancel({ request, outcome: 'cancelled', from: 'queued' })
            this.#queueWrites.withdraw(live, index)
          }),
        replaceQueued: (_, { turnIds }) =>
          this.#queueWrites.replace(turnIds.map((turnId) => this.find(turnId))),
        tellQueue: (_, report) => this.queue.tell(report),
        tellHeld: (_, report) => {
          if (report.turnIds.length > 0) this.queue.tell(report)
        },
        refuseSend: (_, { turnId }) => this.#with(turnId, (live) => this.#refuseSecond(live)),
        refuseCancel: ({ context }, { request }) =>
          this.#with(context.turnId, (live) =>
            live.answerCancel({ request, outcome: 'not-running', from: 'streaming' }),
          ),
        abandonTurn: (_, { turnId, error }) =>
          this.#with(turnId, (live) => void this.#abandon(live, error)),
      },
    })
  }

  /** Ends the running turn of a conversation whose actor failed. */
  abandonIn(conversationId: string, error: unknown): void {
    const live = this.#running.get(conversationId)
    if (live !== undefined) void this.#abandon(live, error)
  }

  #with(turnId: string, use: (live: LiveTurn) => void): void {
    const live = this.#live.get(turnId)
    if (live !== undefined) use(live)
  }

  get #transportPort(): TransportPort {
    return {
      start: ({ turnId, attempt }, reports) =>
        this.#with(turnId, (live) => void live.step?.start(attempt, reports)),
      stop: ({ turnId }) => this.#with(turnId, (live) => live.step?.abort()),
      figures: ({ turnId, attempt }) =>
        this.#live.get(turnId)?.step?.figures(attempt) ?? noFigures(attempt),
    }
  }

  get #toolsPort(): ToolsPort {
    return {
      start: ({ turnId }, report) => this.#with(turnId, (live) => live.calls?.start(report)),
      figures: ({ turnId, step }) => this.#live.get(turnId)?.calls?.figures() ?? noCalls(step),
    }
  }

  /** A failed write is made again with the same calls. */
  #recordStep(live: LiveTurn, report: Report): void {
    const step = live.step as Step
    const record = async () => {
      if (live.calls?.step !== step || live.calls.isContinued) {
        live.calls = StepCalls.finished(live, step, this.#calls)
      }
      return await live.calls.record()
    }
    this.#reportOf(live, record(), report, 'A step could not be recorded.')
  }

  #saveWait(live: LiveTurn, report: Report): void {
    const saved = live.calls?.saveWait() ?? Promise.resolve(undefined)
    this.#reportOf(live, saved, report, 'A turn could not be let wait.')
  }

  /** Reports the result of a write, if it has one. If ids or a clock of the host failed, the turn must end. */
  #reportOf(
    live: LiveTurn,
    write: Promise<TurnReport | undefined>,
    report: Report,
    fault: string,
  ): void {
    write.then(
      (result) => {
        if (result !== undefined) report(result)
      },
      (error: unknown) => {
        live.fault = recordFault(error, this.#options.logger, fault)
        report({ type: 'turn.lost' })
      },
    )
  }

  #restore(live: LiveTurn, report: Report): void {
    this.#running.set(live.conversationId, live)
    void this.waiting.restore(live).then(report)
  }

  /** The first queued turn of the conversation, if it was sent to take over. */
  #steeredBy({ conversationId }: LiveTurn): string | undefined {
    if (this.isClosing) return undefined
    const [first] = this.queue.waitingIn(conversationId)
    if (first === undefined || first.isWithdrawn || first.queued === undefined) return undefined
    return first.queued.turn.sendPolicy === 'steer' ? first.turnId : undefined
  }

  #record(live: LiveTurn, report: Report): void {
    this.#running.set(live.conversationId, live)
    const recording = this.#recording.write(live, false)
    live.recording = recording
    live.isWriting = true
    recording.then(
      (recorded) => {
        live.isWriting = false
        if ('queue' in recorded) {
          live.placing = recorded
          return report({
            type: 'input.queued',
            queue: this.#queueWith(live, recorded),
            replaces: recorded.place === 'replacing',
            ...(recorded.waiting !== undefined && { waiting: recorded.waiting }),
          })
        }
        live.step = recorded
        report(onItsLine(live))
      },
      (error: unknown) => {
        live.isWriting = false
        live.refusal = error
        report({ type: 'input.refused', code: errorRecord(error).code })
      },
    )
  }

  /** The ids of a queue that a turn came into, or whose turn an input joined. */
  #queueWith({ turnId }: LiveTurn, placed: PlacedTurn): readonly string[] {
    const others = this.queue.othersOf(placed)
    if (placed.place === 'joined') return others
    return placed.place === 'last' ? [...others, turnId] : [turnId, ...others]
  }

  /** Cancels a turn, running or queued. */
  #cancel(live: LiveTurn, cause: CancelCause): Promise<Receipt> {
    return cancelTurn({ send: this.#tell }, live, { cause })
  }

  /** Writes the start of a queued turn. */
  #start(live: LiveTurn, report: Report): void {
    live.isQueued = false
    this.#running.set(live.conversationId, live)
    const recording = this.#recording.start(live)
    live.recording = recording
    recording.then(
      (step) => {
        live.step = step
        live.replyFeed.start()
        report(step === undefined ? { type: 'input.unbound' } : onItsLine(live))
      },
      (error: unknown) => {
        live.refusal = error
        report({ type: 'input.refused', code: errorRecord(error).code })
      },
    )
  }

  #accept(live: LiveTurn): void {
    const message = live.input as Message
    this.#feed.openReply(live.replyFeed, live.bound?.conversation.ownerId)
    const { turnId, replyId, conversationId, asked, changed, inputs } = live
    const { parentId } = inputs?.[0] ?? message
    if (changed !== undefined) {
      this.#feed.announce(conversationId, { type: 'conversation.changed', ...changed })
    }
    live.replyFeed.publish({
      type: 'turn.accepted',
      message,
      ...(inputs && { messages: inputs }),
      replyId,
      ...(parentId !== undefined && { parentId }),
    })
    if (live.continued !== undefined) this.#continue(live, live.continued)
    this.#options.logger.debug({ turnId, conversationId, ...asked }, 'A turn was accepted.')
    live.accepted.resolve(message)
  }

  /** The reply begins with the steps of another turn, which are on disk. */
  #continue(live: LiveTurn, continued: ContinuedTurn): void {
    live.replyFeed.deltas(continued.parts.map(deltaOf))
    live.replyFeed.endStep()
    this.#checkpoints.beginAfter(live)
    if (continued.again.length === 0) return
    live.calls = StepCalls.again(live, live.step as Step, this.#calls, continued)
  }

  #tellPhase(live: LiveTurn, entered: EnteredPhase): void {
    const { steadyClock } = this.#options
    live.replyFeed.enter(phaseReport(live, entered, () => steadyClock.now()))
  }

  #refuse(live: LiveTurn): void {
    const { refusal } = live
    // The start of a queued turn: its send resolved long ago.
    if (live.queued !== undefined) return
    if (live.cancelCause === 'replacement') {
      return live.accepted.reject(errorFromRecord(cancelError('replacement')))
    }
    if (refusal instanceof ColloquyError) return live.accepted.reject(refusal)
    const fault = recordFault(refusal, this.#options.logger, 'An input could not be recorded.')
    live.accepted.reject(new ColloquyError(fault.code, fault.message, { cause: refusal }))
  }

  #startTimer(live: LiveTurn, report: Report): void {
    const { clock, timeouts } = this.#options
    live.timer = startTimer(clock, timeouts.turnMs, () => report({ type: 'turn.timed-out' }))
  }

  #stopTimer(live: LiveTurn): void {
    this.#options.steadyClock.clearTimeout(live.timer)
  }

  #refuseSecond(live: LiveTurn): void {
    this.#live.remove(live)
    live.accepted.reject(turnRunning())
    live.over.resolve()
  }

  #seal(live: LiveTurn, outcome: Outcome, code: ColloquyErrorCode | undefined): void {
    // A clock of the host that cannot stop the timer fails the machine while nothing is sealed yet.
    if (outcome === 'cancelled') this.#options.clock.clearTimeout(live.timer)
    live.outcome = outcome
    this.#stopCalls(live)
    this.#checkpoints.end(live)
    if (code === 'timeout-turn') live.fault = turnTimeout(this.#options.timeouts.turnMs)
    if (outcome !== 'cancelled' || !this.#drain(live)) live.step?.abort()
    this.#sealFeed(live, messageStatusOf(outcome))
  }

  /** Every call gets a result, before the reply is sealed. */
  #stopCalls(live: LiveTurn): void {
    const { calls } = live
    if (calls === undefined) return
    live.stoppedCalls = calls.stop()
    void live.over.promise.then(() => calls.ended())
  }

  /** A last snapshot that cannot be told must not change how the turn ends. */
  #sealFeed(live: LiveTurn, status: MessageStatus): void {
    try {
      live.replyFeed.seal(status)
    } catch (error) {
      recordFault(error, this.#options.logger, 'A last snapshot could not be told to its readers.')
    }
  }

  #drain(live: LiveTurn): boolean {
    const endpoint = live.asked?.endpoint
    return endpoint !== undefined && this.#binder.allows(endpoint) && this.#drains.take(live)
  }

  /**
   * Tells subscribers and callers that the turn is over. Its machine is still in the transition to
   * the end, so they are told after it.
   */
  #settle(live: LiveTurn, result: TurnResult): void {
    this.#running.remove(live.conversationId, live)
    if (result === 'queued') {
      const { placing } = live
      // By this microtask the conversation rests.
      if (placing !== undefined) queueMicrotask(() => this.waiting.placedBehind(live, placing))
      return
    }
    if (result === 'kept') return this.#onIdle(live.conversationId)
    if (result === 'waiting') return queueMicrotask(() => this.waiting.rest(live))
    if (live.mergedInto !== undefined) return this.queue.retract(live)
    if (result === 'rejected' && live.queued !== undefined) {
      return this.queue.notStarted(live, () => this.#queueWrites.putBack(live, 0))
    }
    queueMicrotask(() => {
      // The conversation rests by this microtask: a subscriber may send when it gets the end.
      this.#announceSwitch(live)
      const error = this.#ending.publish(live, result)
      this.#logEnd(live, result, error)
      // By this macrotask the events are delivered, and a snapshot reader that waited in `next()`
      // has the last snapshot. Only then does `reply` settle.
      setImmediate(() => {
        this.#live.remove(live)
        if (error !== undefined) {
          live.reply.reject(error)
          live.started.reject(error)
        } else if (live.ended?.message !== undefined) {
          live.reply.resolve({ message: live.ended.message, turn: live.ended.turn })
        }
        live.replyFeed.end(error)
        live.settleCancels()
        live.left.resolve()
        live.over.resolve()
        this.#onSettled(live, result)
      })
    })
  }

  /** A second reply to an input brings the conversation to another line. */
  #announceSwitch({ conversationId, ended }: LiveTurn): void {
    if (ended?.switchedTo === undefined) return
    this.#feed.announce(conversationId, {
      type: 'conversation.changed',
      change: 'switched',
      conversation: ended.switchedTo,
    })
  }

  /** Never text: messages of errors quote providers. */
  #logEnd(live: LiveTurn, result: TurnResult, error: ColloquyError | undefined): void {
    const { turnId, conversationId, asked, step } = live
    const { logger, failureLog } = this.#options
    const ids = { turnId, conversationId, ...asked, attempts: step?.attempts ?? 0 }
    if (result === 'failed' || result === 'unsaved') {
      const { code = 'internal', status } = error ?? {}
      const details = { ...ids, code, ...(status !== undefined && { status }) }
      failureLog.warn(details, `A turn failed: ${code}.`)
    } else if (result === 'rejected') {
      const { code } = errorRecord(live.refusal)
      logger.debug({ turnId, conversationId, code }, 'A send was refused.')
    } else {
      logger.debug({ ...ids, result }, 'A turn ended.')
    }
  }

  /**
   * Ends a turn whose machine failed, so that it does not stay open for ever. Its request is
   * aborted. Only a bug or a host's own clock can make a machine fail.
   */
  async #abandon(live: LiveTurn, cause: unknown): Promise<void> {
    if (live.isAbandoned) return
    live.isAbandoned = true
    live.outcome = 'failed'
    live.fault = recordFault(cause, this.#options.logger, 'A turn machine failed.')
    this.#store.withdrawTurn(live.turnId)
    this.#stopTimer(live)
    live.step?.abort()
    this.#stopCalls(live)
    this.#checkpoints.end(live)
    this.#sealFeed(live, 'failed')
    const failure = errorFromRecord(live.fault)
    live.accepted.reject(failure)
    try {
      await live.recording
    } catch {
      // The turn was never accepted: there is nothing to end.
      return this.#settle(live, 'rejected')
    }
    const report = await this.#ending.save(live)
    this.#settle(live, report.type === 'turn.save-failed' ? 'unsaved' : 'failed')
  }
}

/**
 * Sends reports to the machine of a turn while it is active. Work may end after its machine gave up
 * or failed: that report is dropped.
 */
function reportTo(turn: {
  send(report: TurnReport): void
  getSnapshot(): { status: string }
}): Report {
  return (report) => {
    if (turn.getSnapshot().status === 'active') turn.send(report)
  }
}

/** The report that the input of a turn is on its line. */
function onItsLine({ continued }: LiveTurn): TurnReport {
  const runsAgain = (continued?.again.length ?? 0) > 0
  return { type: 'input.recorded', ...(runsAgain && { runsAgain }) }
}

function noCalls(step: number): ToolsFigures {
  return { step, pending: 0, waiting: 0, started: 0, settled: 0, failed: 0, toolNames: [] }
}

export function notSent(): ColloquyError {
  return new ColloquyError(
    'cancelled',
    'The send was cancelled before it was accepted; nothing was stored.',
  )
}
