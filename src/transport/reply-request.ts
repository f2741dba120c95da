/** One request for a reply: all that the transport needs to know, and what it hands back. */
import type { Settings } from '../protocol/conversation.ts'
import type { ReplyEnd } from '../protocol/delta.ts'
import type { Part } from '../protocol/message.ts'
import type { ToolDefinitions } from '../protocol/tool.ts'
import type { ProviderTarget } from './provider-target.ts'

/** A message of the history, in the order and the form in which it is asked. */
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
  /** Merged over the body that the dialect makes. */
  readonly extraBody?: Readonly<Record<string, unknown>> | undefined
  /** `false` asks for one JSON answer. */
  readonly stream: boolean
  /** Whether it lets others go first where an endpoint is asked by too many. @defaultValue `false` */
  readonly isBackground?: boolean | undefined
}

/** How far an answer is read that nobody waits for. */
export interface DrainLimits {
  readonly ms: number
  readonly bytes: number
}

/** A hold on a request under way. The calls are synchronous and may come at any time. */
export interface ReplyHandle {
  /** Delivers what was read from the socket and not handed on yet. */
  flush(): void
  /** What the provider has said besides the content, so far. */
  endSoFar(): ReplyEnd
  /**
   * Reads on in silence, if an answer has begun and is not over: from here on the sink hears
   * nothing, and `done` is called once, unless `abort` comes first, with what the provider had
   * said when the answer or the limits ended. `false`: there is nothing to read, and nothing has
   * changed.
   */
  drain(limits: DrainLimits, done: (end: ReplyEnd) => void): boolean
  /**
   * Ends the request; the sink hears nothing more. Whether a request that had gone out was cut:
   * `false` when nothing had been written yet, or when the answer was complete.
   */
  abort(): boolean
}
