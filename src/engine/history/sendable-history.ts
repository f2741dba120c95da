/**
 * The history as a provider accepts it: a repaired view, made anew for each request.
 *
 * Stored messages stay as they happened, with replies cut anywhere. Some of their content makes
 * providers refuse every later request: an empty message, a tool call without a result, a tool call
 * with the id of another call, and a result without a call. These are left out of the request. What
 * every dialect must write differently is done in `transport/dialects/history/`. Knows no dialect.
 */
import {
  type Message,
  type Part,
  saysSomething,
  type ToolCallPart,
  type ToolResultPart,
} from '../../protocol/message.ts'
import type { RequestMessage } from '../../transport/reply-request.ts'

type Said = Pick<Message, 'role' | 'parts' | 'status'>

export function sendableHistory(stored: readonly Said[]): readonly RequestMessage[] {
  const messages = stored.some(holdsResults) ? stored.flatMap(apart) : stored
  const sendable: RequestMessage[] = []
  for (const [at, message] of messages.entries()) {
    const { role } = message
    if (role === 'user') {
      const parts = message.parts.filter(({ type }) => type === 'text' || type === 'file')
      if (saysSomething({ parts })) sendable.push({ role, parts })
    }
    if (role !== 'assistant') continue
    const given = resultsAfter(messages, at)
    const kept = answeredParts(message, given)
    if (saysSomething({ parts: kept })) sendable.push({ role, parts: kept })
    const results = firstResults(kept.filter(isCall), given)
    if (results.length > 0) sendable.push({ role: 'tool', parts: results })
  }
  return sendable
}

/** Returns true if a message holds results of its own calls, as replies of several steps do. */
function holdsResults({ role, parts }: Said): boolean {
  return role === 'assistant' && parts.some(isResult)
}

/** Splits a message that holds results: text and calls, then their results, and so on. */
function apart(message: Said): readonly Said[] {
  if (!holdsResults(message)) return [message]
  const pieces: { role: Said['role']; parts: Part[]; status: Said['status'] }[] = []
  for (const part of message.parts) {
    const role = isResult(part) ? 'tool' : 'assistant'
    const last = pieces.at(-1)
    if (last?.role === role) last.parts.push(part)
    else pieces.push({ role, parts: [part], status: message.status })
  }
  return pieces
}

/** The results that directly follow a message. Later ones may answer another call of that id. */
function resultsAfter(messages: readonly Said[], at: number): readonly ToolResultPart[] {
  const results: ToolResultPart[] = []
  for (let next = at + 1; messages[next]?.role === 'tool'; next += 1) {
    results.push(...(messages[next] as Said).parts.filter(isResult))
  }
  return results
}

/**
 * The parts of an assistant message without cut or unanswered calls and without cut reasoning.
 *
 * A model that said all it had to say may still have written arguments that are no JSON. Such a
 * call stays: its result tells the model what was wrong.
 */
function answeredParts(message: Said, results: readonly ToolResultPart[]): readonly Part[] {
  const open = new Set(results.map((result) => result.toolCallId))
  const isWhole = message.status === 'complete'
  const kept = message.parts.filter((part) => {
    if (part.type !== 'tool-call') return true
    // The first call with an id takes the result.
    return (isWhole || part.input !== undefined) && open.delete(part.toolCallId)
  })
  if (isWhole) return kept
  // The reasoning that led to a call was whole when the call began.
  const last = kept.findLastIndex((part) => isCall(part) || part.type === 'provider-tool')
  return kept.filter((part, at) => part.type !== 'reasoning' || at < last)
}

/** One result for each call, in the order of the calls. */
function firstResults(
  calls: readonly ToolCallPart[],
  results: readonly ToolResultPart[],
): readonly ToolResultPart[] {
  if (calls.length === 0) return []
  const byId = new Map<string, ToolResultPart>()
  for (const result of results) {
    if (!byId.has(result.toolCallId)) byId.set(result.toolCallId, result)
  }
  return calls.flatMap((call) => byId.get(call.toolCallId) ?? [])
}

function isCall(part: Part): part is ToolCallPart {
  return part.type === 'tool-call'
}

function isResult(part: Part): part is ToolResultPart {
  return part.type === 'tool-result'
}
