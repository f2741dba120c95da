/** Provider addresses as records. A key is never part of one. */

/** The wire format of a provider API. */
export type Dialect = (typeof DIALECTS)[number]

export const DIALECTS = ['chat-completions', 'responses', 'messages'] as const

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
