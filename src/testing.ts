/**
 * The public names of `colloquy/testing`: a provider for tests, which answers by a script.
 *
 * The provider serves HTTP and knows nothing of the engine.
 */
export {
  bytes,
  cut,
  drip,
  end,
  flood,
  halfClose,
  hang,
  head,
  inOrder,
  keepAlive,
  reset,
  send,
  until,
} from './testing/answer-steps.ts'
export { chatAnswer, chatEvents, chatReply, chatStream, chunk, endless } from './testing/chat.ts'
export type { ChatReplyOptions, ChunkDelta } from './testing/chat.ts'
export type { ServedRequest, ServedRequest as Exchange } from './testing/served-request.ts'
export { closedGate, steps } from './testing/gate.ts'
export type { Gate, GateFor } from './testing/gate.ts'
export {
  messagesAnswer,
  messagesEvents,
  messagesReply,
  messagesStream,
} from './testing/messages.ts'
export type { MessagesReplyOptions } from './testing/messages.ts'
export { refusingUrl, startProvider } from './testing/provider.ts'
export type { Provider, Welcome } from './testing/provider.ts'
export { reply } from './testing/reply.ts'
export {
  responsesAnswer,
  responsesEvents,
  responsesReply,
  responsesStream,
} from './testing/responses.ts'
export type { ResponsesReplyOptions } from './testing/responses.ts'
export type { Script } from './testing/script.ts'
export { sse } from './testing/stream-event.ts'
export type { ScriptedCall, ScriptedReplyOptions, StreamEvent } from './testing/stream-event.ts'
export { bomb, encoded, errorReply, json, raw, redirect } from './testing/whole-answers.ts'
export type { BombOptions, ErrorReplyOptions, RawOptions } from './testing/whole-answers.ts'
