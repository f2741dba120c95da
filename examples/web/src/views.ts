/** The shapes of what the server tells, as the client gives them. */
import type { Chat, ChatState } from 'colloquy/client'

export type Conversation = NonNullable<ChatState['conversation']>
export type Message = ChatState['messages'][number]
export type Part = Message['parts'][number]
export type ToolCallPart = Extract<Part, { type: 'tool-call' }>
export type ToolResultPart = Extract<Part, { type: 'tool-result' }>
export type ToolProgress = NonNullable<ChatState['tools']>[number]
export type RunningTurn = NonNullable<ChatState['turn']>
export type Phase = RunningTurn['phase']
export type Accepted = Awaited<ReturnType<Chat['send']>>
export type Receipt = Awaited<ReturnType<Chat['stop']>>
export type Usage = NonNullable<Message['usage']>
