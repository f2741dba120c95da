/**
 * Records as their owner's browser may see them.
 *
 * A view is made field by field, so that a new field of a record is not shown by accident: never
 * opaque data of providers, raw usage, keys, headers or addresses.
 */
import type {
  CallRecord,
  ConversationRecord,
  Decision,
  ErrorRecord,
  Message,
  Part,
  QueuedTurn,
  Receipt,
  Snapshot,
  Turn,
  TurnRecord,
  Usage,
} from '../../index.ts'
import type {
  AcceptedView,
  CallProgressView,
  CallView,
  ConversationView,
  DecisionView,
  ErrorView,
  MessageView,
  PartView,
  QueueView,
  ReceiptView,
  RunningTurnView,
  TurnView,
  UsageView,
} from '../../protocol/web.ts'
import type { ResolvedOptions } from '../options/resolved-options.ts'
import { PUBLIC_ERRORS } from '../refusals/public-errors.ts'

export type Visible = Pick<ResolvedOptions, 'expose' | 'allow'>

export function conversationView(
  record: ConversationRecord,
  { expose, allow }: Visible,
  running?: Pick<Turn, 'id' | 'phase'>,
): ConversationView {
  const { id, title, model, endpoint, system, settings, metadata, forkedFrom } = record
  return {
    id,
    ...(title !== undefined && { title }),
    ...(model !== undefined && { model }),
    ...(endpoint !== undefined && expose.endpoints === true && { endpoint }),
    ...(system !== undefined && isAllowed(allow.system) && { system }),
    ...(settings !== undefined && isAllowed(allow.settings) && { settings }),
    ...(metadata !== undefined && expose.metadata === true && { metadata }),
    head: record.headMessageId ?? null,
    ...(forkedFrom !== undefined && { forkedFrom }),
    ...(record.archivedAt !== undefined && { archivedAt: record.archivedAt.toISOString() }),
    createdAt: record.createdAt.toISOString(),
    updatedAt: record.updatedAt.toISOString(),
    ...(running !== undefined && { running: { turnId: running.id, phase: running.phase } }),
  }
}

export function messageView(message: Message): MessageView {
  const { parentId, finishReason, usage, model, clientId, siblings } = message
  return {
    id: message.id,
    conversationId: message.conversationId,
    turnId: message.turnId,
    ...(parentId !== undefined && { parentId }),
    position: message.position,
    createdAt: message.createdAt.toISOString(),
    role: message.role,
    parts: message.parts.map(partView),
    text: message.text,
    status: message.status,
    ...(finishReason !== undefined && { finishReason }),
    ...(usage !== undefined && { usage: usageView(usage) }),
    ...(model !== undefined && { model }),
    ...(clientId !== undefined && { clientId }),
    ...(siblings !== undefined && { siblings }),
  }
}

export function partView(part: Part): PartView {
  switch (part.type) {
    case 'text':
    case 'reasoning':
      return { type: part.type, text: part.text }
    case 'tool-call': {
      const { type, toolCallId, toolName, input, inputText } = part
      return { type, toolCallId, toolName, ...(input !== undefined && { input }), inputText }
    }
    case 'tool-result': {
      const { type, toolCallId, toolName, output, isError, code } = part
      return { type, toolCallId, toolName, output, isError, ...(code !== undefined && { code }) }
    }
    case 'provider-tool':
      return { type: part.type, toolName: part.toolName }
    default:
      return { type: part.type, mediaType: part.mediaType, url: part.url }
  }
}

export function turnView(record: TurnRecord, { expose }: Visible, running?: Turn): TurnView {
  const { endpoint, error, usage, metadata, endedAt } = record
  return {
    id: record.id,
    conversationId: record.conversationId,
    status: record.status,
    ...(running?.id === record.id && { phase: running.phase }),
    inputMessageId: record.inputMessageId,
    replyId: record.replyId,
    ...(expose.endpoints === true && { endpoint }),
    model: record.model,
    attempts: record.attempts,
    ...(error !== undefined && { error: errorView(error, expose) }),
    ...(usage !== undefined && { usage: usageView(usage) }),
    ...(metadata !== undefined && expose.metadata === true && { metadata }),
    startedAt: record.startedAt.toISOString(),
    ...(endedAt !== undefined && { endedAt: endedAt.toISOString() }),
  }
}

