/**
 * The attempts of a turn: the first request, and its retries after a failure before any content.
 *
 * Says what a failure means and which attempt could help. The turn machine decides whether and when
 * that attempt is made; every outcome goes back to it as an event. Knows nothing of HTTP.
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
import { LoadingWait } from './loading-wait.ts'
import { nextAttempt } from './retry-policy.ts'
import { replyRequest } from './step-request.ts'
import { prepareFor } from './usage-estimate.ts'

interface AskingOptions {
  readonly store: Store
  readonly transport: Transport
  readonly binder: Binder
  readonly options: ResolvedOptions
  readonly checkpoints: Checkpoints
}

type Report = (report: TurnReport) => void

/** Up to this many messages, reading the history takes no noticeable time. */
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

  /** Makes one attempt at the reply of a live turn. */
  async ask(live: LiveTurn, attempt: number, report: Report): Promise<void> {
    const { logger, steadyClock } = this.#options
    const prepare = prepareFor(live, this.#options)
    const fail = (error: unknown) => {
      const failure = recordFault(error, logger, 'A turn failed before its request was made.')
      // The turn ended meanwhile, and has its outcome.
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
      // Reading a long history blocks the event loop for a while. Callers that await their `send`
      // go first.
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
      live.askedAt = steadyClock.now()
      live.handle = this.#transport.reply(request, this.#sink(live, report))
    } catch (error) {
      fail(error)
    }
  }

  /** Records the failed attempt, and tells subscribers that another one follows. */
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
    live.failedAttempts = withAttempt(live.failedAttempts ?? [], failed)
    const { turnId, conversationId, attempts: attempt } = live
    const { endpoint } = target
    const { code } = failure
    const { retryInMs } = next
    const nextEndpoint = live.routeAt(next.route).target.endpoint
    this.#options.failureLog.warn(
      { turnId, conversationId, attempt, code, endpoint, model, nextEndpoint, retryInMs },
      `An attempt failed and is followed by another: ${code}.`,
    )
    live.failure = undefined
    live.end = {}
    live.replyFeed.publish({
      type: 'turn.retrying',
      attempt,
      error: failure,
      retryInMs,
      endpoint: nextEndpoint,
    })
  }

  #sink(live: LiveTurn, report: Report): ReplySink {
    // The request is over and `known` is final, so the handle is freed.
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

  /** Plans the next attempt. Returns the wait before it; `undefined` if no attempt can help. */
  #planNext(live: LiveTurn, failure: ErrorRecord): number | undefined {
    const { retry, steadyClock, logger } = this.#options
    try {
      const loadingMs = this.#loadingWait(live, failure)
      if (loadingMs !== undefined) {
        // The server did nothing, so the attempt does not count.
        live.attemptsHere -= 1
        live.next = { route: live.routeIndex, retryInMs: loadingMs, decidedAt: steadyClock.now() }
        return loadingMs
      }
      const fallback = live.nextFallback((endpoint) => this.#binder.allows(endpoint))
      const attemptsHere = failure.isLoading === true ? Infinity : live.attemptsHere
      const next = nextAttempt(failure, attemptsHere, fallback !== undefined, retry)
      if (next === undefined) return undefined
      const route = next.elsewhere && fallback !== undefined ? fallback : live.routeIndex
      live.next = { route, retryInMs: next.retryInMs, decidedAt: steadyClock.now() }
      return next.retryInMs
    } catch (error) {
      // The host's random function threw. The failure stands, since the machine must get a report in
      // any case.
      recordFault(error, logger, 'A turn could not be tried again.')
      return undefined
    }
  }

  /** The wait for a server that loads; `undefined` if it does not, or its time is over. */
  #loadingWait(live: LiveTurn, failure: ErrorRecord): number | undefined {
    if (failure.isLoading !== true) return undefined
    const { retry, steadyClock, timeouts } = this.#options
    live.loading ??= new LoadingWait(live.askedAt, timeouts.headersMs, retry.random)
    return live.loading.next(failure, steadyClock.now())
  }
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
