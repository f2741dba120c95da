/** The functions by which a host prepares a request, with what they are given. Types only. */
import type { ConversationRecord, Settings } from '../../protocol/conversation.ts'
import type { Message, ToolCallPart, Usage } from '../../protocol/message.ts'
import type { ToolChoice } from '../../protocol/tool.ts'

/** The turn for which `prepare` is called. */
export interface PreparedTurn {
  readonly turnId: string
  readonly conversation: ConversationRecord
  readonly endpoint: string
  readonly model: string
  /** The number of the request in its turn, from 1. */
  readonly step: number
}

/** The step for which `prepareStep` is called. */
export interface StepInfo extends PreparedTurn {
  /** The calls of the reply so far. */
  readonly calls: readonly ToolCallPart[]
  /** The usage of the steps so far. */
  readonly usage?: Usage
}

/** What one request is made with, in place of what the turn was sent with. */
export interface StepPlan {
  /** The names of the tools that are offered: only tools of the turn. */
  readonly tools?: readonly string[] | undefined
  readonly toolChoice?: ToolChoice | undefined
  /** The model to ask for at the turn's own endpoint. */
  readonly model?: string | undefined
  readonly system?: string | undefined
  readonly settings?: Settings | undefined
  /** True to end the turn before this request. */
  readonly stop?: boolean | undefined
}

/** Returns what one request is made with; nothing to make it as the turn was sent. */
export type PrepareStep = (
  step: StepInfo,
) => StepPlan | undefined | void | Promise<StepPlan | undefined | void>

/** Returns the messages to send in place of the stored ones. */
export type Prepare = (
  messages: readonly Message[],
  turn: PreparedTurn,
) => readonly Message[] | Promise<readonly Message[]>
