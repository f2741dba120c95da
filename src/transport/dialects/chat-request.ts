/** Writes the body of a chat-completions request from our messages. */
import type { FilePart, Part, ToolCallPart, ToolResultPart } from '../../protocol/message.ts'
import { textOf } from '../../protocol/message.ts'
import type { ToolDefinitions } from '../../protocol/tool.ts'
import type { ReplyRequest, RequestMessage } from '../reply-request.ts'
import { isObject } from '../wire-value.ts'

export function chatRequestBody(request: ReplyRequest): object {
  const { settings, stream, tools } = request
  const settled = {
    temperature: settings.temperature,
    top_p: settings.topP,
    max_tokens: settings.maxOutputTokens,
    stop: settings.stop,
    seed: settings.seed,
  }
  return {
    model: request.model,
    messages: messagesOf(request),
    ...settled,
    ...(tools !== undefined && Object.keys(tools).length > 0 && { tools: toolsOf(tools) }),
    ...(stream && { stream_options: { include_usage: true } }),
    ...request.extraBody,
    // Not for `extraBody` to change: it decides how the answer is waited for.
    stream,
  }
}

function messagesOf({ system, messages }: ReplyRequest): readonly object[] {
  const wire = messages.flatMap((message) =>
    message.role === 'user' ? userMessage(message) : turnMessages(message.parts),
  )
  return system === undefined ? wire : [{ role: 'system', content: system }, ...wire]
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
 * What the model said and what its tools answered, in the order of the parts: an answer closes
 * the message with the calls, and text after it opens the next one. Reasoning stays here.
 */
function turnMessages(parts: readonly Part[]): readonly object[] {
  const messages: object[] = []
  let said = ''
  let calls: object[] = []
  const close = (): void => {
    if (calls.length > 0) {
      messages.push({ role: 'assistant', content: said === '' ? null : said, tool_calls: calls })
    } else if (said !== '') messages.push({ role: 'assistant', content: said })
    said = ''
    calls = []
  }
  for (const part of parts) {
    if (part.type === 'text') said += part.text
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
    function: { name: toolName, arguments: inputText === '' ? jsonText(input, '{}') : inputText },
    ...(extra !== undefined && { extra_content: extra }),
  }
}

function toolResult({ toolCallId, output }: ToolResultPart): object {
  const content = typeof output === 'string' ? output : jsonText(output, '')
  return { role: 'tool', tool_call_id: toolCallId, content }
}

function toolsOf(tools: ToolDefinitions): readonly object[] {
  return Object.entries(tools).map(([name, { description, inputSchema }]) => ({
    type: 'function',
    function: { name, description, parameters: inputSchema },
  }))
}

/** `undefined`, and what JSON does not know, become the text that stands for nothing. */
function jsonText(value: unknown, nothing: string): string {
  return JSON.stringify(value) ?? nothing
}
