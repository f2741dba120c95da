/**
 * The data that travels between a browser and the HTTP handler: views of records, and the events of
 * streams.
 *
 * A view has what its owner may see, and dates are ISO strings. Knows neither the handler nor the
 * client, which both speak it.
 */
import type { Settings } from './conversation.ts'
import type { Decision } from './call.ts'
import type { ColloquyErrorCode } from './errors.ts'
import type { FinishReason, MessageRole, MessageStatus, Usage } from './message.ts'
import type { CallState, ToolResultCode, WaitsFor } from './tool.ts'
import type { Receipt, SendPolicy, TerminalStatus, TurnPhase, TurnStatus } from './turn.ts'

/** The kinds of failure that only the HTTP handler has. Stable like {@link ColloquyErrorCode}. */
export type HttpErrorCode =
  | 'body-invalid'
  | 'body-too-large'
  | 'forbidden'
  | 'host-refused'
  | 'method-not-allowed'
  | 'not-acceptable'
  | 'origin-refused'
  | 'request-timeout'
  | 'route-not-found'
  | 'tool-call-answered'
  | 'too-many-streams'
  | 'too-many-turns'
  | 'unauthorized'
  | 'unsupported-media-type'

/** Every code that a refused request may have. */
export type PublicErrorCode = ColloquyErrorCode | HttpErrorCode

/** The body of a refused request: `application/problem+json`, as in RFC 9457. */
export interface Problem {
  /** `urn:colloquy:error:` and the code. */
  readonly type: string
  readonly title: string
  readonly status: number
  /** What to do, in one sentence that is the same for all requests with this code. */
  readonly detail: string
  readonly code: PublicErrorCode
  /** The wait after which the request may succeed. */
  readonly retryAfterMs?: number
  /** The turn that runs or waits, with `turn-running` and `turn-waiting`. */
  readonly turnId?: string
  /** The field of the body, or the parameter, that was refused. */
  readonly field?: string
}

/** A failure of a turn, without the provider's own words. */
export interface ErrorView {
  readonly code: ColloquyErrorCode
  readonly message: string
  readonly retryAfterMs?: number
}

/** A usage without the provider's raw figures. */
export type UsageView = Omit<Usage, 'raw'>

/** A piece of a message, without the provider's opaque data. */
export type PartView =
  | { readonly type: 'text' | 'reasoning'; readonly text: string }
  | {
      readonly type: 'tool-call'
      readonly toolCallId: string
      readonly toolName: string
      readonly input?: unknown
      readonly inputText: string
    }
  | {
      readonly type: 'tool-result'
      readonly toolCallId: string
      readonly toolName: string
      readonly output: unknown
      readonly isError: boolean
      readonly code?: ToolResultCode
    }
  | { readonly type: 'file'; readonly mediaType: string; readonly url: string }
  /** A tool that the provider ran itself. */
  | { readonly type: 'provider-tool'; readonly toolName: string }

/** A stored message. */
export interface MessageView {
  readonly id: string
  readonly conversationId: string
  readonly turnId: string
  readonly parentId?: string
  readonly position: number
  readonly createdAt: string
  readonly role: MessageRole
  readonly parts: readonly PartView[]
  readonly text: string
  readonly status: MessageStatus
  readonly finishReason?: FinishReason
  readonly usage?: UsageView
  readonly model?: string
  readonly clientId?: string
  readonly siblings?: { readonly index: number; readonly count: number }
}

/** A conversation without its messages. */
export interface ConversationView {
  readonly id: string
  readonly title?: string
  readonly model?: string
  /** Only if the handler exposes endpoints. */
  readonly endpoint?: string
  /** Only if a browser may choose it. */
  readonly system?: string
  /** Only if a browser may choose them. */
  readonly settings?: Settings
  /** Only if the handler exposes metadata. */
  readonly metadata?: unknown
  /** The last message of the active line, or `null`. */
  readonly head: string | null
  readonly forkedFrom?: { readonly conversationId: string; readonly messageId: string }
  readonly archivedAt?: string
  readonly createdAt: string
  readonly updatedAt: string
  readonly running?: RunningView
}

/** A turn that runs, or that waits for an answer (`phase: 'waiting'`), as lists mark it. */
export interface RunningView {
  readonly turnId: string
  readonly phase: TurnPhase | TerminalStatus
}

/** A turn with its place in the conversation. */
export interface TurnView {
  readonly id: string
  readonly conversationId: string
  readonly status: TurnStatus
  /** What it does now, while it runs. */
  readonly phase?: TurnPhase | TerminalStatus
  readonly inputMessageId: string
  readonly replyId: string
  /** Only if the handler exposes endpoints. */
  readonly endpoint?: string
  readonly model: string
  readonly attempts: number
  readonly error?: ErrorView
  readonly usage?: UsageView
  /** Only if the handler exposes metadata. */
  readonly metadata?: unknown
  readonly startedAt: string
  readonly endedAt?: string
}

