/** Checks the deltas that come from a database file. Knows nothing of how they are stored. */
import type { Delta } from '../protocol/delta.ts'

/** Returns true if the value has all fields of a delta, with the right types. */
export function isDelta(value: unknown): value is Delta {
  if (typeof value !== 'object' || value === null) return false
  const { type, text, toolCallId, toolName, inputText, mediaType, url } = value as Record<
    string,
    unknown
  >
  if (type === 'text' || type === 'reasoning') return typeof text === 'string'
  if (type === 'file') return typeof mediaType === 'string' && typeof url === 'string'
  return (
    type === 'tool-call' && [toolCallId, toolName, inputText].every((it) => typeof it === 'string')
  )
}
