/** The public names of `colloquy/client`. Has no code of its own. */
export { createClient } from './client/client.ts'
export type { Client, ConversationList, ListEvent, NewConversation } from './client/client.ts'
export type { ConnectionState } from './client/connection.ts'
export type {
  CallAnswer,
  Chat,
  ChatState,
  ClientInput,
  ClientSendOptions,
} from './client/conversation.ts'
export type { GrowingReplyView } from './client/reply.ts'
export { ClientError } from './client/request.ts'
export type { ClientClock, ClientOptions } from './client/request.ts'
