/**
 * Checks the input that a host sends, text or parts, and brings it into one form.
 *
 * Knows nothing of providers and of what a dialect can send.
 */
import * as v from 'valibot'
import type { InitialMessage } from '../../protocol/conversation.ts'
import { ColloquyError } from '../../protocol/errors.ts'
import type { MessageRole, Part } from '../../protocol/message.ts'
import { callInput } from '../../reply/call-input.ts'
import { checked, json, text } from './check.ts'

export interface Input {
  readonly role: Extract<MessageRole, 'user' | 'tool'>
  readonly parts: readonly Part[]
}

const providerData = v.optional(json)
const textPart = v.strictObject({ type: v.literal('text'), text: v.string(), providerData })
const reasoningPart = v.strictObject({ ...textPart.entries, type: v.literal('reasoning') })
const filePart = v.strictObject({
  type: v.literal('file'),
  mediaType: text,
  url: text,
  providerData,
})
const toolResultPart = v.strictObject({
  type: v.literal('tool-result'),
  toolCallId: text,
  toolName: text,
  output: json,
  isError: v.optional(v.boolean(), false),
  providerData,
})
const toolCallPart = v.pipe(
  v.strictObject({
    type: v.literal('tool-call'),
    toolCallId: text,
    toolName: text,
    input: v.optional(json),
    inputText: v.optional(v.string()),
    providerData,
  }),
  v.transform(({ input, inputText, ...call }) => {
    const read = callInput(inputText ?? '')
    if (input === undefined) return { ...call, input: read, inputText: inputText ?? '{}' }
    // Requests contain `inputText` rather than `input`, so the text must be readable.
    const isReadable = inputText !== undefined && read !== undefined
    return { ...call, input, inputText: isReadable ? inputText : JSON.stringify(input) }
  }),
)

const userParts = v.array(v.variant('type', [textPart, filePart]))
const toolParts = v.array(toolResultPart)
const assistantParts = v.array(v.variant('type', [textPart, reasoningPart, toolCallPart, filePart]))

/** @throws `empty-input`, `invalid-input` */
export function parseInput(input: string | readonly Part[]): Input {
  if (typeof input !== 'string' && !Array.isArray(input)) {
    throw new ColloquyError('invalid-input', 'send: the input must be text or a list of parts.')
  }
  if (typeof input === 'string') {
    if (input.trim() === '') throw emptyInput()
    return { role: 'user', parts: [{ type: 'text', text: input }] }
  }
  if (input.some((part: unknown) => isOfType(part, 'tool-result'))) {
    return { role: 'tool', parts: partsOf(toolParts, input) }
  }
  const parts = partsOf(userParts, input)
  if (parts.every((part) => part.type === 'text' && part.text.trim() === '')) throw emptyInput()
  return { role: 'user', parts }
}

/** @throws `invalid-input` */
export function parseInitialMessage(message: InitialMessage): InitialMessage {
  const { role, content } = checked(
    initialMessage,
    message,
    'startConversation: messages',
    'invalid-input',
  )
  if (typeof content === 'string') return { role, content: [{ type: 'text', text: content }] }
  const schema = { user: userParts, assistant: assistantParts, tool: toolParts }[role]
  return { role, content: partsOf(schema, content) }
}

const initialMessage = v.strictObject({
  role: v.picklist(['user', 'assistant', 'tool']),
  content: v.union([v.string(), v.array(v.unknown())]),
})

function partsOf(
  schema: typeof userParts | typeof toolParts | typeof assistantParts,
  parts: readonly unknown[],
): readonly Part[] {
  return checked(schema, parts, 'The parts', 'invalid-input') as readonly Part[]
}

function isOfType(part: unknown, type: Part['type']): boolean {
  return typeof part === 'object' && part !== null && 'type' in part && part.type === type
}

function emptyInput(): ColloquyError {
  return new ColloquyError(
    'empty-input',
    'send: the input is empty. Send text, a file or a tool result.',
  )
}
