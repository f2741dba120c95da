/**
 * The rules of OpenAI for the messages of a chat-completions request.
 *
 * Other servers of this dialect are stricter in places: llama.cpp reads the arguments of calls, and
 * some refuse empty texts. A request without a violation is accepted by all of them.
 */
import {
  isBlank,
  isCallId,
  isFileUrl,
  isObjectJson,
  isToolName,
  isWellFormed,
} from './wire-limits.ts'

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

/** What a server gets back of what it made itself. */
const OWN = ['reasoning_content', 'reasoning', 'reasoning_text', 'reasoning_details', 'images']

interface WirePart {
  readonly type: string
  readonly text?: unknown
  readonly image_url?: { readonly url: unknown }
  readonly file?: { readonly file_data?: unknown; readonly file_url?: unknown }
}

const FIELDS: Readonly<Record<string, readonly string[]>> = {
  system: ['role', 'content'],
  user: ['role', 'content'],
  assistant: ['role', 'content', 'tool_calls', ...OWN],
  tool: ['role', 'content', 'tool_call_id'],
}

/**
 * The violations in the messages of a request.
 *
 * @param ownIds - ids of calls that the asked server made itself, which it accepts as they are
 */
export function violations(
  { messages }: { messages: readonly WireMessage[] },
  ownIds: ReadonlySet<unknown> = new Set(),
): readonly string[] {
  const found: string[] = []
  if (!isWellFormed(messages)) found.push('half a surrogate pair')
  const first = messages.find(({ role }) => role !== 'system')
  if (first !== undefined && first.role !== 'user') found.push('the user does not begin')
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
    if (role === 'system' && isBlank(message.content)) wrong('is blank')
    if (messages[at - 1]?.role === role) wrong('does not alternate')
    if (role === 'user' && !isUserContent(message.content)) wrong('is empty')
    if (role === 'assistant') for (const what of wrongReply(message, open.size, ownIds)) wrong(what)
  }
  if (open.size > 0) found.push(`nothing answers ${[...open].join(', ')}`)
  return found
}

function isUserContent(content: unknown): boolean {
  if (!Array.isArray(content)) return !isBlank(content)
  return (
    content.length > 0 &&
    content.every(({ type, text, image_url: image, file }: WirePart) => {
      if (type === 'text') return !isBlank(text)
      return isFileUrl(image?.url ?? file?.file_data ?? file?.file_url)
    })
  )
}

function* wrongReply(
  { content, tool_calls: calls }: WireMessage,
  ids: number,
  ownIds: ReadonlySet<unknown>,
): Iterable<string> {
  if (calls === undefined) {
    if (isBlank(content)) yield 'says nothing and calls nothing'
    return
  }
  if (calls.length === 0) yield 'has a list without calls'
  if (ids < calls.length) yield 'has two calls with one id'
  if (content !== null && isBlank(content)) yield 'has blank text'
  for (const { id, type, function: called } of calls) {
    if (type !== 'function') yield 'has a call that is none'
    if (!ownIds.has(id) && !isCallId(id, 40)) yield `has a call with the id ${String(id)}`
    if (!isToolName(called.name)) yield `calls ${String(called.name)}`
    if (!isObjectJson(called.arguments)) yield 'has arguments that are no object'
  }
}
