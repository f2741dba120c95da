/**
 * Writes the history in the Messages format: messages of blocks, with the results of calls in the
 * user message right after the calls, before the user's text.
 *
 * `history/sendable-messages.ts` keeps the rules of all formats. Knows nothing of the rest of a
 * request.
 */
import type { ReasoningPart } from '../../../protocol/message.ts'
import type { ReplyRequest } from '../../reply-request.ts'
import { isObject, nonEmpty } from '../../wire-value.ts'
import { sendableMessages } from '../history/sendable-messages.ts'
import type {
  AssistantMessage,
  HistoryFormat,
  SendableCall,
  SendableResult,
} from '../history/sendable-message.ts'
import { providerFingerprint } from '../provider-fingerprint.ts'
import { fileBlock } from './file.ts'
import { withServerTools } from './server-tools.ts'

interface WireBlock {
  readonly type: string
  readonly [field: string]: unknown
}

export interface WireMessage {
  readonly role: 'user' | 'assistant'
  readonly content: WireBlock[]
}

/** Anthropic refuses a history in which two calls have one id. */
const FORMAT: HistoryFormat = {
  longestId: 64,
  uniqueIds: 'in the history',
  hasBlocks: true,
  unmarkedFields: [],
  providerBlock: (block) => block,
}

export function alternating(request: ReplyRequest): readonly WireMessage[] {
  const maker = providerFingerprint(request)
  const written: WireMessage[] = []
  const sent = { ...request, messages: withServerTools(request) }
  for (const message of sendableMessages(sent, FORMAT)) {
    if (message.role === 'user') {
      const blocks = message.parts.map((part) => (part.type === 'file' ? fileBlock(part) : part))
      const last = written.at(-1)
      // The results of the calls before have begun the message.
      if (last?.role === 'user') last.content.push(...(blocks as WireBlock[]))
      else written.push({ role: 'user', content: [...(blocks as WireBlock[])] })
    } else {
      written.push({ role: 'assistant', content: [...said(message, maker)] })
      if (message.results.length > 0) {
        written.push({ role: 'user', content: message.results.map(toolResult) })
      }
    }
  }
  return written
}

/** Leaves out thinking at the end of the parts: thinking must not be the end of a message. */
function said({ parts, reasoningField }: AssistantMessage, maker: string): readonly WireBlock[] {
  const end = parts.findLastIndex(({ type }) => type !== 'reasoning') + 1
  const isPlainWanted = reasoningField === 'thinking'
  return parts.slice(0, end).flatMap((part): WireBlock | readonly WireBlock[] => {
    if (part.type === 'reasoning') return thinking(part, maker, isPlainWanted)
    if (part.type === 'tool-call') return toolUse(part)
    if (part.type === 'provider-tool') return part.block as WireBlock
    return part.type === 'file' ? fileBlock(part) : { type: 'text', text: part.text }
  })
}

function toolUse({ toolCallId, toolName, input, extra }: SendableCall): WireBlock {
  return { ...extra, type: 'tool_use', id: toolCallId, name: toolName, input }
}

function toolResult({ toolCallId, text, files, isError }: SendableResult): WireBlock {
  const texts = text === '' ? [] : [{ type: 'text', text }]
  return {
    type: 'tool_result',
    tool_use_id: toolCallId,
    content: files.length === 0 ? text : [...texts, ...files.map(fileBlock)],
    ...(isError && { is_error: true }),
  }
}

/**
 * Returns the thinking block unchanged, if it is complete. It goes back only to the provider and
 * model that made it: others refuse the signature. Thinking from a host may lack a maker. It then
 * counts as made by the provider and model that are asked.
 *
 * @param isPlainWanted - true if the asked model sent its thinking without a signature, and called
 */
function thinking(
  { text, providerData }: ReasoningPart,
  asked: string,
  isPlainWanted: boolean,
): readonly WireBlock[] {
  if (providerData === undefined) {
    return isPlainWanted && text !== '' ? [{ type: 'thinking', thinking: text.toWellFormed() }] : []
  }
  const { type, signature, data, maker = asked } = isObject(providerData) ? providerData : {}
  if (maker !== asked) return []
  if (type === 'thinking' && nonEmpty(signature) !== undefined && text.isWellFormed()) {
    return [{ type, thinking: text, signature }]
  }
  return type === 'redacted_thinking' && nonEmpty(data) !== undefined ? [{ type, data }] : []
}
