/**
 * The rules of OpenAI for the input of a Responses request.
 *
 * The server stores nothing between requests, so a request stands alone: each item is whole, and
 * items that belong together are all present.
 */
import {
  isBlank,
  isCallId,
  isFileUrl,
  isObjectJson,
  isToolName,
  isWellFormed,
} from './wire-limits.ts'

type Item = Readonly<Record<string, unknown>>

const FIELDS: Readonly<Record<string, readonly string[]>> = {
  message: ['role', 'content'],
  function_call: ['type', 'call_id', 'name', 'arguments'],
  function_call_output: ['type', 'call_id', 'output'],
  reasoning: ['type', 'id', 'summary', 'content', 'encrypted_content'],
  image_generation_call: ['type', 'id', 'status', 'result'],
  web_search_call: ['type', 'status', 'action'],
}

/**
 * The violations in the input of a request.
 *
 * @param ownIds - ids of calls that the asked server made itself, which it accepts as they are
 */
export function violations(
  { input, instructions = 'none' }: { readonly input: readonly Item[]; instructions?: unknown },
  ownIds: ReadonlySet<unknown> = new Set(),
): readonly string[] {
  const found: string[] = []
  if (!isWellFormed(input)) found.push('half a surrogate pair')
  if (isBlank(instructions)) found.push('the instructions are blank')
  if (input[0] !== undefined && input[0]['role'] !== 'user') found.push('the user does not begin')
  if (input.length === 0) found.push('there is nothing to answer')
  /** The calls that must be answered before the next user message. */
  const open = new Set<unknown>()
  for (const [at, item] of input.entries()) {
    const type = kindOf(item)
    const wrong = (what: string) => found.push(`item ${at} (${type}) ${what}`)
    for (const field of Object.keys(item)) {
      if (!FIELDS[type]?.includes(field)) wrong(`has a field ${field}`)
    }
    if (type === 'message') {
      // The model may go on after a call. The user may not, before the call is answered.
      if (item['role'] === 'user' && open.size > 0) {
        wrong(`comes before the outputs of ${[...open].join(', ')}`)
      }
      if (item['role'] !== 'user' && item['role'] !== 'assistant') wrong('is said by nobody')
      if (!isContent(item['content'])) wrong('is empty')
      if (item['role'] === 'user' && input[at - 1]?.['role'] === 'user') wrong('does not alternate')
    } else if (type === 'function_call') {
      const { call_id: id, name, arguments: text } = item
      if (!ownIds.has(id) && !isCallId(id, 64)) wrong(`has the id ${String(id)}`)
      if (open.has(id)) wrong('has the id of another call')
      if (!isToolName(name)) wrong(`calls ${String(name)}`)
      if (!isObjectJson(text)) wrong('has arguments that are no object')
      open.add(id)
    } else if (type === 'function_call_output') {
      const { call_id: id, output } = item
      if (!open.delete(id)) wrong('answers no call, or one that was answered')
      if (typeof output !== 'string') wrong('has no text')
    } else if (type === 'reasoning' && !isFollowed(input[at + 1]))
      wrong('stands without what came of it')
  }
  if (open.size > 0) found.push(`nothing answers ${[...open].join(', ')}`)
  return found
}

function kindOf({ type }: Item): string {
  return typeof type === 'string' ? type : 'message'
}

/**
 * Returns true if reasoning may stand before this item: more reasoning, a call, or text of the
 * model.
 */
function isFollowed(next: Item | undefined): boolean {
  if (next === undefined) return false
  const type = kindOf(next)
  return type === 'message'
    ? next['role'] === 'assistant'
    : type === 'reasoning' || type === 'function_call' || type === 'web_search_call'
}

function isContent(content: unknown): boolean {
  if (!Array.isArray(content)) return !isBlank(content)
  return (
    content.length > 0 &&
    content.every((part: Item) => {
      if (part['type'] === 'input_text') return !isBlank(part['text'])
      return isFileUrl(part['image_url'] ?? part['file_data'] ?? part['file_url'])
    })
  )
}
