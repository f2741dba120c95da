/**
 * Writes the body of a chat-completions request from our messages, and finds quirks in its refusal.
 * Knows nothing of headers, sockets or answers.
 */
import type { FilePart } from '../../../protocol/message.ts'
import { textOf } from '../../../protocol/message.ts'
import type { ToolDefinition } from '../../../protocol/tool.ts'
import type { ServerQuirks } from '../../provider-target.ts'
import type { Refusal } from '../../refusal.ts'
import type { ReplyRequest } from '../../reply-request.ts'
import { isObject } from '../../wire-value.ts'
import { sendableMessages, sendableSystem } from '../history/sendable-messages.ts'
import type {
  AssistantMessage,
  HistoryFormat,
  SendableCall,
  SendableResult,
  UserMessage,
} from '../history/sendable-message.ts'
import { namedFile } from '../history/sent-file.ts'
import { LONGEST_CALL_ID } from '../history/wire-names.ts'
import { fileNameFor } from '../media-type.ts'
import { toolFields } from '../tool-fields.ts'
import { DETAIL_LISTS } from './reasoning.ts'
import { sentReasoning } from './sent-reasoning.ts'

export function chatRequestBody(request: ReplyRequest): object {
  const { settings, stream } = request
  const { streamOptions = true, maxTokensField = 'max_tokens' } = request.target.quirks ?? {}
  const settled = {
    temperature: settings.temperature,
    top_p: settings.topP,
    [maxTokensField]: settings.maxOutputTokens,
    stop: settings.stop,
    seed: settings.seed,
  }
  return {
    model: request.model,
    messages: messagesOf(request),
    ...settled,
    ...toolFields(request, TOOL_FORMAT),
    ...(stream && streamOptions && { stream_options: { include_usage: true } }),
    ...request.extraBody,
    // After `extraBody`, which must not change it: it decides how the answer is waited for.
    stream,
  }
}

/** The quirk that a refusal reveals, unless the host has set it or the field itself. */
export function quirksFromError(request: ReplyRequest, refusal: Refusal): ServerQuirks | undefined {
  const { target, settings, stream, extraBody = {} } = request
  const { quirks = {} } = target
  const { param, text } = refusal
  const names = (field: string): boolean =>
    (param === field || text.includes(field)) && !(field in extraBody)
  if (stream && quirks.streamOptions === undefined && names('stream_options')) {
    return { streamOptions: false }
  }
  // Both names must be there: an error about a count that is too high has only one of them.
  const isOtherField = names('max_tokens') && names('max_completion_tokens')
  if (settings.maxOutputTokens !== undefined && !quirks.maxTokensField && isOtherField) {
    return { maxTokensField: 'max_completion_tokens' }
  }
  return (
    (quirks.sendReasoning === undefined ? reasoningQuirk(request, refusal) : undefined) ??
    (quirks.callIdLength === undefined ? idQuirk(request, refusal) : undefined)
  )
}

/** How servers say that the id of a call has to be of letters and digits, and of one length. */
const EXACT_ID = /\b(?:tool[ _-]?)?call[ _-]?ids?\b.{0,200}?\blength (?:of )?(\d{1,2})\b/is

/** Returns the quirk of a server that takes only ids of calls like its own: Mistral. */
function idQuirk(request: ReplyRequest, { text }: Refusal): ServerQuirks | undefined {
  const length = Number(EXACT_ID.exec(text)?.[1] ?? 0)
  const isUsable = length >= SHORTEST_EXACT_ID && length <= LONGEST_CALL_ID
  const hasCalls = messagesOf(request).some((sent) => 'tool_calls' in sent)
  return isUsable && hasCalls ? { callIdLength: length } : undefined
}

/** Shorter ids could meet in a history. */
const SHORTEST_EXACT_ID = 6

/** How servers say that they want the reasoning of earlier replies. */
const WANTED = /\b(?:must(?! not)|required?|missing|needs?)\b/i

/** Returns the quirk of a server that demands the reasoning of every reply, or refuses all of it. */
function reasoningQuirk(request: ReplyRequest, refusal: Refusal): ServerQuirks | undefined {
  const { param, text } = refusal
  const named = [...SENDABLE, ...DETAIL_LISTS.keys()].find(
    (field) => param === field || new RegExp(String.raw`\b${field}\b`).test(text),
  )
  if (named === undefined) return undefined
  const isSent = messagesOf(request).some((sent) => named in sent)
  if (!WANTED.test(text)) return isSent ? { sendReasoning: 'never' } : undefined
  const field = SENDABLE.find((each) => each === named)
  return field === undefined ? undefined : { sendReasoning: field }
}

const SENDABLE = ['reasoning_content', 'reasoning', 'reasoning_text'] as const

/** OpenAI's limits are the narrowest: 40 characters for the id of a call. */
const FORMAT: HistoryFormat = {
  longestId: LONGEST_CALL_ID,
  uniqueIds: 'in a reply',
  hasBlocks: false,
  // Gemini's thought signatures.
  unmarkedFields: ['extra_content'],
}

