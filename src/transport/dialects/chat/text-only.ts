/**
 * Finds the events of chat completions that add one text and nothing else. Knows nothing of
 * earlier events.
 */
import { isObject, numberIn } from '../../wire-value.ts'
import type { TextOnlyEvent } from '../dialect.ts'
import { REASONING_TEXTS } from './reasoning.ts'

/**
 * The other fields of a text-only event were noted when a similar event was read, or are of no
 * interest. Many servers write absent fields as `null` or as empty values.
 */
export function textOnly(event: unknown): TextOnlyEvent | undefined {
  if (!isObject(event) || !Array.isArray(event['choices'])) return undefined
  const [choice, ...others] = event['choices'] as unknown[]
  if (!isObject(choice) || others.length > 0 || numberIn(choice['index'] ?? 0) !== 0)
    return undefined
  if ((event['usage'] ?? event['x_groq'] ?? choice['usage'] ?? null) !== null) return undefined
  if (event['error'] || choice['error'] || choice['finish_reason']) return undefined
  const { delta } = choice
  if (!isObject(delta)) return undefined
  let added: TextOnlyEvent | undefined
  for (const [field, value] of Object.entries(delta)) {
    if (field === 'role' || isAbsent(value)) continue
    const isReasoning = REASONING_TEXTS.has(field)
    if (added !== undefined || typeof value !== 'string') return undefined
    if (!isReasoning && field !== 'content') return undefined
    added = { type: isReasoning ? 'reasoning' : 'text', text: value }
  }
  return added
}

function isAbsent(value: unknown): boolean {
  return value === null || value === '' || (Array.isArray(value) && value.length === 0)
}
