/** What a tool is told of its call. Knows nothing of how it runs. */
import type { ConversationStore } from '../../../persistence/ports/conversation-store.ts'
import type { NewCall } from '../../../persistence/ports/call-write.ts'
import type { CallContext } from '../../../tools/tool.ts'
import type { LiveTurn } from '../live-turn/live-turn.ts'
import type { Step } from '../step/step.ts'

export function callContext(
  store: ConversationStore,
  live: LiveTurn,
  step: number,
  call: Omit<NewCall, 'state' | 'code'>,
): Omit<CallContext, 'signal' | 'progress'> {
  const { turnId, conversationId, replyFeed, request } = live
  const { callId, idempotencyKey, toolCallId, toolName, attempt } = call
  const { ownerId } = replyFeed
  const { place } = live.step as Step
  return {
    callId,
    idempotencyKey,
    toolCallId,
    toolName,
    turnId,
    conversationId,
    ...(ownerId !== undefined && { ownerId }),
    step,
    attempt,
    toolContext: request.options.toolContext,
    metadata: request.options.metadata,
    history: () => store.listLine(conversationId, place),
  }
}
