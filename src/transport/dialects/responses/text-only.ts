/**
 * Tells which events of the Responses format add one text and nothing else.
 *
 * Knows nothing of earlier events.
 */
import { isObject, nonEmpty } from '../../wire-value.ts'
import type { TextOnlyEvent } from '../dialect.ts'
import type { TextKind } from './texts.ts'

/** The events that add to a text, each with the kind of the text. */
export const TEXT_DELTAS: ReadonlyMap<unknown, TextKind> = new Map([
  ['response.output_text.delta', 'text'],
  ['response.refusal.delta', 'refusal'],
  ['response.reasoning_text.delta', 'reasoning'],
  ['response.reasoning_summary_text.delta', 'summary'],
])

/**
 * Requires an index of the item. The other fields tell nothing new: the reader noted them when it
 * read a similar event.
 */
export function textOnly(event: unknown): TextOnlyEvent | undefined {
  if (!isObject(event) || typeof event['output_index'] !== 'number') return undefined
  const kind = TEXT_DELTAS.get(event['type'])
  const text = nonEmpty(event['delta'])
  if (text === undefined || kind === undefined) return undefined
  return { type: kind === 'text' || kind === 'refusal' ? 'text' : 'reasoning', text }
}
