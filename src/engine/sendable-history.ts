/**
 * The history as a provider accepts it: a repaired view, made anew for each request.
 *
 * What is stored stays as it happened, with replies cut anywhere. Providers refuse a request with
 * an empty assistant message, a tool call that nobody answered, or an answer to no call, and they
 * would refuse it for ever: so these are left out of what is sent.
 */
import type { Message, Part, ToolCallPart, ToolResultPart } from '../protocol/message.ts'
import type { RequestMessage } from '../transport/reply-request.ts'

export function sendableHistory(messages: readonly Message[]): readonly RequestMessage[] {
  const sendable: RequestMessage[] = []
  for (const [at, message] of messages.entries()) {
    const { role, parts } = message
    if (role === 'user' && parts.some(isContent)) sendable.push({ role, parts })
    if (role !== 'assistant') continue
    const given = resultsAfter(messages, at)
    const kept = answeredParts(message, given)
    if (kept.some(isContent)) sendable.push({ role, parts: kept })
    const results = firstResults(kept.filter(isCall), given)
    if (results.length > 0) sendable.push({ role: 'tool', parts: results })
  }
  return sendable
}

/** The results that directly follow a message. Ids are not unique beyond that. */
function resultsAfter(messages: readonly Message[], at: number): readonly ToolResultPart[] {
  const results: ToolResultPart[] = []
  for (let next = at + 1; messages[next]?.role === 'tool'; next += 1) {
    results.push(...(messages[next] as Message).parts.filter(isResult))
  }
  return results
}

/** An assistant message without calls that were cut or not answered, nor reasoning that was cut. */
function answeredParts(message: Message, results: readonly ToolResultPart[]): readonly Part[] {
  const answered = new Set(results.map((result) => result.toolCallId))
  return message.parts.filter((part) => {
    if (part.type === 'tool-call') return part.input !== undefined && answered.has(part.toolCallId)
    if (part.type === 'reasoning') return message.status === 'complete'
    return true
  })
}

/** One result for each call, in the order of the calls. */
function firstResults(
  calls: readonly ToolCallPart[],
  results: readonly ToolResultPart[],
): readonly ToolResultPart[] {
  return calls.flatMap(
    (call) => results.find((result) => result.toolCallId === call.toolCallId) ?? [],
  )
}

function isCall(part: Part): part is ToolCallPart {
  return part.type === 'tool-call'
}

function isResult(part: Part): part is ToolResultPart {
  return part.type === 'tool-result'
}

/** Whether there is more in a message than thoughts. */
export function saysSomething({ parts }: Pick<Message, 'parts'>): boolean {
  return parts.some(isContent)
}

/** Whether a provider sees anything in it. */
function isContent(part: Part): boolean {
  return part.type === 'text' ? part.text !== '' : part.type !== 'reasoning'
}
