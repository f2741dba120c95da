/**
 * The attempts of a step: how many were made, which of them failed, and where the next one can be made.
 *
 * The turn machine decides whether a planned attempt is made. Knows nothing of requests and their
 * answers.
 */
import type { ErrorRecord } from '../../../protocol/errors.ts'
import type { Usage } from '../../../protocol/message.ts'
import type { AttemptRecord, TurnRecord } from '../../../protocol/turn.ts'
import type { Route } from '../../endpoints/binding.ts'
import { recordFault } from '../../options/logging.ts'
import type { Bound } from '../request/turn-request.ts'
import { type PlannedAttempt, RouteChain } from '../routes/route-chain.ts'
import type { StepPort } from './port.ts'

/** The attempts of the steps before. */
export interface EarlierAttempts {
  readonly attempts: number
  readonly failedAttempts: readonly AttemptRecord[] | undefined
  /** The route to ask first, where the provider paused. */
  readonly from?: Route | undefined
}

type Asked = Pick<TurnRecord, 'endpoint' | 'model'>

export class StepAttempts {
  readonly #port: Pick<StepPort, 'binder' | 'options'>
  readonly #routes: RouteChain
  /** The number of attempts of the turn before this step. */
  readonly before: number
  #count: number
  #failed: readonly AttemptRecord[] | undefined
  #askedAt = 0

  /** @param made - the number of attempts that a finished step has made already */
  constructor(
    bound: Bound,
    port: Pick<StepPort, 'binder' | 'options'>,
    { attempts, failedAttempts, from }: EarlierAttempts,
    made = 0,
  ) {
    this.#port = port
    this.#routes = new RouteChain(bound, from)
    this.before = attempts
    this.#count = attempts + made
    this.#failed = failedAttempts
  }

  /** The number of attempts of the turn so far, at all routes. */
  get count(): number {
    return this.#count
  }

  /** The failed attempts of the turn so far. */
  get failed(): readonly AttemptRecord[] | undefined {
    return this.#failed
  }

  get route(): Route {
    return this.#routes.current
  }

  get isAtFallback(): boolean {
    return this.#routes.isAtFallback
  }

  /** The current route, as records name it. */
  get asked(): Asked {
    return named(this.#routes.current)
  }

  /** The route that is asked now, or next where an attempt is planned. */
  get asking(): Asked {
    return named(this.#routes.next)
  }

  /** The attempt that is planned and not made yet. */
  get planned(): PlannedAttempt | undefined {
    return this.#routes.planned
  }

  /** Returns true if an endpoint that is asked, or planned to be, is one that `isConcerned` accepts. */
  concerns(isConcerned: (endpoint: string) => boolean): boolean {
    return this.#routes.concerns(isConcerned)
  }

  /** Asks for another model at the first route. */
  replaceModel(model: string): void {
    this.#routes.replaceModel(model)
  }

  /** An attempt begins: the planned one, if there is one. */
  begin(): void {
    this.#routes.startPlannedAttempt()
  }

  /** The request of an attempt is about to be made. */
  made(attempt: number): void {
    this.#count = attempt
    this.#routes.countAttempt()
    this.#askedAt = this.#port.options.steadyClock.now()
  }

  /** Plans the next attempt. Returns the wait before it; `undefined` if no attempt can help. */
  plan(failure: ErrorRecord): number | undefined {
    const { binder, options } = this.#port
    const { retry, timeouts, steadyClock, logger } = options
    try {
      const planned = this.#routes.plan(failure, {
        retry,
        headersMs: timeouts.headersMs,
        askedAt: this.#askedAt,
        now: steadyClock.now(),
        isAllowed: (endpoint) => binder.allows(endpoint),
      })
      return planned?.retryInMs
    } catch (error) {
      // The host's random function threw. The failure stands, since the machine must get a report in
      // any case.
      recordFault(error, logger, 'A turn could not be tried again.')
      return undefined
    }
  }

  /** Records that the newest attempt failed, and another one follows. */
  fail(error: ErrorRecord, usage: Usage | undefined, { decidedAt }: PlannedAttempt): void {
    this.#failed = withAttempt(this.#failed ?? [], {
      ...this.asked,
      error,
      ...(usage && { usage }),
      startedAt: new Date(this.#askedAt),
      endedAt: new Date(decidedAt),
    })
  }
}

function named({ target, model }: Route): Asked {
  return { endpoint: target.endpoint, model }
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