function messagesOf(request: ReplyRequest): readonly object[] {
  const { systemRole = 'system', callIdLength } = request.target.quirks ?? {}
  const system = sendableSystem(request)
  const wire = sendableMessages(request, { ...FORMAT, exactId: callIdLength }).flatMap((message) =>
    message.role === 'user'
      ? userMessage(message)
      : [assistantMessage(message, request), ...resultMessages(message.results, request)],
  )
  const joined = wire.some(hasFilesBefore) ? userMessagesJoined(wire) : wire
  return system === undefined ? joined : [{ role: systemRole, content: system }, ...joined]
}

interface WireUser {
  readonly role?: unknown
  readonly content?: unknown
}

/** Files of results may be followed by the user's own message, and servers want roles to alternate. */
function hasFilesBefore(message: WireUser, at: number, wire: readonly WireUser[]): boolean {
  return message.role === 'user' && wire[at - 1]?.role === 'user'
}

function userMessagesJoined(wire: readonly WireUser[]): readonly object[] {
  const joined: WireUser[] = []
  for (const message of wire) {
    const last = joined.at(-1)
    if (message.role !== 'user' || last?.role !== 'user') joined.push(message)
    else {
      const content = [last, message].flatMap((user) =>
        Array.isArray(user.content)
          ? (user.content as unknown[])
          : [{ type: 'text', text: user.content }],
      )
      joined[joined.length - 1] = { role: 'user', content }
    }
  }
  return joined
}

function userMessage({ parts }: UserMessage): object {
  if (!parts.some((part) => part.type === 'file')) return { role: 'user', content: textOf(parts) }
  const content = parts.map((part) =>
    part.type === 'text' ? { type: 'text', text: part.text } : filePart(part),
  )
  return { role: 'user', content }
}

function filePart({ mediaType, url }: FilePart): object {
  if (mediaType.startsWith('image/')) return { type: 'image_url', image_url: { url } }
  const filename = fileNameFor(mediaType)
  const isInline = url.startsWith('data:')
  return {
    type: 'file',
    file: { filename, ...(isInline ? { file_data: url } : { file_url: url }) },
  }
}

/** A reply, with its calls, its pictures, and its reasoning if its maker wants that back. */
function assistantMessage(message: AssistantMessage, request: ReplyRequest): object {
  const { parts } = message
  const calls = parts.flatMap((part) => (part.type === 'tool-call' ? toolCall(part) : []))
  const files = parts.flatMap((part) => (part.type === 'file' ? part : []))
  // A message without calls must have text, even if its pictures say all.
  const named = calls.length === 0 ? files.map(namedFile).join('\n') : ''
  const said = textOf(parts) || named
  return {
    role: 'assistant',
    content: said === '' ? null : said,
    ...sentReasoning(message, said, request),
    ...(files.length > 0 && { images: files.map(filePart) }),
    ...(calls.length > 0 && { tool_calls: calls }),
  }
}

function toolCall(call: SendableCall): object {
  const { toolCallId: id, toolName: name, inputText, extra, customInput } = call
  const { function: inFunction, ...fields } = extra ?? {}
  const called = { ...(isObject(inFunction) && inFunction), name }
  return customInput === undefined
    ? { ...fields, id, type: 'function', function: { ...called, arguments: inputText } }
    : { ...fields, id, type: 'custom', custom: { ...called, input: customInput } }
}

/**
 * Results hold text alone in most servers: files follow in a message of the user, each named by its
 * call.
 */
function resultMessages(
  results: readonly SendableResult[],
  request: ReplyRequest,
): readonly object[] {
  const { toolResultFiles = 'after' } = request.target.quirks ?? {}
  const isInside = toolResultFiles === 'inside'
  const messages = results.map((result) => toolResult(result, isInside))
  const files = toolResultFiles === 'after' ? results.flatMap(namedFiles) : []
  return files.length === 0 ? messages : [...messages, { role: 'user', content: files }]
}

function toolResult({ toolCallId, text, files }: SendableResult, isInside: boolean): object {
  if (files.length === 0 || !isInside) {
    const content = text === '' && files.length > 0 ? files.map(namedFile).join('\n') : text
    return { role: 'tool', tool_call_id: toolCallId, content }
  }
  const said = text === '' ? [] : [{ type: 'text', text }]
  return { role: 'tool', tool_call_id: toolCallId, content: [...said, ...files.map(filePart)] }
}

function namedFiles({ toolCallId, toolName, files }: SendableResult): readonly object[] {
  if (files.length === 0) return []
  const text = `Files from the result of ${toolName} (call ${toolCallId}):`
  return [{ type: 'text', text }, ...files.map(filePart)]
}

const TOOL_FORMAT = {
  tool: (name: string, { description, inputSchema }: ToolDefinition) => ({
    type: 'function',
    function: { name, description, parameters: inputSchema },
  }),
  choice: (name: string) => ({ type: 'function', function: { name } }),
}
