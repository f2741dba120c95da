/** Tells which events of the Responses format add one text and nothing else. */
import { isObject, nonEmpty } from '../../wire-value.ts'
import type { TextOnlyEvent } from '../dialect.ts'
import type { TextKind } from './texts.ts'

/** What the deltas of texts add to. */
export const TEXT_DELTAS: ReadonlyMap<unknown, TextKind> = new Map([
  ['response.output_text.delta', 'text'],
  ['response.refusal.delta', 'refusal'],
  ['response.reasoning_text.delta', 'reasoning'],
  ['response.reasoning_summary_text.delta', 'summary'],
])

/** Whatever else such an event says of its item was noted when one like it was read. */
export function textOnly(event: unknown): TextOnlyEvent | undefined {
  if (!isObject(event) || typeof event['output_index'] !== 'number') return undefined
  const kind = TEXT_DELTAS.get(event['type'])
  const text = nonEmpty(event['delta'])
  if (text === undefined || kind === undefined) return undefined
  return { type: kind === 'text' || kind === 'refusal' ? 'text' : 'reasoning', text }
}
