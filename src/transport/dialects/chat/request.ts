/**
 * Writes the body of a chat-completions request from our messages, and finds quirks in its refusal.
 * Knows nothing of headers, sockets or answers.
 */
import type { Quirks } from '../../../protocol/endpoint.ts'
import type { FilePart, Part, ToolCallPart, ToolResultPart } from '../../../protocol/message.ts'
import { textOf } from '../../../protocol/message.ts'
import type { ToolDefinitions } from '../../../protocol/tool.ts'
import type { Refusal } from '../../refusal.ts'
import type { ReplyRequest, RequestMessage } from '../../reply-request.ts'
import { isObject } from '../../wire-value.ts'

export function chatRequestBody(request: ReplyRequest): object {
  const { settings, stream, tools } = request
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
    ...(tools !== undefined && Object.keys(tools).length > 0 && { tools: toolsOf(tools) }),
    ...(stream && streamOptions && { stream_options: { include_usage: true } }),
    ...request.extraBody,
    // After `extraBody`, which must not change it: it decides how the answer is waited for.
    stream,
  }
}

/** The quirk that a refusal reveals, unless the host has set it or the field itself. */
export function quirksFromError(request: ReplyRequest, refusal: Refusal): Quirks | undefined {
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
  return undefined
}

function messagesOf({ system, messages, target }: ReplyRequest): readonly object[] {
  const { systemRole = 'system', sendReasoning = 'never' } = target.quirks ?? {}
  const reasoningField = sendReasoning === 'never' ? undefined : sendReasoning
  const wire = messages.flatMap((message) =>
    message.role === 'user' ? userMessage(message) : turnMessages(message.parts, reasoningField),
  )
  return system === undefined ? wire : [{ role: systemRole, content: system }, ...wire]
}

function userMessage({ parts }: RequestMessage): object {
  if (!parts.some((part) => part.type === 'file')) return { role: 'user', content: textOf(parts) }
  const content = parts.flatMap((part) => {
    if (part.type === 'text') return { type: 'text', text: part.text }
    return part.type === 'file' ? filePart(part) : []
  })
  return { role: 'user', content }
}

function filePart({ mediaType, url }: FilePart): object {
  if (mediaType.startsWith('image/')) return { type: 'image_url', image_url: { url } }
  const filename = `file.${/\/([\w-]+)/.exec(mediaType)?.[1] ?? 'bin'}`
  const isInline = url.startsWith('data:')
  return {
    type: 'file',
    file: { filename, ...(isInline ? { file_data: url } : { file_url: url }) },
  }
}

/**
 * The text, calls and tool results of a turn as messages, in the order of the parts. A tool result
 * closes the message with the calls, and text after it opens the next one. Reasoning is sent only
 * if the server has a field for it.
 */
function turnMessages(
  parts: readonly Part[],
  reasoningField: string | undefined,
): readonly object[] {
  const messages: object[] = []
  let said = ''
  let thought = ''
  let calls: object[] = []
  const close = (): void => {
    const reasoning =
      reasoningField === undefined || thought === '' ? {} : { [reasoningField]: thought }
    if (calls.length > 0) {
      const content = said === '' ? null : said
      messages.push({ role: 'assistant', content, ...reasoning, tool_calls: calls })
    } else if (said !== '') messages.push({ role: 'assistant', content: said, ...reasoning })
    said = ''
    thought = ''
    calls = []
  }
  for (const part of parts) {
    if (part.type === 'text') said += part.text
    else if (part.type === 'reasoning') thought += part.text
    else if (part.type === 'tool-call') calls.push(toolCall(part))
    else if (part.type === 'tool-result') {
      close()
      messages.push(toolResult(part))
    }
  }
  close()
  return messages
}

function toolCall({ toolCallId, toolName, input, inputText, providerData }: ToolCallPart): object {
  const extra = isObject(providerData) ? providerData['extra_content'] : undefined
  return {
    id: toolCallId,
    type: 'function',
    function: { name: toolName, arguments: inputText === '' ? jsonOr(input, '{}') : inputText },
    ...(extra !== undefined && { extra_content: extra }),
  }
}

function toolResult({ toolCallId, output }: ToolResultPart): object {
  const content = typeof output === 'string' ? output : jsonOr(output, '')
  return { role: 'tool', tool_call_id: toolCallId, content }
}

function toolsOf(tools: ToolDefinitions): readonly object[] {
  return Object.entries(tools).map(([name, { description, inputSchema }]) => ({
    type: 'function',
    function: { name, description, parameters: inputSchema },
  }))
}

/** Returns `nothing` for `undefined` and other values that JSON cannot express. */
function jsonOr(value: unknown, nothing: string): string {
  return JSON.stringify(value) ?? nothing
}
