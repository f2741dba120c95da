/**
 * Endpoints as records. A key is never part of a record.
 *
 * Knows nothing of requests, or of how an endpoint is chosen.
 */

/** The endpoint that is asked when none is named. */
export const ONLINE = 'online'

/** The endpoint of airplane mode, in which no other endpoint is asked. */
export const AIRPLANE = 'airplane'

/** The wire format of a provider API. */
export type Dialect = (typeof DIALECTS)[number]

export const DIALECTS = ['chat-completions', 'responses', 'messages'] as const

/** The ways in which a server departs from its dialect. */
export interface Quirks {
  /**
   * If true, requests for streams have `stream_options`, so that the stream ends with its usage.
   * If absent, they have it until the server refuses it. Chat completions only.
   */
  readonly streamOptions?: boolean | undefined
  /**
   * The field for `settings.maxOutputTokens`. If absent, it is `max_tokens` until the server asks
   * for the other one. Chat completions only.
   */
  readonly maxTokensField?: 'max_tokens' | 'max_completion_tokens' | undefined
  /** The role of the system prompt's message. Chat completions only. @defaultValue `'system'` */
  readonly systemRole?: 'system' | 'developer' | undefined
  /**
   * The field of an assistant message that sends the reasoning of earlier, complete replies back,
   * for models that demand it. `'never'` sends none back in any form. If absent, reasoning goes back
   * to the model that made it, in the field in which it came: plain reasoning with the calls it led
   * to, signed and encrypted reasoning with every reply. Chat completions only.
   */
  readonly sendReasoning?:
    | 'never'
    | 'reasoning_content'
    | 'reasoning'
    | 'reasoning_text'
    | undefined
  /**
   * Where files of tool results go: `'after'` the results, in a message of the user; `'inside'` the
   * result; `'omit'` leaves them out. Chat completions only. @defaultValue `'after'`
   */
  readonly toolResultFiles?: 'after' | 'inside' | 'omit' | undefined
  /**
   * Fields merged over every request body. The `extraBody` of a send is merged over them. Stored
   * unencrypted.
   */
  readonly extraBody?: Readonly<Record<string, unknown>> | undefined
}

/** An endpoint as it is stored, without its secrets. */
export interface EndpointRecord {
  readonly name: string
  /** Without the secrets of its query: the values of `key`, `token` and the like. */
  readonly url: string
  /** Scheme, host and port of the url. The key is bound to them. */
  readonly origin: string
  readonly dialect: Dialect
  readonly model?: string
  /** True if the host said that the endpoint is on this machine or its network. */
  readonly local: boolean
  /** True if the endpoint was put with a key, even if this engine cannot read it. */
  readonly hasApiKey: boolean
  /**
   * False if the key, a header or a secret of the url cannot be read: it is encrypted with another
   * encryption key, or was held in memory only before a restart. Using the endpoint then fails with
   * `key-unreadable`. Absent otherwise.
   */
  readonly isKeyReadable?: boolean
  /** The names of extra headers. Their values are secrets and never in a record. */
  readonly headerNames: readonly string[]
  /** The endpoints to ask, in order, if this one fails before any content. Absent if none. */
  readonly fallbacks?: readonly FallbackRecord[]
  /** The largest number of concurrent replies, if there is a limit. */
  readonly maxConcurrent?: number
  readonly quirks?: Quirks
}

/** An endpoint to fall back to. `model` is absent if the endpoint's own model is asked there. */
export interface FallbackRecord {
  readonly endpoint: string
  readonly model?: string
}

/** The purpose of a model preference. */
export type ModelPurpose = 'chat' | 'airplane-chat' | 'title' | 'airplane-title'

export const MODEL_PURPOSES: readonly ModelPurpose[] = [
  'chat',
  'airplane-chat',
  'title',
  'airplane-title',
]

/** The settings of an engine that are stored in its database. */
export interface EngineSettings {
  readonly airplaneMode: boolean
  readonly modelPreferences: Readonly<Partial<Record<ModelPurpose, string>>>
}
