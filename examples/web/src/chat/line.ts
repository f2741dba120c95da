/**
 * What a transcript shows, as a list: the stored messages, the input that is being answered, and the
 * reply as far as it came. Pure.
 */
import type { Message, Part, RunningTurn, ToolResultPart } from '../views.ts'

export interface LineItem {
  readonly id: string
  readonly role: 'user' | 'assistant'
  readonly parts: readonly Part[]
  /** Absent while the reply is being written. */
  readonly message: Message | undefined
  readonly turnId: string
}

export interface Line {
  readonly items: readonly LineItem[]
  /** Results of calls that came as messages of their own. */
  readonly results: ReadonlyMap<string, ToolResultPart>
}

interface Growing {
  readonly turnId: string
  readonly messageId: string
  readonly parts: readonly Part[]
}

/**
 * A regenerated reply and an edited question begin a line of their own: what followed them before is
 * not shown any more.
 */
export function lineOf(
  messages: readonly Message[],
  turn: RunningTurn | undefined,
  reply: Growing | undefined,
): Line {
  let line = messages
  if (turn !== undefined) {
    const { message } = turn
    const at = line.findLastIndex(({ id }) => id === message.id)
    const parent = line.findLastIndex(({ id }) => id === message.parentId)
    if (at >= 0) line = line.slice(0, at + 1)
    else if (parent >= 0 || message.parentId === undefined) {
      line = [...line.slice(0, parent + 1), message]
    } else line = [...line, message]
  }
  const results = new Map<string, ToolResultPart>()
  const items: LineItem[] = []
  for (const message of line) {
    const { id, role, parts, turnId } = message
    if (role !== 'tool') items.push({ id, role, parts, message, turnId })
    else
      for (const part of parts) if (part.type === 'tool-result') results.set(part.toolCallId, part)
  }
  if (reply !== undefined && !items.some(({ id }) => id === reply.messageId)) {
    const { messageId: id, parts, turnId } = reply
    items.push({ id, role: 'assistant', parts, message: undefined, turnId })
  }
  return { items, results }
}
