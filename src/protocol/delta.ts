/**
 * What travels from the transport to the feed while a reply streams.
 *
 * The transport turns provider events into these; the feed adds them up. Both
 * sides know this file and not each other.
 */
import type { ErrorRecord } from './errors.ts'
import type { FinishReason, Usage } from './message.ts'

/**
 * What one provider event added to a reply.
 *
 * Text and reasoning go on where the last part of their kind ended, if it is
 * the newest part and they do not say otherwise; else they open a new one. A tool call is known by its
 * id: the first delta with a new id opens it.
 */
export type Delta =
  | { readonly type: 'text'; readonly text: string; readonly providerData?: unknown }
  | {
      readonly type: 'reasoning'
      readonly text: string
      readonly providerData?: unknown
      /** Opens a new part in any case: what the newest one holds is signed, and this is not in it. */
      readonly opens?: true
    }
  | {
      readonly type: 'tool-call'
      readonly toolCallId: string
      readonly toolName: string
      /** What to append to the call's `inputText`; may be empty. */
      readonly inputText: string
      readonly providerData?: unknown
    }

/** What a provider said besides the content, known at the end of a reply. */
export interface ReplyEnd {
  readonly finishReason?: FinishReason
  readonly usage?: Usage
  /** The model that answered, as the provider names it. */
  readonly model?: string
}

/**
 * Where the transport delivers one attempt at a reply.
 *
 * The order of calls is: `started`, then any number of `deltas`, then one of
 * `finished` and `failed`; `failed` may also come first. Nothing follows an
 * end, and nothing is called after the request was aborted.
 */
export interface ReplySink {
  /** The provider answered with headers that promise a reply. */
  started(): void
  /** All that one socket read added, never empty. At most one call for each read. */
  deltas(batch: readonly Delta[]): void
  /** The provider said it was done. */
  finished(end: ReplyEnd): void
  /** No complete reply will come. `end` has what was known by then, like usage. */
  failed(error: ErrorRecord, end: ReplyEnd): void
}
