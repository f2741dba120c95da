/** Checks the deltas that come from a database file. Knows nothing of how they are stored. */
import type { UnplacedDelta } from '../protocol/delta.ts'

/** A delta in a checkpoint. Older rows have `opens` in place of `separate`. */
export type StoredDelta = UnplacedDelta & { readonly opens?: unknown }

/** Returns true if the value has all fields of a delta, with the right types. */
export function isDelta(value: unknown): value is StoredDelta {
  if (typeof value !== 'object' || value === null) return false
  const { type, text, toolCallId, toolName, inputText, mediaType, url, isError, step } =
    value as Record<string, unknown>
  if (type === 'text' || type === 'reasoning') return typeof text === 'string'
  if (type === 'file') return typeof mediaType === 'string' && typeof url === 'string'
  if (type === 'step') return Number.isSafeInteger(step)
  if (type === 'provider-tool') {
    return typeof toolName === 'string' && Object.hasOwn(value, 'providerData')
  }
  if (typeof toolCallId !== 'string' || typeof toolName !== 'string') return false
  if (type === 'tool-result') return typeof isError === 'boolean' && Object.hasOwn(value, 'output')
  return type === 'tool-call' && typeof inputText === 'string'
}

/** Reads a stored delta, also in the form of older versions. */
export function unplaced(delta: StoredDelta): UnplacedDelta {
  return delta.type === 'reasoning' && delta.opens === true ? { ...delta, separate: true } : delta
}
