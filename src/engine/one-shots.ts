/**
 * Questions outside any conversation: one request, one answer, never streamed, nothing stored.
 */
import { ColloquyError, errorFromRecord, type ErrorRecord } from '../errors.ts'
import { GrowingReply } from '../feed/growing-reply.ts'
import type { Settings } from '../protocol/conversation.ts'
import type { ReplyEnd, ReplySink } from '../protocol/delta.ts'
import { textOf } from '../protocol/message.ts'
import type { ProviderTarget } from '../transport/reply-request.ts'
import { startTimer } from '../transport/timeouts.ts'
import type { Transport } from '../transport/transport.ts'
import type { Completion } from './api.ts'
import type { Binder, Binding } from './binding.ts'
import type { ResolvedOptions } from './options.ts'
import { turnTimeout } from './turn-timeout.ts'

export interface Question {
  readonly binding: Binding
  readonly prompt: string
  readonly system?: string | undefined
  readonly settings: Settings
  readonly signal?: AbortSignal | undefined
}

interface Asked {
  readonly endpoint: string
  readonly stop: AbortController
  readonly over: Promise<unknown>
}

export class OneShots {
  readonly #transport: Transport
  readonly #binder: Binder
  readonly #options: ResolvedOptions
  readonly #asked = new Set<Asked>()

  constructor(transport: Transport, binder: Binder, options: ResolvedOptions) {
    this.#transport = transport
    this.#binder = binder
    this.#options = options
  }

  /** @throws `cancelled`, `empty-response`, and whatever a provider can cause */
  ask(question: Question): Promise<Completion> {
    return this.#tracked(question.binding.target.endpoint, question.signal, (signal) =>
      this.#ask(question, signal),
    )
  }

  /** The models that an endpoint offers. */
  listModels(target: ProviderTarget, signal?: AbortSignal): Promise<readonly string[]> {
    const { clock, timeouts } = this.#options
    return this.#tracked(target.endpoint, signal, async (stop) => {
      const late = new AbortController()
      const timer = startTimer(clock, timeouts.turnMs, () => late.abort())
      try {
        return await this.#transport.listModels(target, AbortSignal.any([stop, late.signal]))
      } catch (error) {
        throw late.signal.aborted ? errorFromRecord(turnTimeout(timeouts.turnMs)) : error
      } finally {
        clock.clearTimeout(timer)
      }
    })
  }

  /** Aborts what goes to endpoints that `isConcerned` names, and waits until it has ended. */
  async abort(isConcerned: (endpoint: string) => boolean): Promise<void> {
    const concerned = [...this.#asked].filter(({ endpoint }) => isConcerned(endpoint))
    for (const { stop } of concerned) stop.abort()
    await Promise.allSettled(concerned.map(({ over }) => over))
  }

  async #tracked<T>(
    endpoint: string,
    signal: AbortSignal | undefined,
    ask: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    if (!this.#binder.allows(endpoint)) {
      throw new ColloquyError(
        'airplane-mode',
        'Airplane mode is on: only the airplane endpoint is asked.',
      )
    }
    const stop = new AbortController()
    const abort = () => stop.abort()
    if (signal?.aborted === true) stop.abort()
    signal?.addEventListener('abort', abort, { once: true })
    const over = ask(stop.signal)
    const asked = { endpoint, stop, over }
    this.#asked.add(asked)
    try {
      return await over
    } finally {
      this.#asked.delete(asked)
      signal?.removeEventListener('abort', abort)
    }
  }

  #ask(question: Question, signal: AbortSignal): Promise<Completion> {
    const { target, model } = question.binding
    const { clock, timeouts } = this.#options
    const answer = Promise.withResolvers<Completion>()
    if (signal.aborted) return Promise.reject(cancelled())
    const reply = new GrowingReply()
    const fail = (error: ErrorRecord) => answer.reject(errorFromRecord(error))
    const sink: ReplySink = {
      started: () => {},
      deltas: (batch) => {
        for (const delta of batch) reply.add(delta)
      },
      finished: (end) => answer.resolve(completion(reply, end, model)),
      failed: fail,
    }
    const handle = this.#transport.reply(
      {
        target,
        model,
        system: question.system,
        messages: [{ role: 'user', parts: [{ type: 'text', text: question.prompt }] }],
        settings: question.settings,
        stream: false,
      },
      sink,
    )
    const { turnMs } = timeouts
    const timer = startTimer(clock, turnMs, () => fail(turnTimeout(turnMs)))
    const abort = () => answer.reject(cancelled())
    signal.addEventListener('abort', abort, { once: true })
    return answer.promise.finally(() => {
      signal.removeEventListener('abort', abort)
      clock.clearTimeout(timer)
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
