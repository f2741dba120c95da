/**
 * Writes the body of a Responses request. Knows nothing of headers and answers.
 *
 * The complete history is sent with each request, and the provider stores nothing. Items are sent
 * without the ids that the provider gave them, except reasoning items.
 */
import { ColloquyError } from '../../../protocol/errors.ts'
import type { FilePart } from '../../../protocol/message.ts'
import { textOf } from '../../../protocol/message.ts'
import type { ToolDefinition } from '../../../protocol/tool.ts'
import type { ReplyRequest } from '../../reply-request.ts'
import { isObject, nonEmpty } from '../../wire-value.ts'
import { isBlank, sendableMessages, sendableSystem } from '../history/sendable-messages.ts'
import type {
  AssistantMessage,
  HistoryFormat,
  SendableCall,
  SendableResult,
  UserMessage,
} from '../history/sendable-message.ts'
import { namedFile } from '../history/sent-file.ts'
import { fileNameFor } from '../media-type.ts'
import { toolFields } from '../tool-fields.ts'
import { hostedItem } from './hosted-tools.ts'
import { reasoningItems } from './reasoning.ts'

/**
 * OpenAI's models that do not reason refuse a request for encrypted reasoning. The list is
 * complete: there will be no more of these models.
 */
const NEVER_REASON = /(?:^|[/:.])(?:gpt-3|gpt-4|chatgpt-)|-chat(?:-latest)?$/

/** @throws {@link ColloquyError} `invalid-option` for settings that the format does not have */
export function responsesRequestBody(request: ReplyRequest): object {
  const { model, settings, stream } = request
  refuseUnknown(request)
  return {
    model,
    instructions: sendableSystem(request),
    input: inputItems(request),
    temperature: settings.temperature,
    top_p: settings.topP,
    max_output_tokens: settings.maxOutputTokens,
    ...toolFields(request, TOOL_FORMAT),
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

/** OpenAI's limits are the narrowest: 64 characters for the id of a call. */
const FORMAT: HistoryFormat = {
  longestId: 64,
  uniqueIds: 'in a reply',
  hasBlocks: false,
  unmarkedFields: [],
  providerBlock: hostedItem,
}

function inputItems(request: ReplyRequest): readonly object[] {
  return sendableMessages(request, FORMAT).flatMap((message) =>
    message.role === 'user'
      ? userMessage(message)
      : [...replyItems(message, request), ...message.results.map(callOutput)],
  )
}

function userMessage({ parts }: UserMessage): object {
  if (!parts.some((part) => part.type === 'file')) return { role: 'user', content: textOf(parts) }
  const content = parts.map((part) =>
    part.type === 'text' ? { type: 'input_text', text: part.text } : filePart(part),
  )
  return { role: 'user', content }
}

function filePart({ mediaType, url }: FilePart): object {
  if (mediaType.startsWith('image/')) {
    return { type: 'input_image', image_url: url, detail: 'auto' }
  }
  if (!url.startsWith('data:')) return { type: 'input_file', file_url: url }
  const filename = fileNameFor(mediaType)
  return { type: 'input_file', filename, file_data: url }
}

/** Returns reasoning, texts, tool calls and pictures as items, in the order of the parts. */
function replyItems({ parts }: AssistantMessage, request: ReplyRequest): readonly object[] {
  const items: object[] = []
  let thoughts: object[] = []
  let said = ''
  const close = (): void => {
    const content = said
    said = ''
    if (isBlank(content)) return
    items.push(...thoughts, { role: 'assistant', content })
    thoughts = []
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
    } else if (part.type === 'provider-tool') {
      close()
      items.push(...thoughts, part.block)
      thoughts = []
    } else {
      const picture = pictureItem(part)
      if (picture === undefined) said += `${said === '' ? '' : '\n'}${namedFile(part)}`
      else {
        close()
        // The provider refuses reasoning before a picture unless it kept both.
        thoughts = []
        items.push(picture)
      }
    }
  }
  close()
  return items
}

/** A generated picture as it came; `undefined` if it came in another form, or its bytes are not here. */
function pictureItem({ mediaType, url, providerData }: FilePart): object | undefined {
  const [head = '', result = ''] = splitOnce(url, ',')
  if (!mediaType.startsWith('image/') || !/^data:.*;base64$/.test(head)) return undefined
  const id = isObject(providerData) ? nonEmpty(providerData['id']) : undefined
  if (id === undefined) return undefined
  return { type: 'image_generation_call', id, status: 'completed', result }
}

function splitOnce(text: string, separator: string): readonly string[] {
  const at = text.indexOf(separator)
  return at === -1 ? [] : [text.slice(0, at), text.slice(at + 1)]
}

function toolCall(call: SendableCall): object {
  const { toolCallId, toolName: name, inputText, extra, customInput } = call
  const called = { ...extra, call_id: toolCallId, name }
  return customInput === undefined
    ? { ...called, type: 'function_call', arguments: inputText }
    : { ...called, type: 'custom_tool_call', input: customInput }
}

function callOutput({ toolCallId, text, files, isCustom }: SendableResult): object {
  const type = isCustom ? 'custom_tool_call_output' : 'function_call_output'
  if (files.length === 0) return { type, call_id: toolCallId, output: text }
  const said = text === '' ? [] : [{ type: 'input_text', text }]
  return { type, call_id: toolCallId, output: [...said, ...files.map(filePart)] }
}

const TOOL_FORMAT = {
  tool: (name: string, { description, inputSchema }: ToolDefinition) => ({
    type: 'function',
    name,
    description,
    parameters: inputSchema,
    // Otherwise the provider would change or refuse schemas, to make constrained decoding possible.
    strict: false,
  }),
  choice: (name: string) => ({ type: 'function', name }),
}
