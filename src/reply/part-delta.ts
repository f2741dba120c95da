/** Takes a reply apart: the delta that makes a part anew. Knows nothing of where the part comes from. */
import type { UnplacedDelta } from '../protocol/delta.ts'
import type { Part } from '../protocol/message.ts'

export function deltaOf(part: Part): UnplacedDelta {
  if (part.type === 'reasoning') return { ...part, separate: true }
  if (part.type !== 'tool-call') return part
  const { type, toolCallId, toolName, inputText, providerData } = part
  const call = { type, toolCallId, toolName, inputText }
  return providerData === undefined ? call : { ...call, providerData }
}
