/**
 * The messages of a history as every server accepts them, and how dialects differ in them.
 *
 * Types only. `sendable-messages.ts` makes them.
 */
import type {
  FilePart,
  ProviderToolPart,
  ReasoningPart,
  TextPart,
  ToolCallPart,
} from '../../../protocol/message.ts'
import type { ReplyRequest } from '../../reply-request.ts'
import type { WireObject } from '../../wire-value.ts'

/** How a dialect's history differs from those of the others. */
export interface HistoryFormat {
  /** The longest id of a call. */
  readonly longestId: number
  /** The length that each id has to have. Absent: any that is not longer than the longest. */
  readonly exactId?: number | undefined
  /** Where no two calls may have one id. */
  readonly uniqueIds: 'in a reply' | 'in the history'
  /** True if a message is a list of blocks, so that joined messages keep their texts apart. */
  readonly hasBlocks: boolean
  /** The extra fields of a call that are sent back if nothing says who made the call. */
  readonly unmarkedFields: readonly string[]
  /**
   * Writes the block of a tool that the asked provider ran. Returns `undefined` for one that the
   * provider would refuse. Absent if the dialect has no such blocks.
   */
  readonly providerBlock?: (block: WireObject, request: ReplyRequest) => object | undefined
}

/** A call as it is sent. `input` is an object, and `inputText` its JSON. */
export interface SendableCall extends ToolCallPart {
  readonly input: object
  /** Extra fields that came with the call, if it goes back to its maker. */
  readonly extra: WireObject | undefined
  /** The text for a custom tool, if the call goes back to its maker. */
  readonly customInput: string | undefined
}

/** A tool that the asked provider and model ran, with its block or item as it goes back. */
export interface SendableProviderTool extends ProviderToolPart {
  readonly block: object
}

/** A result as it is sent, with the id of its call. */
export interface SendableResult {
  readonly toolCallId: string
  readonly toolName: string
  readonly text: string
  /** Files that the tool returned. */
  readonly files: readonly FilePart[]
  readonly isError: boolean
  /** True if the call goes back to its maker as a call of a custom tool. */
  readonly isCustom: boolean
}

export interface UserMessage {
  readonly role: 'user'
  readonly parts: readonly (TextPart | FilePart)[]
}

export interface AssistantMessage {
  readonly role: 'assistant'
  /** Files are the maker's own. Reasoning has the `providerData` that it was stored with. */
  readonly parts: readonly (
    | TextPart
    | FilePart
    | ReasoningPart
    | SendableCall
    | SendableProviderTool
  )[]
  /** The results of the calls. */
  readonly results: readonly SendableResult[]
  /** The field in which the maker wants the reasoning before the calls back, if it does. */
  readonly reasoningField: string | undefined
}

export type SendableMessage = UserMessage | AssistantMessage
