/**
 * What a request is bound to: an endpoint with its key, a model, and the fallbacks of both.
 *
 * Decided once, in one synchronous step, when a turn is accepted; later changes of endpoints
 * concern later turns.
 */
import { AIRPLANE, type FallbackRecord, ONLINE } from '../../protocol/endpoint.ts'
import { ColloquyError, errorRecord } from '../../protocol/errors.ts'
import type { Logger } from '../../protocol/logger.ts'
import type { ProviderTarget } from '../../transport/provider-target.ts'
import type { Endpoints, UsableEndpoint } from './endpoints.ts'
import type { Preferences } from './preferences.ts'

/** Whom to ask, and for which model. Holds secrets: stays inside the live. */
export interface Route {
  readonly target: ProviderTarget
  readonly model: string
}

export interface Binding extends Route {
  /** Who is asked next, in this order, if no content comes. */
  readonly fallbacks: readonly Route[]
}

const NO_FALLBACKS: readonly Route[] = []

/** Who may say which endpoint and model to use, the stronger word first. */
export interface BindingWish {
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
  readonly #logger: Logger

  constructor(endpoints: Endpoints, preferences: Preferences, logger: Logger) {
    this.#endpoints = endpoints
    this.#preferences = preferences
    this.#logger = logger
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
        `No model is named for endpoint ${JSON.stringify(name)}. Give one to send, startConversation, setModelPreference or putEndpoint.`,
      )
    }
    // Headers are secrets of the endpoint they were given for: no other one hears of them.
    const headersFor = (asked: string) => (asked === wished ? wish.headers : {})
    const first = { target: targetOf(endpoint, headersFor(name)), model }
    const { fallbacks } = endpoint
    // Whatever a database says that others write to.
    if (fallbacks === undefined || name === AIRPLANE) return { ...first, fallbacks: NO_FALLBACKS }
    return { ...first, fallbacks: this.#fallbacks(fallbacks, first, headersFor) }
  }

  /**
   * Only the fallbacks of the first endpoint: what those would fall back to themselves does not
   * count, so that the order is what one endpoint says, and a circle means nothing.
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

  /** A fallback that cannot be used is no reason to refuse what may never need it. */
  #usable(name: string): UsableEndpoint | undefined {
    try {
      return this.#endpoints.use(name)
    } catch (error) {
      const { code } = errorRecord(error)
      this.#logger.warn(
        { endpoint: name, code },
        `The fallback endpoint ${JSON.stringify(name)} is left out: ${errorRecord(error).message}`,
      )
      return undefined
    }
  }

  /** Where a request that needs no model goes. @throws as `bind` does */
  target(wish: Pick<BindingWish, 'endpoint'>): ProviderTarget {
    return targetOf(this.#endpoints.use(this.endpointName(wish.endpoint)))
  }

  /** The endpoint that the mode allows. @throws `airplane-mode` */
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

  /** Whether a request to this endpoint may leave now. */
  allows(endpoint: string): boolean {
    return !this.#preferences.airplaneMode || endpoint === AIRPLANE
  }

  /**
   * A conversation's model is one of the endpoint that the conversation uses; when airplane mode
   * sends it elsewhere, that model does not exist there.
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
