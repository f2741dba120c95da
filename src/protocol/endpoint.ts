/** Provider addresses as records. A key is never part of one. */

/** The endpoint that is asked when none is named. */
export const ONLINE = 'online'

/** The endpoint of airplane mode, which never sends anything on. */
export const AIRPLANE = 'airplane'

/** The wire format of a provider API. */
export type Dialect = (typeof DIALECTS)[number]

export const DIALECTS = ['chat-completions', 'responses', 'messages'] as const

/** Where a server departs from the dialect that it speaks. Everything is optional. */
export interface Quirks {
  /**
   * Whether streams are asked for with `stream_options`, for their usage. Absent: they are, until
   * the server refuses it. Chat completions only.
   */
  readonly streamOptions?: boolean | undefined
  /**
   * The field for `settings.maxOutputTokens`. Absent: `max_tokens`, until the server asks for the
   * other one. Chat completions only.
   */
  readonly maxTokensField?: 'max_tokens' | 'max_completion_tokens' | undefined
  /** Who says the system prompt. Chat completions only. @defaultValue `'system'` */
  readonly systemRole?: 'system' | 'developer' | undefined
  /**
   * The field of an assistant message in which the reasoning of earlier, complete replies is sent
   * back, for models that demand it. Chat completions only. @defaultValue `'never'`
   */
  readonly sendReasoning?:
    | 'never'
    | 'reasoning_content'
    | 'reasoning'
    | 'reasoning_text'
    | undefined
  /** Fields merged over every request body; those of a send go over them. Stored in the clear. */
  readonly extraBody?: Readonly<Record<string, unknown>> | undefined
}

export interface EndpointRecord {
  readonly name: string
  readonly url: string
  /** Scheme, host and port: what the key is bound to. */
  readonly origin: string
  readonly dialect: Dialect
  readonly model?: string
  /** Whether the endpoint is on this machine or its network, by the host's word. */
  readonly local: boolean
  readonly hasApiKey: boolean
  /** The names of extra headers. Their values are secrets and stay inside. */
  readonly headerNames: readonly string[]
  /** Who is asked next when this endpoint fails before any content; absent if nobody is. */
  readonly fallbacks?: readonly FallbackRecord[]
  /** How many replies it is asked for at once, if there is a limit. */
  readonly maxConcurrent?: number
  readonly quirks?: Quirks
}

/** An endpoint to fall back to, and the model to ask there, unless it is the endpoint's own. */
export interface FallbackRecord {
  readonly endpoint: string
  readonly model?: string
}

/** What a model preference is for. */
export type ModelPurpose = 'chat' | 'airplane-chat' | 'title' | 'airplane-title'

export const MODEL_PURPOSES: readonly ModelPurpose[] = [
  'chat',
  'airplane-chat',
  'title',
  'airplane-title',
]

export interface EngineSettings {
  readonly airplaneMode: boolean
  readonly modelPreferences: Readonly<Partial<Record<ModelPurpose, string>>>
}