export function errorView(error: ErrorRecord, expose: ResolvedOptions['expose']): ErrorView {
  const { code, message, retryAfterMs } = error
  return {
    code,
    message: expose.errors === 'detailed' ? message : PUBLIC_ERRORS[code].detail,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
  }
}

export function usageView(usage: Usage): UsageView {
  const { inputTokens, outputTokens, reasoningTokens, cacheReadTokens, cacheWriteTokens } = usage
  return {
    ...(inputTokens !== undefined && { inputTokens }),
    ...(outputTokens !== undefined && { outputTokens }),
    ...(reasoningTokens !== undefined && { reasoningTokens }),
    ...(cacheReadTokens !== undefined && { cacheReadTokens }),
    ...(cacheWriteTokens !== undefined && { cacheWriteTokens }),
    source: usage.source,
  }
}

export function runningTurnView(turn: Turn): RunningTurnView {
  const { id, replyId, phase, userMessage } = turn
  return { id, replyId, phase, message: messageView(userMessage) }
}

export function acceptedView(turn: Turn): AcceptedView {
  const view = runningTurnView(turn)
  return { turn: view, message: view.message, replyId: turn.replyId, placed: turn.placed }
}

export function receiptView(receipt: Receipt): ReceiptView {
  const { outcome, from, upstreamAborted, savedMessageId, partialChars, usage } = receipt
  const { withdrawn, tools } = receipt
  return {
    outcome,
    from,
    upstreamAborted,
    ...(savedMessageId !== undefined && { savedMessageId }),
    partialChars,
    ...(usage !== undefined && { usage: usageView(usage) }),
    ...(withdrawn !== undefined && { withdrawn: withdrawn.map(messageView) }),
    ...(tools !== undefined && { tools }),
  }
}

/** @param isRunning - true if a turn of the conversation runs: the queue goes on after it */
export function queueView(queue: readonly QueuedTurn[], isRunning: boolean): QueueView {
  return {
    queued: queue.map(({ turnId, messages, sendPolicy, queuedAt }) => ({
      turnId,
      messages: messages.map(messageView),
      sendPolicy,
      queuedAt: queuedAt.toISOString(),
    })),
    isHeld: queue.length > 0 && !isRunning,
  }
}

/** A browser that may choose something may see it too. */
function isAllowed(permission: unknown): boolean {
  return permission !== false
}

/** The calls of a snapshot. */
export function progressViews(calls: Snapshot['calls']): readonly CallProgressView[] | undefined {
  return calls?.map(({ callId, toolCallId, toolName, state, waitsFor, expiresAt, progress }) => ({
    callId,
    toolCallId,
    toolName,
    state,
    ...(waitsFor !== undefined && { waitsFor }),
    ...(expiresAt !== undefined && { expiresAt: expiresAt.toISOString() }),
    ...(progress !== undefined && { progress }),
  }))
}

export function decisionView({ outcome, call }: Decision): DecisionView {
  return { outcome, call: callView(call, true) }
}

/** A call. Its arguments are content. */
export function callView(call: CallRecord, withContent: boolean): CallView {
  const { callId, turnId, step, toolCallId, toolName, state, attempt } = call
  const { code, waitsFor, input, givenInput, approved, by, reason, expiresAt } = call
  return {
    callId,
    turnId,
    step,
    toolCallId,
    toolName,
    state,
    attempt,
    ...(code !== undefined && { code }),
    ...(waitsFor !== undefined && { waitsFor }),
    ...(withContent && input !== undefined && { input }),
    ...(withContent && givenInput !== undefined && { givenInput }),
    ...(approved !== undefined && { approved }),
    ...(by !== undefined && { by }),
    ...(reason !== undefined && { reason }),
    ...(expiresAt !== undefined && { expiresAt: expiresAt.toISOString() }),
  }
}
