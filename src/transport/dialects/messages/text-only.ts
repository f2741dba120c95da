/**
 * Tells which events of the Messages format add one text and nothing else.
 *
 * Knows nothing of earlier events.
 */
import { isObject } from '../../wire-value.ts'
import type { TextOnlyEvent } from '../dialect.ts'

/** Ignores the index: a template compares it, as it compares all of the event but the text. */
export function textOnly(event: unknown): TextOnlyEvent | undefined {
  if (!isObject(event) || event['type'] !== 'content_block_delta') return undefined
  const { delta } = event
  if (!isObject(delta)) return undefined
  const { type, text, thinking } = delta
  if (type === 'text_delta' && typeof text === 'string') return { type: 'text', text }
  if (type !== 'thinking_delta' || typeof thinking !== 'string') return undefined
  return { type: 'reasoning', text: thinking }
}
