/**
 * The rules of OpenAI for the messages of a chat-completions request.
 *
 * Other servers of this dialect are stricter in places: llama.cpp reads the arguments of calls, and
 * some refuse empty texts. A request without a violation is accepted by all of them.
 */
import { isJson } from './is-json.ts'

interface WireMessage {
  readonly role: string
  readonly content?: unknown
  readonly tool_calls?: readonly WireCall[]
  readonly tool_call_id?: string
}

interface WireCall {
  readonly id: unknown
  readonly type: unknown
  readonly function: { readonly name: unknown; readonly arguments: unknown }
}

const FIELDS: Readonly<Record<string, readonly string[]>> = {
  system: ['role', 'content'],
  user: ['role', 'content'],
  assistant: ['role', 'content', 'tool_calls'],
  tool: ['role', 'content', 'tool_call_id'],
}

/** The violations in the messages of a request. */
export function violations({ messages }: { messages: readonly WireMessage[] }): readonly string[] {
  const found: string[] = []
  if (messages.every(({ role }) => role === 'system')) found.push('there is nothing to answer')
  /** The calls that must be answered before any other message. */
  let open = new Set<unknown>()
  for (const [at, message] of messages.entries()) {
    const { role } = message
    const wrong = (what: string) => found.push(`message ${at} (${role}) ${what}`)
    const fields = FIELDS[role] ?? []
    for (const field of Object.keys(message)) {
      if (!fields.includes(field)) wrong(`has a field ${field}`)
    }
    if (role === 'tool') {
      if (!open.delete(message.tool_call_id)) wrong('answers no call, or one that was answered')
      if (typeof message.content !== 'string') wrong('has no text')
      continue
    }
    if (open.size > 0) wrong(`comes before the answers to ${[...open].join(', ')}`)
    open = new Set(message.tool_calls?.map(({ id }) => id))
    if (role === 'system' && at > 0) wrong('is not the first')
    if (role === 'user' && !isUserContent(message.content)) wrong('is empty')
    if (role === 'assistant') for (const what of wrongReply(message, open.size)) wrong(what)
  }
  if (open.size > 0) found.push(`nothing answers ${[...open].join(', ')}`)
  return found
}

function isUserContent(content: unknown): boolean {
  if (!Array.isArray(content)) return typeof content === 'string' && content !== ''
  return (
    content.length > 0 &&
    content.every((part: { type: string; text?: string }) => part.type !== 'text' || part.text)
  )
}

function* wrongReply({ content, tool_calls: calls }: WireMessage, ids: number): Iterable<string> {
  if (calls === undefined) {
    if (typeof content !== 'string' || content === '') yield 'says nothing and calls nothing'
    return
  }
  if (calls.length === 0) yield 'has a list without calls'
  if (ids < calls.length) yield 'has two calls with one id'
  if (content !== null && (typeof content !== 'string' || content === '')) yield 'has empty text'
  for (const { id, type, function: called } of calls) {
    if (typeof id !== 'string' || id === '' || type !== 'function') yield 'has a call that is none'
    if (typeof called.name !== 'string' || called.name === '') yield 'calls something without name'
    if (!isJson(called.arguments)) yield 'has arguments that were cut'
  }
}
