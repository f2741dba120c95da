/**
 * Checks the input that a host sends, text or parts, and brings it into one form.
 *
 * Knows nothing of providers and of what a dialect can send.
 */
import * as v from 'valibot'
import type { InitialMessage } from '../../protocol/conversation.ts'
import { ColloquyError } from '../../protocol/errors.ts'
import type { InputPart, MessageRole, Part } from '../../protocol/message.ts'
import { callInput } from '../../reply/call-input.ts'
import { checked, json, text, unreadable } from './check.ts'

export interface Input {
  readonly role: Extract<MessageRole, 'user' | 'tool'>
  readonly parts: readonly Part[]
}

/** A message that a conversation starts with, with all fields of its parts. */
interface CheckedMessage {
  readonly role: MessageRole
  readonly content: readonly Part[]
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
// A stored reply of several steps has the results of its own calls.
const assistantParts = v.array(
  v.variant('type', [textPart, reasoningPart, toolCallPart, toolResultPart, filePart]),
)

/** The roles whose text is the system prompt. */
const SYSTEM_ROLES = new Set<unknown>(['system', 'developer'])

/** @throws `empty-input`, `invalid-input` */
export function parseInput(input: string | readonly InputPart[], what = 'send'): Input {
  if (typeof input === 'string') {
    if (input.trim() === '') throw emptyInput(what)
    return { role: 'user', parts: [{ type: 'text', text: input }] }
  }
  const { hasResults, hasOthers, isMessage } = readable(`${what}: the input`, () =>
    surveyed(input, what),
  )
  if (isMessage) {
    throw new ColloquyError(
      'invalid-input',
      `${what}: the input must be text or a list of parts, not a message with a role. The conversation keeps its own messages: give only the new input, the system prompt as system, and earlier messages to startConversation as messages.`,
    )
  }
  if (hasResults && hasOthers) {
    throw new ColloquyError(
      'invalid-input',
      `${what}: tool results must be an input of their own, not mixed with text or files. Send the results alone, and the rest once their reply has come.`,
    )
  }
  if (hasResults) return { role: 'tool', parts: partsOf(toolParts, input) }
  const parts = partsOf(userParts, input)
  if (parts.every((part) => part.type === 'text' && part.text.trim() === '')) throw emptyInput(what)
  return { role: 'user', parts }
}

/** @throws `invalid-input` */
export function parseInitialMessage(message: InitialMessage, what: string): CheckedMessage {
  const given: unknown = readable(what, () => (message as InitialMessage | undefined)?.role)
  if (SYSTEM_ROLES.has(given)) {
    throw new ColloquyError(
      'invalid-input',
      `${what}: no message has the role ${String(given)}. Remove it, and give its text as system.`,
    )
  }
  const { role, content } = checked(initialMessage, message, what, 'invalid-input')
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

/** The kinds of things in an input that may be anything. @throws `invalid-input` */
function surveyed(input: unknown, what: string) {
  if (!Array.isArray(input)) {
    if (isMessageLike(input)) return { hasResults: false, hasOthers: false, isMessage: true }
    throw new ColloquyError('invalid-input', `${what}: the input must be text or a list of parts.`)
  }
  const parts = input as readonly unknown[]
  return {
    hasResults: parts.some(isResult),
    hasOthers: !parts.every(isResult),
    isMessage: parts.some(isMessageLike),
  }
}

function isResult(part: unknown): boolean {
  return typeof part === 'object' && part !== null && 'type' in part && part.type === 'tool-result'
}

/** Returns true for a message as providers take them, and for a list of such messages by name. */
function isMessageLike(value: unknown): boolean {
  return typeof value === 'object' && value !== null && ('role' in value || 'messages' in value)
}

/** Reads from a value of the host. @throws `invalid-input` if a getter or a proxy throws */
function readable<T>(what: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof ColloquyError) throw error
    throw unreadable(what, 'invalid-input')
  }
}

function emptyInput(what: string): ColloquyError {
  return new ColloquyError(
    'empty-input',
    `${what}: the input is empty. Send text, a file or a tool result.`,
  )
}
