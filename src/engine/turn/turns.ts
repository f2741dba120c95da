/**
 * Carries out what the turn machine decides.
 *
 * The machine says when to record, ask, seal, save and settle; here is how, for the run with that
 * turn's id. Nothing here decides what happens next: every outcome goes back as an event.
 */
import type { Feed } from '../../feed/feed.ts'
import { conversationMachine } from '../../machines/conversation.ts'
import type { Outcome, TurnReport, TurnResult } from '../../machines/turn-events.ts'
import { turnMachine } from '../../machines/turn.ts'
import type { Store } from '../../persistence/store.ts'
import { startTimer } from '../../protocol/clock.ts'
import type { ConversationRecord } from '../../protocol/conversation.ts'
import {
  ColloquyError,
  type ColloquyErrorCode,
  errorFromRecord,
  errorRecord,
} from '../../protocol/errors.ts'
import type { Message } from '../../protocol/message.ts'
import { Registry } from '../../registry.ts'
import type { Transport } from '../../transport/transport.ts'
import type { Binder } from '../endpoints/binding.ts'
import { recordFault } from '../options/logging.ts'
import type { ResolvedOptions } from '../options/resolve-options.ts'
import { Asking } from './asking.ts'
import { Checkpoints } from './checkpointer.ts'
import type { Drains } from './drains.ts'
import { statusOf, TurnEnding } from './ending.ts'
import { Run, type RunRequest } from './live-turn.ts'
import { turnTimeout } from './turn-timeout.ts'

export interface TurnsOptions {
  readonly store: Store
  readonly transport: Transport
  readonly feed: Feed
  readonly binder: Binder
  readonly drains: Drains
  readonly options: ResolvedOptions
  /** The turn has ended and its conversation may rest. */
  readonly onSettled: (run: Run, result: TurnResult) => void
}

type Report = (report: TurnReport) => void

export class Turns {
  readonly #store: Store
  readonly #feed: Feed
  readonly #binder: Binder
  readonly #drains: Drains
  readonly #options: ResolvedOptions
  readonly #onSettled: TurnsOptions['onSettled']
  readonly #asking: Asking
  readonly #ending: TurnEnding
  readonly #checkpoints: Checkpoints
  readonly #runs = new Registry<string, Run>()
  /** By conversation. */
  readonly #running = new Registry<string, Run>()

  constructor(parts: TurnsOptions) {
    this.#store = parts.store
    this.#feed = parts.feed
    this.#binder = parts.binder
    this.#drains = parts.drains
    this.#options = parts.options
    this.#onSettled = parts.onSettled
    const { clock, logger, checkpointMs: everyMs } = parts.options
    this.#checkpoints = new Checkpoints({ store: parts.store, clock, logger, everyMs })
    this.#asking = new Asking({ ...parts, checkpoints: this.#checkpoints })
    this.#ending = new TurnEnding(parts.store, parts.options)
  }

  /** The turn that runs in a conversation, from the moment it records its input. */
  runningIn(conversationId: string): Run | undefined {
    return this.#running.get(conversationId)
  }

  find(turnId: string): Run | undefined {
    return this.#runs.get(turnId)
  }

  get all(): readonly Run[] {
    return this.#runs.values()
  }

  /** Keeps what a turn works with; the machine has not heard of it yet. */
  create(request: RunRequest): Run {
    const run = new Run(request, this.#feed.lane(request))
    this.#runs.set(run.turnId, run)
    return run
  }

  /** The conversation machine with what its turns really do. */
  machine(): typeof conversationMachine {
    const turn = turnMachine.provide({
      actions: {
        record: ({ context, self }) =>
          this.#with(context.turnId, (run) => this.#record(run, reportTo(self))),
        accept: ({ context }) => this.#with(context.turnId, (run) => this.#accept(run)),
        refuse: ({ context }) => this.#with(context.turnId, (run) => this.#refuse(run)),
        withdraw: ({ context }) => this.#store.withdrawTurn(context.turnId),
        startTimer: ({ context, self }) =>
          this.#with(context.turnId, (run) => this.#startTimer(run, reportTo(self))),
        stopTimer: ({ context }) => this.#with(context.turnId, (run) => this.#stopTimer(run)),
        ask: ({ context, self }, { attempt }) =>
          this.#with(context.turnId, (run) => void this.#asking.ask(run, attempt, reportTo(self))),
        backOff: ({ context }) => this.#with(context.turnId, (run) => this.#asking.backOff(run)),
        flush: ({ context }) => this.#with(context.turnId, (run) => run.handle?.flush()),
        seal: ({ context }, { outcome, code }) =>
          this.#with(context.turnId, (run) => this.#seal(run, outcome, code)),
        answerCancel: ({ context }, answer) =>
          this.#with(context.turnId, (run) => run.answerCancel(answer)),
        save: ({ context, self }) =>
          this.#with(context.turnId, (run) => void this.#ending.save(run).then(reportTo(self))),
        reportSaveFailure: ({ context }, { failures, retryInMs }) =>
          this.#with(context.turnId, (run) => this.#ending.reportFailure(run, failures, retryInMs)),
        settle: ({ context }, { result }) =>
          this.#with(context.turnId, (run) => this.#settle(run, result)),
      },
    })
    return conversationMachine.provide({
      actors: { turn },
      actions: {
        refuseSend: (_, { turnId }) => this.#with(turnId, (run) => this.#refuseSecond(run)),
        refuseCancel: ({ context }, { request }) =>
          this.#with(context.turnId, (run) =>
            run.answerCancel({ request, outcome: 'not-running', from: 'streaming' }),
          ),
        abandonTurn: (_, { turnId, error }) =>
          this.#with(turnId, (run) => void this.#abandon(run, error)),
      },
    })
  }

