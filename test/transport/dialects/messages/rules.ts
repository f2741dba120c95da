/**
 * The rules of Anthropic for a request: those it documents, and those it enforces with a 400. The
 * result is a list of violations.
 */
import {
  isBlank,
  isCallId,
  isMediaType,
  isToolName,
  isWellFormed,
} from '../../../support/wire-limits.ts'

interface Block {
  readonly type: string
  readonly [field: string]: unknown
}

interface Message {
  readonly role: string
  readonly content: readonly Block[]
}

interface Body {
  readonly messages: readonly Message[]
  readonly [field: string]: unknown
}

const FIELDS = new Set([
  'model',
  'max_tokens',
  'messages',
  'system',
  'temperature',
  'top_p',
  'stop_sequences',
  'tools',
  'tool_choice',
  'stream',
])

/** The fields of each kind of block, and the role whose messages may hold it. */
const BLOCKS: Readonly<Record<string, readonly [fields: string, role: 'user' | 'assistant' | '']>> =
  {
    text: ['text', ''],
    // A model that makes pictures gets its own back.
    image: ['source', ''],
    document: ['source', 'user'],
    thinking: ['thinking signature', 'assistant'],
    redacted_thinking: ['data', 'assistant'],
    tool_use: ['id name input', 'assistant'],
    tool_result: ['tool_use_id content is_error', 'user'],
    server_tool_use: ['id name input', 'assistant'],
    web_search_tool_result: ['tool_use_id content', 'assistant'],
  }

/** @param ownIds - ids of calls that the asked server made itself, which it accepts as they are */
export function violations(
  body: Body,
  ownIds: ReadonlySet<unknown> = new Set(),
): readonly string[] {
  const { messages } = body
  const wrong = [
    ...Object.keys(body).flatMap((field) => (FIELDS.has(field) ? [] : [`${field} is unknown`])),
    ...(Number(body['max_tokens']) > 0 ? [] : ['max_tokens is missing']),
    ...(isBlank(body['system'] ?? 'none') ? ['the system prompt is blank'] : []),
    ...(messages[0]?.role === 'user' ? [] : ['the first message is not a user’s']),
    ...messages.flatMap((message, at) => [
      ...(message.role === messages[at - 1]?.role ? [`${at}: the role does not alternate`] : []),
      ...inMessage(message, ownIds).map((what) => `${at}: ${what}`),
      ...inPair(message, messages[at + 1]).map((what) => `${at}: ${what}`),
    ]),
    ...inTools(body),
    ...inServerTools(messages),
  ]
  const last = messages.at(-1)
  const text = last?.content.at(-1)?.['text']
  if (last?.role === 'assistant' && typeof text === 'string' && /\s$/.test(text)) {
    wrong.push('the last message ends with a blank')
  }
  if (!isWellFormed(body)) wrong.push('half a surrogate pair')
  return wrong
}

function inMessage({ role, content }: Message, ownIds: ReadonlySet<unknown>): readonly string[] {
  const last = content.at(-1)?.type ?? ''
  const results = content.map(({ type }) => type === 'tool_result')
  return [
    ...(content.length === 0 ? ['no content'] : []),
    ...(last.endsWith('thinking') ? ['ends in thinking'] : []),
    ...(results.lastIndexOf(true) >= results.filter(Boolean).length ? ['a result comes late'] : []),
    ...content.flatMap((block) => inBlock(block, role, ownIds)),
  ]
}

function inBlock(block: Block, role: string, ownIds: ReadonlySet<unknown>): readonly string[] {
  const { type, ...fields } = block
  const [known = '', owner] = BLOCKS[type] ?? []
  const unknown = Object.keys(fields).filter((field) => !known.split(' ').includes(field))
  const source = block['source'] as { media_type?: unknown } | undefined
  const input: unknown = block['input']
  const wrong: Readonly<Record<string, boolean>> = {
    [`unknown: ${type} ${unknown.join()}`]: owner === undefined || unknown.length > 0,
    [`${type} of ${role}`]: owner !== '' && owner !== role,
    'blank text': type === 'text' && isBlank(block['text']),
    'thinking without signature': type === 'thinking' && isBlank(block['signature']),
    'nothing redacted': type === 'redacted_thinking' && isBlank(block['data']),
    'a bad id': type === 'tool_use' && !ownIds.has(block['id']) && !isCallId(block['id'], 64),
    'a bad name': type === 'tool_use' && !isToolName(block['name']),
    'a media type that is not registered':
      source?.media_type !== undefined && !isMediaType(source.media_type),
    'input that is no object':
      type === 'tool_use' && (typeof input !== 'object' || input === null || Array.isArray(input)),
    'a silent failure': type === 'tool_result' && block['is_error'] === true && !block['content'],
  }
  return Object.keys(wrong).filter((what) => wrong[what])
}

/** Each call has one result in the next message, which holds no other results. */
function inPair(message: Message, next: Message | undefined): readonly string[] {
  const calls = message.content.flatMap(({ type, id }) => (type === 'tool_use' ? [String(id)] : []))
  const results = (next?.content ?? []).filter(({ type }) => type === 'tool_result')
  const answered = new Set(results.map((result) => String(result['tool_use_id'])))
  const isPaired = results.length === calls.length && calls.every((id) => answered.has(id))
  return isPaired ? [] : [`calls ${calls.join()}, results ${[...answered].join()}`]
}

/**
 * Each result of a server tool has its call before it, and each call its result, unless the user has
 * said nothing since: then the server goes on with it.
 */
function inServerTools(messages: readonly Message[]): readonly string[] {
  const wrong: string[] = []
  const known = new Set<unknown>()
  let open = new Set<unknown>()
  for (const { role, content } of messages) {
    const isSaid = role === 'user' && content.some(({ type }) => type !== 'tool_result')
    if (isSaid) {
      for (const id of open) wrong.push(`server tool ${String(id)} has no result`)
      open = new Set()
    }
    for (const { type, id, tool_use_id: of } of content) {
      if (type === 'server_tool_use') {
        if (known.has(id)) wrong.push(`two server tools are ${String(id)}`)
        known.add(id)
        open.add(id)
      } else if (type === 'web_search_tool_result' && !open.delete(of)) {
        wrong.push(`a result of no server tool: ${String(of)}`)
      }
    }
  }
  return wrong
}

function inTools({ messages, tools }: Body): readonly string[] {
  const blocks = messages.flatMap(({ content }) => content)
  const ids = blocks.flatMap((block) => (block.type === 'tool_use' ? [block['id']] : []))
  const isEmpty = !Array.isArray(tools) || tools.length === 0
  return [
    ...(new Set(ids).size < ids.length ? ['two calls have one id'] : []),
    ...(ids.length > 0 && isEmpty ? ['calls, but no tools'] : []),
    ...(tools !== undefined && isEmpty ? ['an empty list of tools'] : []),
  ]
}
