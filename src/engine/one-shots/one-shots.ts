/**
 * One-shot requests outside any conversation: one answer, never streamed, nothing stored. A failed
 * request is retried, and asked of fallbacks, as a turn's is.
 *
 * Knows nothing of conversations, machines and the store.
 */
import { startTimer } from '../../protocol/clock.ts'
import type { Settings } from '../../protocol/conversation.ts'
import type { ReplyEnd, ReplySink } from '../../protocol/delta.ts'
import {
  ColloquyError,
  type ErrorRecord,
  errorFromRecord,
  errorRecord,
} from '../../protocol/errors.ts'
import { textOf } from '../../protocol/message.ts'
import { GrowingReply } from '../../reply/growing-reply.ts'
import type { ProviderTarget } from '../../transport/provider-target.ts'
import type { Transport } from '../../transport/transport.ts'
import type { Completion } from '../api/completion.ts'
import type { Binder, Binding, Route } from '../endpoints/binding.ts'
import { onAbort } from '../host-signal.ts'
import { recordFault } from '../options/logging.ts'
import type { ResolvedOptions } from '../options/resolve-options.ts'
import { type PlannedAttempt, RouteChain } from '../turn/routes/route-chain.ts'
import { turnTimeout } from '../turn/turn-timeout.ts'

interface OneShotInput {
  readonly binding: Binding
  /** Where an endpoint has no free slot, titles wait until all chats have one. */
  readonly purpose: 'chat' | 'title'
  readonly prompt: string
  readonly system?: string | undefined
  readonly settings: Settings
  /** True if the first failure ends the request, without a retry or a fallback. */
  readonly isOnce?: boolean | undefined
  readonly signal?: AbortSignal | undefined
}

interface OneShotRequest {
  /** The endpoint that is asked now, or will be next. */
  endpoint: string
  readonly stop: AbortController
  over: Promise<unknown>
}

export class OneShots {
  readonly #transport: Transport
  readonly #binder: Binder
  readonly #options: ResolvedOptions
  readonly #asked = new Set<OneShotRequest>()

  constructor(transport: Transport, binder: Binder, options: ResolvedOptions) {
    this.#transport = transport
    this.#binder = binder
    this.#options = options
  }

