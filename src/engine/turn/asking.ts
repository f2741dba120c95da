/**
 * The requests of a turn: the first one, and those that follow when it fails before any content.
 *
 * Says what a failure means and what could help; whether another attempt is made, and when, is the
 * turn machine's to decide. Every outcome goes back to it as an event.
 */
import { setImmediate as nextTask } from 'node:timers/promises'
import type { TurnReport } from '../../machines/turn-events.ts'
import type { Store } from '../../persistence/store.ts'
import type { ReplyEnd, ReplySink } from '../../protocol/delta.ts'
import { ColloquyError, type ErrorRecord } from '../../protocol/errors.ts'
import type { Message } from '../../protocol/message.ts'
import type { AttemptRecord } from '../../protocol/turn.ts'
import type { Transport } from '../../transport/transport.ts'
import type { Binder } from '../endpoints/binding.ts'
import { recordFault } from '../options/logging.ts'
import type { ResolvedOptions } from '../options/resolve-options.ts'
import type { Checkpoints } from './checkpointer.ts'
import type { Bound, LiveTurn } from './live-turn.ts'
import { nextAttempt } from './retry-policy.ts'
import { replyRequest } from './step-request.ts'
import { prepareFor } from './usage-estimate.ts'

export interface AskingOptions {
  readonly store: Store
  readonly transport: Transport
  readonly binder: Binder
  readonly options: ResolvedOptions
  readonly checkpoints: Checkpoints
}

type Report = (report: TurnReport) => void

/** How many messages are read before anybody notices. */
const SHORT_HISTORY = 100

export class Asking {
  readonly #store: Store
  readonly #transport: Transport
  readonly #binder: Binder
  readonly #options: ResolvedOptions
  readonly #checkpoints: Checkpoints

  constructor({ store, transport, binder, options, checkpoints }: AskingOptions) {
    this.#store = store
    this.#transport = transport
    this.#binder = binder
    this.#options = options
    this.#checkpoints = checkpoints
  }

  /** Makes a request for the run's reply. */
  async ask(live: LiveTurn, attempt: number, report: Report): Promise<void> {
    const { logger, clock } = this.#options
    const prepare = prepareFor(live, this.#options)
    const fail = (error: unknown) => {
      const failure = recordFault(error, logger, 'A turn failed before its request was made.')
      // It ended meanwhile, and has its outcome.
      if (live.replyFeed.isSealed) return
      live.failure = failure
      if (error instanceof ColloquyError) live.cause = error.cause
      report({ type: 'reply.failed', code: failure.code })
    }
    try {
      const bound = live.bound as Bound
      live.startPlannedAttempt()
      const { route, userMessage } = live
      const input = userMessage as Message
      // Reading many takes a while, in one piece: whoever waits for the send to be accepted goes first.
      if (input.position > SHORT_HISTORY) {
        await nextTask()
        if (live.replyFeed.isSealed) return
      }
      const request = await replyRequest(live.request, bound, route, input, this.#store, prepare)
      if (live.replyFeed.isSealed) return
      if (!this.#binder.allows(request.target.endpoint)) {
        return fail(new ColloquyError('airplane-mode', 'Airplane mode was switched on.'))
      }
      live.attempts = attempt
      live.attemptsHere += 1
      live.askedAt = clock.now()
      live.handle = this.#transport.reply(request, this.#sink(live, report))
    } catch (error) {
      fail(error)
    }
  }

  /** Notes what the last attempt came to, and tells readers that another one follows. */
  backOff(live: LiveTurn): void {
    const { next, failure } = live
    if (next === undefined || failure === undefined) return
    const { target, model } = live.route
    live.abortRequest()
    const failed: AttemptRecord = {
      endpoint: target.endpoint,
      model,
      error: failure,
      ...(live.end.usage && { usage: live.end.usage }),
      startedAt: new Date(live.askedAt),
      endedAt: new Date(next.decidedAt),
    }
    live.failedAttempts = [...(live.failedAttempts ?? []), failed]
    live.failure = undefined
    live.end = {}
    live.replyFeed.publish({
      type: 'turn.retrying',
      attempt: live.attempts,
      error: failure,
      retryInMs: next.retryInMs,
      endpoint: live.routeAt(next.route).target.endpoint,
    })
  }

  #sink(live: LiveTurn, report: Report): ReplySink {
    // Said with the end: there is nothing left to hold, nor to ask what is known.
    const end = (known: ReplyEnd) => {
      live.end = known
      live.handle = undefined
    }
    return {
      started: () => report({ type: 'reply.started' }),
      deltas: (batch) => {
        if (!live.hasContent) {
          live.hasContent = true
          this.#checkpoints.begin(live)
          report({ type: 'reply.first-delta' })
        }
        live.replyFeed.deltas(batch)
      },
      finished: (known) => {
        end(known)
        report({ type: 'reply.finished' })
      },
      failed: (failure, known) => {
        end(known)
        live.failure = failure
        const retryInMs = live.hasContent ? undefined : this.#planNext(live, failure)
        report({ type: 'reply.failed', code: failure.code, retryInMs })
      },
    }
  }

  /** What could follow the attempt that failed: how long to wait before it, if anything could. */
  #planNext(live: LiveTurn, failure: ErrorRecord): number | undefined {
    const { retry, clock, logger } = this.#options
    try {
      const fallback = live.nextFallback((endpoint) => this.#binder.allows(endpoint))
      const next = nextAttempt(failure, live.attemptsHere, fallback !== undefined, retry)
      if (next === undefined) return undefined
      const route = next.elsewhere && fallback !== undefined ? fallback : live.routeIndex
      live.next = { route, retryInMs: next.retryInMs, decidedAt: clock.now() }
      return next.retryInMs
    } catch (error) {
      // The host's clock or randomness threw: the failure stands, rather than nothing being said.
      recordFault(error, logger, 'A turn could not be tried again.')
      return undefined
    }
  }
}
