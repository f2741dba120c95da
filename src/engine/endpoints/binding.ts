/**
 * Binds a turn or a one-shot request to an endpoint with its key, a model, and the fallbacks.
 *
 * A turn is bound once, in one synchronous step, when it is accepted. Later changes of endpoints
 * concern later turns. Knows nothing of requests, and of when a fallback is asked.
 */
import { AIRPLANE, type FallbackRecord, ONLINE } from '../../protocol/endpoint.ts'
import { ColloquyError, errorRecord } from '../../protocol/errors.ts'
import { quoted } from '../../protocol/quoted.ts'
import type { ReadyTool } from '../../tools/toolbox.ts'
import type { ProviderTarget } from '../../transport/provider-target.ts'
import type { Warnings } from '../options/logging.ts'
import type { Endpoints, UsableEndpoint } from './endpoints.ts'
import type { Preferences } from './preferences.ts'

/**
 * An endpoint to ask, and the model to ask for. Holds secrets: it stays inside the live turn, or
 * the one-shot request.
 */
export interface Route {
  readonly target: ProviderTarget
  readonly model: string
}

export interface Binding extends Route {
  /** The routes to ask next, in this order, if no content comes. */
  readonly fallbacks: readonly Route[]
}

const NO_FALLBACKS: readonly Route[] = []

/**
 * The sources of endpoint and model. A value of the call itself overrides that of the conversation.
 */
interface BindingWish {
  readonly purpose: 'chat' | 'title'
  readonly endpoint?: string | undefined
  readonly model?: string | undefined
  readonly conversation?:
    | { readonly endpoint?: string | undefined; readonly model?: string | undefined }
    | undefined
  readonly headers?: Readonly<Record<string, string>> | undefined
}

export class Binder {
  readonly #endpoints: Endpoints
  readonly #preferences: Preferences
  readonly #warnings: Warnings

  constructor(endpoints: Endpoints, preferences: Preferences, warnings: Warnings) {
    this.#endpoints = endpoints
    this.#preferences = preferences
    this.#warnings = warnings
  }

  /** @throws `endpoint-not-found`, `airplane-mode`, `key-unreadable`, `model-missing` */
  bind(wish: BindingWish): Binding {
    const wished = wish.endpoint ?? wish.conversation?.endpoint ?? ONLINE
    const name = this.endpointName(wished)
    const endpoint = this.#endpoints.use(name)
    const model = this.#model(wish, name) ?? endpoint.model
    if (model === undefined) {
      throw new ColloquyError(
        'model-missing',
        `No model is named for endpoint ${quoted(name)}. Give one to send, startConversation, setModelPreference or putEndpoint.`,
      )
    }
    // Headers are secrets of the endpoint they were given for: no other endpoint gets them.
    const headersFor = (asked: string) => (asked === wished ? wish.headers : {})
    const first = { target: targetOf(endpoint, headersFor(name)), model }
    const { fallbacks } = endpoint
    // `airplane` has no fallbacks, even if another program wrote some into the database.
    if (fallbacks === undefined || name === AIRPLANE) return { ...first, fallbacks: NO_FALLBACKS }
    return { ...first, fallbacks: this.#fallbacks(fallbacks, first, headersFor) }
  }

  /**
   * Only the fallbacks of the first endpoint count, and not the fallbacks of these. So one endpoint
   * alone sets the order, and a circle does no harm.
   */
  #fallbacks(
    records: readonly FallbackRecord[],
    first: Route,
    headersFor: (endpoint: string) => BindingWish['headers'],
  ): readonly Route[] {
    const known = new Set([keyOf(first.target.endpoint, first.model)])
    return records.flatMap((record) => {
      const endpoint = this.#usable(record.endpoint)
      if (endpoint === undefined) return []
      const model = record.model ?? endpoint.model ?? first.model
      const key = keyOf(endpoint.name, model)
      if (known.has(key)) return []
      known.add(key)
      return { target: targetOf(endpoint, headersFor(endpoint.name)), model }
    })
  }

  /**
   * Returns `undefined` for a fallback that cannot be used. The request is not refused: it may
   * never need the fallback.
   */
  #usable(name: string): UsableEndpoint | undefined {
    const subject = `fallback ${name}`
    try {
      const endpoint = this.#endpoints.use(name)
      this.#warnings.over(subject)
      return endpoint
    } catch (error) {
      const { code } = errorRecord(error)
      this.#warnings.warn(
        subject,
        { endpoint: name, code },
        `The fallback endpoint ${quoted(name)} is left out: ${errorRecord(error).message}`,
      )
      return undefined
    }
  }

  /**
   * The target of a request that needs no model. A named endpoint is never replaced by another one:
   * the answer would be that of the wrong endpoint. @throws as `bind` does
   */
  target(wish: Pick<BindingWish, 'endpoint'>): ProviderTarget {
    const name = this.endpointName(wish.endpoint)
    if (wish.endpoint !== undefined && wish.endpoint !== name) {
      throw new ColloquyError(
        'airplane-mode',
        `Airplane mode is on: endpoint ${quoted(wish.endpoint)} is not asked. Name ${quoted(name)} or no endpoint, or switch the mode off.`,
      )
    }
    return targetOf(this.#endpoints.use(name))
  }

  /** Returns the wished endpoint, or `airplane` in airplane mode. @throws `airplane-mode` */
  endpointName(wished = ONLINE): string {
    if (!this.#preferences.airplaneMode) return wished
    if (this.#endpoints.get(AIRPLANE) === undefined) {
      throw new ColloquyError(
        'airplane-mode',
        "Airplane mode is on and there is no endpoint to use in it. Create one with engine.putEndpoint('airplane', { url, model }), or switch the mode off.",
      )
    }
    return AIRPLANE
  }

  /** Returns true if the tool may be offered, and run, in the present mode. */
  offers({ tool }: Pick<ReadyTool, 'tool'>): boolean {
    return tool.local === true || !this.#preferences.airplaneMode
  }

  /** Returns true if a request may be sent to this endpoint in the present mode. */
  allows(endpoint: string): boolean {
    return !this.#preferences.airplaneMode || endpoint === AIRPLANE
  }

  /**
   * A conversation's model belongs to the endpoint that the conversation uses. If airplane mode
   * diverts the conversation to another endpoint, that model does not exist there.
   */
  #model(wish: BindingWish, endpoint: string): string | undefined {
    const { conversation } = wish
    const isDiverted = this.#preferences.airplaneMode && conversation?.endpoint !== endpoint
    return (
      wish.model ??
      (isDiverted ? undefined : conversation?.model) ??
      this.#preferences.model(wish.purpose)
    )
  }
}

function keyOf(endpoint: string, model: string): string {
  return JSON.stringify([endpoint, model])
}

function targetOf(
  { name, local, headers, url, dialect, apiKey, keySource, maxConcurrent, quirks }: UsableEndpoint,
  extraHeaders: Readonly<Record<string, string>> = {},
): ProviderTarget {
  return {
    endpoint: name,
    url,
    dialect,
    apiKey,
    keySource,
    maxConcurrent,
    quirks,
    headers: { ...headers, ...extraHeaders },
    direct: local || name === AIRPLANE,
  }
}
