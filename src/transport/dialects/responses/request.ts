/**
 * Writes the body of a Responses request. Knows nothing of headers and answers.
 *
 * The complete history is sent with each request, and the provider stores nothing. Items are sent
 * without the ids that the provider gave them, except reasoning items.
 */
import { ColloquyError } from '../../../protocol/errors.ts'
import type { FilePart, Part, ToolCallPart, ToolResultPart } from '../../../protocol/message.ts'
import { textOf } from '../../../protocol/message.ts'
import type { ToolDefinitions } from '../../../protocol/tool.ts'
import type { ReplyRequest, RequestMessage } from '../../reply-request.ts'
import { reasoningItems } from './reasoning.ts'

/**
 * OpenAI's models that do not reason refuse a request for encrypted reasoning. The list is
 * complete: there will be no more of these models.
 */
const NEVER_REASON = /(?:^|[/:.])(?:gpt-3|gpt-4|chatgpt-)|-chat(?:-latest)?$/

/** @throws {@link ColloquyError} `invalid-option` for settings that the format does not have */
export function responsesRequestBody(request: ReplyRequest): object {
  const { model, settings, stream, tools } = request
  refuseUnknown(request)
  return {
    model,
    instructions: request.system,
    input: request.messages.flatMap((message) => inputItems(message, request)),
    temperature: settings.temperature,
    top_p: settings.topP,
    max_output_tokens: settings.maxOutputTokens,
    ...(tools !== undefined && Object.keys(tools).length > 0 && { tools: toolsOf(tools) }),
    store: false,
    ...(!NEVER_REASON.test(model) && { include: ['reasoning.encrypted_content'] }),
    ...request.extraBody,
    // Last, so that `extraBody` cannot change it: it decides how the transport awaits the answer.
    stream,
  }
}

function refuseUnknown({ settings, target }: ReplyRequest): void {
  const unknown = (['stop', 'seed'] as const).filter((name) => settings[name] !== undefined)
  if (unknown.length === 0) return
  throw new ColloquyError(
    'invalid-option',
    `Endpoint "${target.endpoint}" is asked in the dialect responses, which has no setting ${unknown.join(', ')}. ` +
      'Leave it out, or use an endpoint with the dialect chat-completions.',
  )
}

function inputItems({ role, parts }: RequestMessage, request: ReplyRequest): readonly object[] {
  return role === 'user' ? [userMessage(parts)] : turnItems(parts, request)
}

function userMessage(parts: readonly Part[]): object {
  if (!parts.some((part) => part.type === 'file')) return { role: 'user', content: textOf(parts) }
  const content = parts.flatMap((part) => {
    if (part.type === 'text') return { type: 'input_text', text: part.text }
    return part.type === 'file' ? filePart(part) : []
  })
  return { role: 'user', content }
}

function filePart({ mediaType, url }: FilePart): object {
  if (mediaType.startsWith('image/')) {
    return { type: 'input_image', image_url: url, detail: 'auto' }
  }
  if (!url.startsWith('data:')) return { type: 'input_file', file_url: url }
  const filename = `file.${/\/([\w-]+)/.exec(mediaType)?.[1] ?? 'bin'}`
  return { type: 'input_file', filename, file_data: url }
}

/** Returns reasoning, texts, tool calls and tool results as items, in the order of the parts. */
function turnItems(parts: readonly Part[], request: ReplyRequest): readonly object[] {
  const items: object[] = []
  let thoughts: object[] = []
  let said = ''
  const close = (): void => {
    if (said !== '') items.push(...thoughts, { role: 'assistant', content: said })
    if (said !== '') thoughts = []
    said = ''
  }
  for (const part of parts) {
    if (part.type === 'text') said += part.text
    else if (part.type === 'reasoning') {
      const reasoning = reasoningItems(part, request)
      if (reasoning.length === 0) continue
      close()
      thoughts.push(...reasoning)
    } else if (part.type === 'tool-call') {
      close()
      items.push(...thoughts, toolCall(part))
      thoughts = []
    } else if (part.type === 'tool-result') {
      close()
      // The provider refuses reasoning without the item that followed it.
      thoughts = []
      items.push(toolResult(part))
    }
  }
  close()
  return items
}

function toolCall({ toolCallId, toolName, input, inputText }: ToolCallPart): object {
  return {
    type: 'function_call',
    call_id: toolCallId,
    name: toolName,
    arguments: inputText === '' ? jsonOr(input, '{}') : inputText,
  }
}

function toolResult({ toolCallId, output }: ToolResultPart): object {
  return {
    type: 'function_call_output',
    call_id: toolCallId,
    output: typeof output === 'string' ? output : jsonOr(output, ''),
  }
}

function toolsOf(tools: ToolDefinitions): readonly object[] {
  return Object.entries(tools).map(([name, { description, inputSchema }]) => ({
    type: 'function',
    name,
    description,
    parameters: inputSchema,
    // Otherwise the provider would change or refuse schemas, to make constrained decoding possible.
    strict: false,
  }))
}

/** Returns the value as JSON, or `nothing` if JSON cannot express it, as with `undefined`. */
function jsonOr(value: unknown, nothing: string): string {
  return JSON.stringify(value) ?? nothing
}
