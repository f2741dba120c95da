/**
 * What a request is bound to: an endpoint with its key, and a model.
 *
 * Decided once, in one synchronous step, when a turn is accepted; later changes of endpoints
 * concern later turns.
 */
import { ColloquyError } from '../errors.ts'
import type { ProviderTarget } from '../transport/reply-request.ts'
import type { Endpoints, UsableEndpoint } from './endpoints.ts'
import type { Preferences } from './preferences.ts'

export const AIRPLANE = 'airplane'
const ONLINE = 'online'

/** Holds secrets: stays inside the run. */
export interface Binding {
  readonly target: ProviderTarget
  readonly model: string
}

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

  constructor(endpoints: Endpoints, preferences: Preferences) {
    this.#endpoints = endpoints
    this.#preferences = preferences
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
    // Headers are secrets of the endpoint they were given for: airplane's hears nothing of them.
    return { target: targetOf(endpoint, name === wished ? wish.headers : {}), model }
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

function targetOf(
  { name, url, dialect, apiKey, headers, local }: UsableEndpoint,
  extraHeaders: Readonly<Record<string, string>> = {},
): ProviderTarget {
  return {
    endpoint: name,
    url,
    dialect,
    apiKey,
    headers: { ...headers, ...extraHeaders },
    direct: local || name === AIRPLANE,
  }
}