  /** @throws `cancelled`, `empty-response`, and every error that a provider can cause */
  ask(input: OneShotInput): Promise<Completion> {
    return this.#tracked(input.binding.target.endpoint, input.signal, (signal, asked) =>
      this.#withinTurnMs(signal, (stop) => this.#ask(input, stop, asked)),
    )
  }

  /** The models that an endpoint offers. */
  listModels(target: ProviderTarget, signal?: AbortSignal): Promise<readonly string[]> {
    return this.#tracked(target.endpoint, signal, (stop) =>
      this.#withinTurnMs(stop, (both) => this.#transport.listModels(target, both)),
    )
  }

  /**
   * Aborts the requests to the endpoints for which `isConcerned` returns true, and waits until they
   * have ended.
   */
  async abort(isConcerned: (endpoint: string) => boolean): Promise<void> {
    const concerned = [...this.#asked].filter(({ endpoint }) => isConcerned(endpoint))
    for (const { stop } of concerned) stop.abort()
    await Promise.allSettled(concerned.map(({ over }) => over))
  }

  async #tracked<T>(
    endpoint: string,
    signal: AbortSignal | undefined,
    ask: (signal: AbortSignal, asked: { endpoint: string }) => Promise<T>,
  ): Promise<T> {
    if (!this.#binder.allows(endpoint)) {
      throw new ColloquyError(
        'airplane-mode',
        'Airplane mode is on: only the airplane endpoint is asked.',
      )
    }
    const stop = new AbortController()
    if (signal?.aborted === true) stop.abort()
    const stopListening = onAbort(signal, () => stop.abort())
    const asked: OneShotRequest = { endpoint, stop, over: Promise.resolve() }
    const over = ask(stop.signal, asked)
    asked.over = over
    this.#asked.add(asked)
    try {
      return await over
    } finally {
      this.#asked.delete(asked)
      stopListening()
    }
  }

  /** Stops the work after `timeouts.turnMs`, or when the signal aborts. */
  async #withinTurnMs<T>(signal: AbortSignal, work: (stop: AbortSignal) => Promise<T>): Promise<T> {
    const { clock, timeouts } = this.#options
    const late = new AbortController()
    const timer = startTimer(clock, timeouts.turnMs, () => late.abort())
    try {
      return await work(AbortSignal.any([signal, late.signal]))
    } catch (error) {
      if (signal.aborted || !late.signal.aborted) throw error
      throw errorFromRecord(turnTimeout(timeouts.turnMs))
    } finally {
      clock.clearTimeout(timer)
    }
  }

  /** Makes attempts until there is an answer, or no other attempt could help. */
  async #ask(
    input: OneShotInput,
    signal: AbortSignal,
    asked: { endpoint: string },
  ): Promise<Completion> {
    const { steadyClock } = this.#options
    const routes = new RouteChain(input.binding)
    for (;;) {
      const askedAt = steadyClock.now()
      routes.countAttempt()
      try {
        return await this.#askOnce(routes.current, input, signal)
      } catch (error) {
        if (signal.aborted || input.isOnce === true) throw error
        const failure = errorRecord(error)
        const { endpoint } = routes.current.target
        const next = this.#plan(routes, failure, askedAt)
        if (next === undefined) throw error
        const { code } = failure
        this.#options.failureLog.warn(
          { endpoint, code, purpose: input.purpose, retryInMs: next.retryInMs },
          `A request failed and is followed by another: ${code}.`,
        )
        routes.startPlannedAttempt()
        asked.endpoint = routes.current.target.endpoint
        await this.#wait(next.retryInMs, signal)
      }
    }
  }

  /** If the host's random function throws, the failure stands. */
  #plan(routes: RouteChain, failure: ErrorRecord, askedAt: number): PlannedAttempt | undefined {
    const { retry, timeouts, steadyClock, logger } = this.#options
    try {
      return routes.plan(failure, {
        retry,
        headersMs: timeouts.headersMs,
        askedAt,
        now: steadyClock.now(),
        isAllowed: (endpoint) => this.#binder.allows(endpoint),
      })
    } catch (error) {
      recordFault(error, logger, 'A request could not be tried again.')
      return undefined
    }
  }

  #wait(ms: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options
    const waited = Promise.withResolvers<void>()
    const abort = () => waited.reject(cancelled())
    const timer = clock.setTimeout(() => waited.resolve(), ms)
    signal.addEventListener('abort', abort, { once: true })
    return waited.promise.finally(() => {
      clock.clearTimeout(timer)
      signal.removeEventListener('abort', abort)
    })
  }

  #askOnce(
    { target, model }: Route,
    input: OneShotInput,
    signal: AbortSignal,
  ): Promise<Completion> {
    if (signal.aborted) return Promise.reject(cancelled())
    const answer = Promise.withResolvers<Completion>()
    const reply = new GrowingReply()
    const sink: ReplySink = {
      started: () => {},
      deltas: (batch) => {
        for (const delta of batch) reply.add(delta)
      },
      finished: (end) => answer.resolve(completion(reply, end, model)),
      failed: (error) => answer.reject(errorFromRecord(error)),
    }
    const handle = this.#transport.reply(
      {
        target,
        model,
        system: input.system,
        messages: [{ role: 'user', parts: [{ type: 'text', text: input.prompt }] }],
        settings: input.settings,
        stream: false,
        isBackground: input.purpose === 'title',
      },
      sink,
    )
    const abort = () => answer.reject(cancelled())
    signal.addEventListener('abort', abort, { once: true })
    return answer.promise.finally(() => {
      signal.removeEventListener('abort', abort)
      handle.abort()
    })
  }
}

function completion(reply: GrowingReply, end: ReplyEnd, model: string): Completion {
  return {
    text: textOf(reply.parts()),
    ...(end.usage && { usage: end.usage }),
    model: end.model ?? model,
    ...(end.finishReason && { finishReason: end.finishReason }),
  }
}

function cancelled(): ColloquyError {
  return new ColloquyError('cancelled', 'The request was cancelled.')
}
