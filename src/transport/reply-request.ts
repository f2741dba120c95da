/**
 * One request for a reply, and the handle on it while it is under way.
 *
 * Plain data and one interface. Knows nothing of HTTP or of wire formats.
 */
import type { Settings } from '../protocol/conversation.ts'
import type { ReplyEnd } from '../protocol/delta.ts'
import type { Part } from '../protocol/message.ts'
import type { ToolChoice, ToolDefinitions } from '../protocol/tool.ts'
import type { ProviderTarget } from './provider-target.ts'

/** A message of the history, in the order and the form in which it is sent. */
export interface RequestMessage {
  readonly role: 'user' | 'assistant' | 'tool'
  readonly parts: readonly Part[]
}

export interface ReplyRequest {
  readonly target: ProviderTarget
  readonly model: string
  readonly system?: string | undefined
  readonly messages: readonly RequestMessage[]
  readonly settings: Settings
  readonly tools?: ToolDefinitions | undefined
  /** Sent only together with tools. */
  readonly toolChoice?: ToolChoice | undefined
  readonly parallelToolCalls?: boolean | undefined
  /** Entries that are appended to the tools as they are. */
  readonly providerTools?: readonly unknown[] | undefined
  /** Merged over the body that the dialect makes. */
  readonly extraBody?: Readonly<Record<string, unknown>> | undefined
  /** `false` asks for one JSON answer. */
  readonly stream: boolean
  /** True if chats that wait for a slot of the endpoint go first. @defaultValue `false` */
  readonly isBackground?: boolean | undefined
}

/** Limits for an answer that is read on although nobody waits for it. */
export interface DrainLimits {
  readonly ms: number
  readonly bytes: number
}

/** How much of an answer has come. Counts only: they say nothing of its content. */
export interface ReplyFigures {
  /** The HTTP status. Absent before the answer begins. */
  readonly status?: number | undefined
  /** Bytes of the body that were read, without its content encoding. */
  readonly bytes: number
  /** Events of the stream that were decoded. */
  readonly events: number
}

/**
 * Controls a request under way.
 *
 * Contract: the calls are synchronous and may come at any time.
 */
export interface ReplyHandle {
  /** Delivers the content that was read from the socket and not delivered yet. */
  flush(): void
  /** Finish reason, usage and model, as far as the provider has reported them. */
  endSoFar(): ReplyEnd
  figures(): ReplyFigures
  /**
   * Reads on in silence, if an answer has begun and is not over. The sink is told nothing more.
   * `done` is called once, when the answer ends or a limit is reached, with the `endSoFar` of that
   * moment. It is not called after `abort`. Returns true if there is an answer to read; otherwise
   * nothing has changed.
   */
  drain(limits: DrainLimits, done: (end: ReplyEnd) => void): boolean
  /**
   * Ends the request. The sink is told nothing more. Returns true if a request that had been sent
   * was cut. Returns false if nothing had been written yet, or if the answer was over.
   */
  abort(): boolean
}
