/**
 * Deltas, and the contract by which the transport delivers them while a reply streams.
 *
 * The transport turns provider events into deltas; the feed adds the deltas up. Both sides know
 * this file and not each other.
 */
import type { ErrorRecord } from './errors.ts'
import type { FinishReason, Usage } from './message.ts'

/**
 * What one provider event added to one part of a reply.
 *
 * Text and reasoning continue the newest part if it is of their kind; otherwise they open a new
 * part. Reasoning with `opens` always opens a new part. A tool call is known by its id: the first
 * delta with a new id opens its part. A file is a part of its own, complete in one delta.
 */
export type Delta =
  | { readonly type: 'text'; readonly text: string; readonly providerData?: unknown }
  | {
      readonly type: 'reasoning'
      readonly text: string
      readonly providerData?: unknown
      /**
       * Opens a new part even after reasoning: the earlier part is signed, and its signature does
       * not cover this text.
       */
      readonly opens?: true
    }
  | {
      readonly type: 'tool-call'
      readonly toolCallId: string
      readonly toolName: string
      /** The text to append to the call's `inputText`; may be empty. */
      readonly inputText: string
      readonly providerData?: unknown
    }
  | {
      readonly type: 'file'
      readonly mediaType: string
      readonly url: string
      readonly providerData?: unknown
    }

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
  deltas(batch: readonly Delta[]): void
  /** The provider said that the reply is complete. */
  finished(end: ReplyEnd): void
  /** No complete reply will come. `end` has the facts that are known by then, like usage. */
  failed(error: ErrorRecord, end: ReplyEnd): void
}
