/**
 * The rules of OpenAI for the input of a Responses request.
 *
 * The server stores nothing between requests, so a request stands alone: each item is whole, and
 * items that belong together are all present.
 */
import { isJson } from './is-json.ts'

type Item = Readonly<Record<string, unknown>>

const FIELDS: Readonly<Record<string, readonly string[]>> = {
  message: ['role', 'content'],
  function_call: ['type', 'call_id', 'name', 'arguments'],
  function_call_output: ['type', 'call_id', 'output'],
  reasoning: ['type', 'id', 'summary', 'content', 'encrypted_content'],
}

/** The violations in the input of a request. */
export function violations({ input }: { readonly input: readonly Item[] }): readonly string[] {
  const found: string[] = []
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
    } else if (type === 'function_call') {
      const { call_id: id, name, arguments: text } = item
      if (typeof id !== 'string' || id === '') wrong('has no id')
      if (open.has(id)) wrong('has the id of another call')
      if (typeof name !== 'string' || name === '') wrong('calls something without a name')
      if (!isJson(text)) wrong('has arguments that were cut')
      open.add(id)
    } else if (type === 'function_call_output') {
      const { call_id: id, output } = item
      if (!open.delete(id)) wrong('answers no call, or one that was answered')
      if (typeof output !== 'string') wrong('has no text')
    } else if (!isFollowed(input[at + 1])) wrong('stands without what came of it')
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
    : type === 'reasoning' || type === 'function_call'
}

function isContent(content: unknown): boolean {
  if (!Array.isArray(content)) return typeof content === 'string' && content !== ''
  return (
    content.length > 0 &&
    content.every((part: Item) => part['type'] !== 'input_text' || part['text'] !== '')
  )
}
