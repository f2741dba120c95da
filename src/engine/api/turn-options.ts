/** The options of the calls that begin, stop and answer turns. Types only. */
import type { Settings } from '../../protocol/conversation.ts'
import type { ToolChoice, ToolDefinition } from '../../protocol/tool.ts'
import type { SendPolicy } from '../../protocol/turn.ts'
import type { AnyTool } from '../../tools/tool.ts'
import type { PrepareStep } from '../options/prepare.ts'
import type { ConversationOptions } from './conversation-options.ts'

/** The options of every call that begins a turn. All are optional. */
export interface TurnOptions {
  /**
   * Cancels the turn when it aborts. If it aborts before the input is on disk, `send` rejects and
   * nothing is kept. In a queued turn with several inputs it takes back its own input only: `reply`
   * then rejects with `cancelled` for this caller.
   */
  readonly signal?: AbortSignal | undefined
  readonly model?: string | undefined
  /** Replaces the conversation's system prompt for this turn. */
  readonly system?: string | undefined
  /** The name of an endpoint. Airplane mode overrides it. */
  readonly endpoint?: string | undefined
  /** Merged over the conversation's settings. */
  readonly settings?: Settings | undefined
  /**
   * Fields merged over the request body, for features that this library does not know. Not `stream`,
   * which the call decides.
   */
  readonly extraBody?: Readonly<Record<string, unknown>> | undefined
  /**
   * Extra HTTP headers for this turn. They are treated as secrets: never stored, logged or shown.
   * They go only to the endpoint that they were given for, even if airplane mode or a fallback
   * moves the turn to another one.
   */
  readonly headers?: Readonly<Record<string, string>> | undefined
  /** Any JSON that the host wants to keep with the turn. */
  readonly metadata?: unknown
  /**
   * A name for this send in its conversation, of 1 to 200 characters. A second send with the same
   * key gets the turn of the first, running or ended, even after a restart. The provider is not
   * asked again.
   *
   * The second send must have the same input, or it is refused with `idempotency-conflict`. Its
   * other options do not count, except that its `signal` cancels the turn too. A send that was
   * rejected leaves its key unused.
   */
  readonly idempotencyKey?: string | undefined
  /**
   * The tools that the model may call: names of tools of the engine, or tools by name. They replace
   * those of the conversation and of the engine. Calls of tools with `execute` run; any other call
   * ends the turn with finish reason `tool-calls`: answer it by sending `tool-result` parts.
   *
   * @defaultValue the `tools` of the conversation, else all of the engine
   */
  readonly tools?:
    | readonly string[]
    | Readonly<Record<string, AnyTool | ToolDefinition>>
    | undefined
  /**
   * Whether the first request calls tools. Later requests are `auto`, and the last one that
   * `limits.steps` allows is `none`.
   */
  readonly toolChoice?: ToolChoice | undefined
  /** False to ask the model for one call at a time. */
  readonly parallelToolCalls?: boolean | undefined
  /** Handed to each tool that the turn runs. Held in memory only. */
  readonly toolContext?: unknown
  /** Entries that are appended to the tools of the request as they are: tools of the provider's own. */
  readonly providerTools?: readonly unknown[] | undefined
  readonly limits?:
    | {
        /** The most requests of the turn. @defaultValue `limits.steps` of the engine */
        readonly steps?: number | undefined
      }
    | undefined
  /** In place of the `prepareStep` of the engine. */
  readonly prepareStep?: PrepareStep | undefined
  /**
   * What happens where a turn runs or is queued; see {@link SendPolicy}. An edit, a regeneration and a
   * retry take `reject` and `replace`, as does a send whose `parentId` is not the head: `queue`,
   * `merge` and `steer` are refused there with `invalid-option`.
   *
   * @defaultValue the policy of the conversation, else that of the engine; `reject` in place of one
   *   that the call does not take
   */
  readonly sendPolicy?: SendPolicy | undefined
}

/** The options of `retry`. All are optional. */
export interface RetryTurnOptions extends TurnOptions {
  /**
   * `'last-step'`: where the last turn on the input failed, was cancelled, interrupted or replaced after
   * its tools had run, the new one goes on from their results, and no tool runs again (but see
   * `afterCrash`). `'start'`: everything is asked anew, as it is after a turn that is `done`, or that has
   * no results.
   *
   * @defaultValue `'last-step'`
   */
  readonly from?: 'start' | 'last-step' | undefined
}

/** The options of `edit`. All are optional. */
export interface EditOptions extends TurnOptions {
  /**
   * The host's own name for the input, of 1 to 200 characters, for example that under which a page
   * shows it already. Unique in the conversation; one that is taken is refused with
   * `invalid-option`.
   */
  readonly clientId?: string | undefined
}

/** The options of `send`. All are optional. */
export interface SendOptions extends EditOptions {
  /**
   * The message that the input follows. Any message but the last one of its line begins a new
   * branch; `null` begins one with a first message. The input's line becomes the active one.
   *
   * @defaultValue the conversation's `headMessageId`
   */
  readonly parentId?: string | null | undefined
  /**
   * Creates the conversation, in the same transaction, if there is none with this id. A conversation
   * that exists is used as it is.
   *
   * @example
   * ```ts
   * await engine.send('user-17', 'hello', { startWith: { title: 'First steps' } })
   * ```
   */
  readonly startWith?: ConversationOptions | undefined
}

/** The options of `cancel`. */
export interface CancelOptions {
  /** Cancels only this turn, running or queued. If another one runs, it goes on. */
  readonly turnId?: string | undefined
  /**
   * What becomes of the queue:
   *
   * - `hold`: it is held, and nothing is sent unasked.
   * - `run`: its first turn starts once the partial reply is saved.
   * - `cancel`: its turns end before their start, newest first, before the running turn is stopped. The
   *   inputs of all of them are `withdrawn` on the receipt, in the order of the queue.
   *
   * @defaultValue `'hold'`
   */
  readonly queued?: 'hold' | 'run' | 'cancel' | undefined
}

/** The options of `resumeQueue`. */
export interface ResumeOptions {
  /** The id of a queued turn that starts before all others. Needs the id of its conversation. */
  readonly first?: string | undefined
}

/** A decision about a call that needs an approval; see `Engine.decide`. */
export interface DecisionOptions {
  readonly approved: boolean
  /** Told to the model if the call is denied, and kept with the call. At most 2,000 characters. */
  readonly reason?: string | undefined
  /** Arguments in place of those that the model wrote. Checked by the tool's schema. */
  readonly input?: unknown
  /** Whose decision it is, in the host's words, of 1 to 200 characters. */
  readonly by?: string | undefined
}

/** Selects waiting calls; see `Engine.listWaitingCalls`. */
export interface WaitingCallOptions {
  readonly conversationId?: string | undefined
  readonly ownerId?: string | undefined
  /** From 1 to 500. @defaultValue 100 */
  readonly limit?: number | undefined
}
