/**
 * The routes that one reply may ask, in order, with the attempts spent at each.
 *
 * Says where another attempt can be made after a failure, and when. Knows errors, counts and times,
 * and nothing of requests, timers and machines.
 */
import type { ErrorRecord } from '../../../protocol/errors.ts'
import type { Binding, Route } from '../../endpoints/binding.ts'
import { LoadingWait } from './loading-wait.ts'
import { nextAttempt, type RetryPolicy } from './retry-policy.ts'

/** The attempt that follows a failed one. */
export interface PlannedAttempt {
  readonly route: Route
  readonly retryInMs: number
  /** When it was planned, in UTC epoch milliseconds. */
  readonly decidedAt: number
}

interface PlanningOptions {
  readonly retry: RetryPolicy
  /** How long a server may take to load its model, in milliseconds. */
  readonly headersMs: number
  /** When the failed attempt was made, and the time of the failure. */
  readonly askedAt: number
  readonly now: number
  /** Returns true for an endpoint that may be asked. */
  readonly isAllowed: (endpoint: string) => boolean
}

export class RouteChain {
  #routes: readonly Route[]
  #position = 0
  /** The attempts made at the current route. */
  #attemptsHere = 0
  /** The waits for the server of the current route, while it loads its model. */
  #loading: LoadingWait | undefined
  #planned: PlannedAttempt | undefined

  /** @param from - the route to begin with; absent or unknown: the first one */
  constructor(binding: Binding, from?: Route) {
    this.#routes = [binding, ...binding.fallbacks]
    this.#position = from === undefined ? 0 : Math.max(0, this.#routes.indexOf(from))
  }

  /** The route that is asked now, or was asked last. */
  get current(): Route {
    return this.#routes[this.#position] as Route
  }

  /** The route of the planned attempt; without one, the current route. */
  get next(): Route {
    return this.#planned?.route ?? this.current
  }

  get isAtFallback(): boolean {
    return this.#position > 0
  }

  /** The attempt that is planned and not made yet. */
  get planned(): PlannedAttempt | undefined {
    return this.#planned
  }

  /** Returns true if an endpoint that is asked, or planned to be, is one that `isConcerned` accepts. */
  concerns(isConcerned: (endpoint: string) => boolean): boolean {
    return [this.current, this.next].some(({ target }) => isConcerned(target.endpoint))
  }

  /** Asks for another model at the first route. */
  replaceModel(model: string): void {
    const [first, ...others] = this.#routes
    this.#routes = [{ ...(first as Route), model }, ...others]
  }

  /** Makes the planned attempt the current one, if there is one. */
  startPlannedAttempt(): void {
    if (this.#planned === undefined) return
    const { route } = this.#planned
    this.#planned = undefined
    if (route === this.current) return
    this.#position = this.#routes.indexOf(route)
    this.#attemptsHere = 0
    this.#loading = undefined
  }

  /** Counts an attempt at the current route. */
  countAttempt(): void {
    this.#attemptsHere += 1
  }

  /**
   * Plans the attempt that follows a failed one. Returns `undefined` if no attempt can help.
   *
   * @throws if the host's random function throws
   */
  plan(failure: ErrorRecord, options: PlanningOptions): PlannedAttempt | undefined {
    this.#planned = this.#afterLoading(failure, options) ?? this.#after(failure, options)
    return this.#planned
  }

  #after(failure: ErrorRecord, options: PlanningOptions): PlannedAttempt | undefined {
    const fallback = this.#nextFallback(options.isAllowed)
    // A server that has not loaded in time is not asked again, however few attempts were made.
    const attemptsHere = failure.isLoading === true ? Infinity : this.#attemptsHere
    const next = nextAttempt(failure, attemptsHere, fallback !== undefined, options.retry)
    if (next === undefined) return undefined
    const route = next.elsewhere && fallback !== undefined ? fallback : this.current
    return { route, retryInMs: next.retryInMs, decidedAt: options.now }
  }

  /** The next attempt at a server that loads; `undefined` if it does not, or its time is over. */
  #afterLoading(failure: ErrorRecord, options: PlanningOptions): PlannedAttempt | undefined {
    if (failure.isLoading !== true) return undefined
    const { askedAt, headersMs, retry, now } = options
    this.#loading ??= new LoadingWait(askedAt, headersMs, retry.random)
    const retryInMs = this.#loading.next(failure, now)
    if (retryInMs === undefined) return undefined
    // The server did nothing, so the attempt does not count.
    this.#attemptsHere -= 1
    return { route: this.current, retryInMs, decidedAt: now }
  }

  #nextFallback(isAllowed: (endpoint: string) => boolean): Route | undefined {
    return this.#routes.slice(this.#position + 1).find(({ target }) => isAllowed(target.endpoint))
  }
}
