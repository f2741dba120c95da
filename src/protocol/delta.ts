/**
 * Deltas, and the contract by which the transport delivers them while a reply streams.
 *
 * The transport turns provider events into deltas; the feed adds the deltas up. Both sides know
 * this file and not each other.
 */
import type { ErrorRecord } from './errors.ts'
import type { FinishReason, ToolContent, Usage } from './message.ts'
import type { ToolResultCode } from './tool.ts'

interface TextDelta {
  readonly type: 'text'
  readonly text: string
  readonly providerData?: unknown
}

interface ReasoningDelta {
  readonly type: 'reasoning'
  readonly text: string
  readonly providerData?: unknown
}

interface ToolCallDelta {
  readonly type: 'tool-call'
  readonly toolCallId: string
  readonly toolName: string
  /** The text to append to the call's `inputText`; may be empty. */
  readonly inputText: string
  readonly providerData?: unknown
}

interface FileDelta {
  readonly type: 'file'
  readonly mediaType: string
  readonly url: string
  readonly providerData?: unknown
}

interface ToolResultDelta {
  readonly type: 'tool-result'
  readonly toolCallId: string
  readonly toolName: string
  readonly output: unknown
  readonly isError: boolean
  readonly code?: ToolResultCode
  readonly content?: ToolContent
}

interface ProviderToolDelta {
  readonly type: 'provider-tool'
  readonly toolName: string
  readonly providerData: unknown
}

/** Another request for the same reply begins. Its first parts follow. Adds no part. */
interface StepDelta {
  readonly type: 'step'
  /** From 2. */
  readonly step: number
}

/** Where a delta belongs in its reply. */
interface Place {
  /** The index in the parts of the reply. */
  readonly part: number
  /** The delta is the first one of its part. */
  readonly opens?: true
  /**
   * Nothing is appended to the part after this delta. Only `providerData` may still be added.
   *
   * A part without this mark ends with the turn at the latest.
   */
  readonly closes?: true
}

/**
 * What one provider event added to one part of a reply, with its place.
 *
 * The first delta of a part has `opens`. A file, a tool result and a tool of the provider open and close
 * their part. A tool
 * call is closed where the provider says that its arguments are complete. A delta that only closes is
 * empty. A delta `step` has no place.
 */
export type Delta =
  | ((
      | TextDelta
      | ReasoningDelta
      | ToolCallDelta
      | FileDelta
      | ToolResultDelta
      | ProviderToolDelta
    ) &
      Place)
  | StepDelta

/**
 * A delta as a dialect makes it, of the content that a provider sent.
 *
 * Text and reasoning continue the newest part if it is of their kind; otherwise they open a new
 * part. A tool call is known by its id: the first delta with a new id opens its part. A file and a
 * tool of the provider are parts of their own, complete in one delta.
 */
export type ProviderDelta =
  | TextDelta
  | (ReasoningDelta & {
      /**
       * Opens a new part even after reasoning: the earlier part is signed, and its signature does
       * not cover this text.
       */
      readonly separate?: true
    })
  | (ToolCallDelta & {
      /** The arguments are complete. No later delta adds to them. */
      readonly closes?: true
    })
  | FileDelta
  | ProviderToolDelta

/**
 * A delta before the reply gives it its place. A tool result is a part of its own. After a delta
 * `step`, no earlier part grows: an id of a call that comes again there is another call.
 */
export type UnplacedDelta = ProviderDelta | ToolResultDelta | StepDelta

/** Facts that a provider gives besides the content, complete at the end of a reply. */
export interface ReplyEnd {
  readonly finishReason?: FinishReason
  readonly usage?: Usage
  /** The model that answered, as the provider names it. */
  readonly model?: string
}

/**
 * Contract: the transport delivers one attempt at a reply to a `ReplySink`.
 *
 * The order of calls is `started`, then any number of `deltas`, then one of `finished` and
 * `failed`. `failed` may come without `started`. No call follows `finished` or `failed`, and none
 * follows an abort of the request.
 */
export interface ReplySink {
  /** The provider answered with headers that promise a reply. */
  started(): void
  /** The batch of one socket read, never empty. At most one call for each read. */
  deltas(batch: readonly ProviderDelta[]): void
  /** The provider said that the reply is complete. */
  finished(end: ReplyEnd): void
  /** No complete reply will come. `end` has the facts that are known by then, like usage. */
  failed(error: ErrorRecord, end: ReplyEnd): void
}
