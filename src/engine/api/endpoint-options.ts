/** The options of an endpoint. Types only. */
import type { Dialect, Quirks } from '../../protocol/endpoint.ts'

/** An endpoint that is asked when another one fails, and the model to ask for there. */
export interface Fallback {
  readonly endpoint: string
  /** @defaultValue the endpoint's own model, else the model that was asked for first */
  readonly model?: string | undefined
}

/** A provider address, and how to use it. */
export interface EndpointOptions {
  /**
   * `http:` or `https:`, with or without the path of the operation, and without credentials.
   *
   * Values of the query under names like `key`, `token`, `sig` or `code` are secrets like the key:
   * they are bound to the origin, sealed, and not in the record. A put without any of them keeps
   * those of the same origin; one with an empty value (`?key=`) removes them.
   */
  readonly url: string
  /** The model, where neither `send`, the conversation nor a preference names one. */
  readonly model?: string | undefined
  /**
   * The key, bound to the url's origin. If it is absent, the present key stays where the origin is
   * unchanged, and is dropped otherwise. `null` removes the key. A key that cannot be read (held in
   * memory before a restart, or sealed with another encryption key) stays missing until it is put
   * again or removed.
   *
   * A function is called for each request, for keys that expire. It has `timeouts.headersMs` to
   * return a key. If it throws or returns none, the request fails with `key-unavailable`. The
   * function is held in memory only: after a restart the endpoint has to be put again.
   */
  readonly apiKey?: string | (() => string | Promise<string>) | null | undefined
  /** Sent with every request; secret like the key. Absent and `null` work as for `apiKey`. */
  readonly headers?: Readonly<Record<string, string>> | null | undefined
  /**
   * The wire format of the provider's API. Nearly all providers know `chat-completions`.
   * `responses` is OpenAI's newer format, in which reasoning can be sent back. `messages` is the
   * format of Anthropic and of compatible servers.
   *
   * @defaultValue `'chat-completions'`
   */
  readonly dialect?: Dialect | undefined
  /**
   * True if the endpoint is on this machine or its network. Its requests bypass proxies; those of
   * `airplane` always do.
   *
   * @defaultValue `false`
   */
  readonly local?: boolean | undefined
  /**
   * The endpoints to ask, in this order, when this one fails before the first content. They are
   * asked once its own attempts are spent, or at once where another attempt here cannot help.
   *
   * The endpoints need not exist yet. One that does not exist when a turn is accepted is left out,
   * with a warning. `airplane` has no fallbacks.
   *
   * @example
   * ```ts
   * const fallbacks = ['backup', { endpoint: 'online', model: 'small' }]
   * await engine.putEndpoint('online', { url, apiKey, model: 'large', fallbacks })
   * ```
   */
  readonly fallbacks?: readonly (string | Fallback)[] | undefined
  /**
   * How many replies the endpoint is asked for at once. Further requests wait, with their turns in
   * `requesting`: chats in the order in which they came, then titles. A cancel during this wait
   * sends nothing. `timeouts.headersMs` starts when the request is sent; `timeouts.turnMs` includes
   * the wait. Lists of models do not count. @defaultValue no limit
   */
  readonly maxConcurrent?: number | undefined
  /** The ways in which the server departs from its dialect; see docs/providers.md. */
  readonly quirks?: Quirks | undefined
}