/** A page of conversations. `next` is given back as `after`. */
export interface ConversationPage {
  readonly conversations: readonly ConversationView[]
  readonly next?: string
}

/** A page of the active line, oldest first. `next` is given back as `before`. */
export interface MessagePage {
  readonly messages: readonly MessageView[]
  readonly head: string | null
  readonly next?: string
}

/** The answer to a send, once its input is on disk. */
export interface AcceptedView {
  readonly turn: RunningTurnView
  readonly message: MessageView
  readonly replyId: string
  /** Whether the turn started, waits in the queue, or is one that was queued before. */
  readonly placed: 'started' | 'queued' | 'merged'
}

/** A turn that waits for its start. */
export interface QueuedTurnView {
  readonly turnId: string
  readonly messages: readonly MessageView[]
  readonly sendPolicy: SendPolicy
  readonly queuedAt: string
}

/** The queue of a conversation, in the order in which its turns start. */
export interface QueueView {
  readonly queued: readonly QueuedTurnView[]
  /** True if turns are queued and none of them starts by itself. */
  readonly isHeld: boolean
}

/** A turn as a stream and an accepted send tell it. */
export interface RunningTurnView {
  readonly id: string
  readonly replyId: string
  readonly phase: TurnPhase | TerminalStatus
  /** The input that is answered. */
  readonly message: MessageView
}

/** The report of a stop. */
export type ReceiptView = Omit<Receipt, 'usage' | 'withdrawn'> & {
  readonly usage?: UsageView
  readonly withdrawn?: readonly MessageView[]
}

/** How a part begins. */
export type PartOpening =
  | { readonly type: 'text' | 'reasoning' }
  | { readonly type: 'tool-call'; readonly toolCallId: string; readonly toolName: string }
  | {
      readonly type: 'tool-result'
      readonly toolCallId: string
      readonly toolName: string
      readonly output: unknown
      readonly isError: boolean
      readonly code?: ToolResultCode
    }
  | { readonly type: 'file'; readonly mediaType: string; readonly url: string }
  | { readonly type: 'provider-tool'; readonly toolName: string }

/**
 * A step of a growing reply, with its place. Taking one twice, or a stale one, changes nothing.
 *
 * `at` is the number of UTF-16 units of the part before `text`. An `at` beyond the end of the part
 * says that something was missed.
 */
export type ReplyOp =
  | { readonly part: number; readonly at: number; readonly text: string }
  | { readonly part: number; readonly open: PartOpening }
  | { readonly part: number; readonly close: true }

/** A call of a tool, as a browser sees it. Times are ISO strings. */
export interface CallView {
  readonly callId: string
  readonly turnId: string
  readonly step: number
  readonly toolCallId: string
  readonly toolName: string
  readonly state: CallState
  readonly attempt: number
  readonly code?: ToolResultCode
  readonly waitsFor?: WaitsFor
  readonly input?: unknown
  readonly givenInput?: unknown
  readonly approved?: boolean
  readonly by?: string
  readonly reason?: string
  readonly expiresAt?: string
}

/** A call of the newest request, as a browser sees it. Its arguments are in the part with its id. */
export interface CallProgressView extends Pick<
  CallView,
  'callId' | 'toolCallId' | 'toolName' | 'state' | 'waitsFor' | 'expiresAt'
> {
  /** The newest value that the tool reported. */
  readonly progress?: unknown
}

/** The reply of a running or waiting turn. With `unchanged` the reader has its parts, and deltas follow. */
export interface ReplyState {
  readonly messageId: string
  readonly status: 'streaming' | 'waiting' | MessageStatus
  readonly parts?: readonly PartView[]
  readonly unchanged?: true
  /** The calls of the newest request; absent if it has none. */
  readonly calls?: readonly CallProgressView[]
}

/** The answer to an answer: what became of it, and the call as it is now. */
export interface DecisionView {
  readonly outcome: Decision['outcome']
  readonly call: CallView
}

/** What a reader who comes late needs to know of a conversation. */
export interface ConversationState {
  readonly conversation: ConversationView
  readonly head: string | null
  readonly turn?: RunningTurnView
  readonly reply?: ReplyState
  /** Absent if no turn is queued. */
  readonly queue?: QueueView
}

/** Why a stream ends, and whether to connect again. */
export interface StreamEnd {
  readonly reason: 'closed' | 'deleted' | 'rotate' | 'turn'
  readonly reconnect: boolean
}
