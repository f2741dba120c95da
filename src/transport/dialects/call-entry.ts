/**
 * One fragment of a tool call as it came: its index, and the part with name and input.
 *
 * Knows nothing of other fragments.
 */
import { isObject, nonEmpty } from '../wire-value.ts'
import type { WireObject } from '../wire-value.ts'

/** The index that a fragment names, if it names one that can be told from others. */
export type CallIndex = number | string | undefined

export function indexIn(index: unknown): CallIndex {
  return typeof index === 'number' || typeof index === 'string' ? index : undefined
}

/**
 * Finds name and input of a call: in a field named after its type, which is `function` or `custom`,
 * or in the entry itself. Returns `undefined` for a call of a kind that has neither.
 */
export function calledIn(entry: WireObject): WireObject | undefined {
  const { type, function: called, custom } = entry
  if (isObject(called)) return called
  if (isObject(custom)) return custom
  const named = typeof type === 'string' ? entry[type] : undefined
  if (isObject(named) && nonEmpty(named['name'])) return named
  const isUnknown = typeof type === 'string' && type !== 'function' && type !== 'custom'
  return isUnknown && !nonEmpty(entry['name']) ? undefined : entry
}