  /** Ends a conversation's turn without its machine, which failed. */
  abandonIn(conversationId: string, error: unknown): void {
    const run = this.#running.get(conversationId)
    if (run !== undefined) void this.#abandon(run, error)
  }

  #with(turnId: string, use: (run: Run) => void): void {
    const run = this.#runs.get(turnId)
    if (run !== undefined) use(run)
  }

  #record(run: Run, report: Report): void {
    this.#running.set(run.conversationId, run)
    run.recording = this.#write(run)
    run.recording.then(
      (message) => {
        run.userMessage = message
        report({ type: 'input.recorded' })
      },
      (error: unknown) => {
        run.refusal = error
        report({ type: 'input.refused', code: errorRecord(error).code })
      },
    )
  }

  async #write(run: Run): Promise<Message> {
    const { turnId, conversationId, input, options } = run.request
    const turn = {
      turnId,
      conversationId,
      metadata: options.metadata,
      idempotencyKey: options.idempotencyKey,
      at: new Date(this.#options.clock.now()),
      bind: (conversation: ConversationRecord) => {
        const binding = this.#binder.bind({ ...options, purpose: 'chat', conversation })
        run.bound = { ...binding, conversation }
        return { endpoint: binding.target.endpoint, model: binding.model }
      },
    }
    if (input === undefined) return await this.#store.retryTurn(turn)
    const { role, parts } = input
    const messageId = this.#options.newId()
    return await this.#store.acceptTurn({ ...turn, messageId, role, parts })
  }

  #accept(run: Run): void {
    const message = run.userMessage as Message
    this.#feed.openLane(run.lane)
    run.lane.publish({ type: 'turn.accepted', message })
    run.accepted.resolve(message)
  }

  #refuse(run: Run): void {
    const { refusal } = run
    if (refusal instanceof ColloquyError) return run.accepted.reject(refusal)
    const fault = recordFault(refusal, this.#options.logger, 'An input could not be recorded.')
    run.accepted.reject(new ColloquyError(fault.code, fault.message, { cause: refusal }))
  }

  #startTimer(run: Run, report: Report): void {
    const { clock, timeouts } = this.#options
    run.timer = startTimer(clock, timeouts.turnMs, () => report({ type: 'turn.timed-out' }))
  }

  #stopTimer(run: Run): void {
    this.#options.clock.clearTimeout(run.timer)
  }

  #refuseSecond(run: Run): void {
    this.#runs.delete(run.turnId)
    run.accepted.reject(
      new ColloquyError(
        'turn-running',
        'A turn is running in this conversation. Await its reply or cancel it, then send again.',
      ),
    )
    run.over.resolve()
  }

  #seal(run: Run, outcome: Outcome, code: ColloquyErrorCode | undefined): void {
    run.outcome = outcome
    this.#checkpoints.end(run)
    if (code === 'timeout-turn') run.failure = turnTimeout(this.#options.timeouts.turnMs)
    if (outcome !== 'cancelled' || !this.#drain(run)) run.abortRequest()
    run.lane.seal(statusOf(outcome))
  }

  #drain(run: Run): boolean {
    const endpoint = run.asked?.endpoint
    return endpoint !== undefined && this.#binder.allows(endpoint) && this.#drains.take(run)
  }

  /** The turn is over. Its machine is in the middle of saying so: readers hear of it afterwards. */
  #settle(run: Run, result: TurnResult): void {
    if (this.#running.get(run.conversationId) === run) this.#running.delete(run.conversationId)
    queueMicrotask(() => {
      // By now the conversation rests: a reader that sends when it is told of the end is accepted.
      const error = this.#ending.publish(run, result)
      // What was published is delivered; whoever waits in `next()` takes it before the reply settles.
      setImmediate(() => {
        this.#runs.delete(run.turnId)
        if (error !== undefined) run.reply.reject(error)
        else if (run.ended?.message !== undefined) {
          run.reply.resolve({ message: run.ended.message, turn: run.ended.turn })
        }
        run.lane.end(error)
        run.settleCancels()
        run.over.resolve()
        this.#onSettled(run, result)
      })
    })
  }

  /**
   * The machine failed, which only a bug or a host's own clock can cause: the request is aborted,
   * and the turn is ended here so that it does not stay open for ever.
   */
  async #abandon(run: Run, cause: unknown): Promise<void> {
    if (run.isAbandoned) return
    run.isAbandoned = true
    run.outcome = 'failed'
    run.failure = recordFault(cause, this.#options.logger, 'A turn machine failed.')
    this.#store.withdrawTurn(run.turnId)
    this.#stopTimer(run)
    run.abortRequest()
    this.#checkpoints.end(run)
    run.lane.seal('failed')
    const failure = errorFromRecord(run.failure)
    run.accepted.reject(failure)
    try {
      await run.recording
    } catch {
      // It was never accepted: there is nothing to end.
      return this.#settle(run, 'rejected')
    }
    const report = await this.#ending.save(run)
    this.#settle(run, report.type === 'turn.save-failed' ? 'unsaved' : 'failed')
  }
}

/** What was begun may end after its machine, which was given up or failed. */
function reportTo(turn: {
  send(report: TurnReport): void
  getSnapshot(): { status: string }
}): Report {
  return (report) => {
    if (turn.getSnapshot().status === 'active') turn.send(report)
  }
}

export function notSent(): ColloquyError {
  return new ColloquyError(
    'cancelled',
    'The send was cancelled before it was accepted; nothing was stored.',
  )
}
