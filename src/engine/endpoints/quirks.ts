/**
 * Checks the quirks that a host sets for an endpoint.
 *
 * Knows nothing of how a request follows a quirk, and of the quirks that are learned.
 */
import * as v from 'valibot'
import type { Dialect, Quirks } from '../../protocol/endpoint.ts'
import { ColloquyError } from '../../protocol/errors.ts'
import { checked, extraBody, group, jsonRecord } from '../options/check.ts'

export const quirksSchema = group({
  streamOptions: v.optional(v.boolean()),
  maxTokensField: v.optional(v.picklist(['max_tokens', 'max_completion_tokens'])),
  systemRole: v.optional(v.picklist(['system', 'developer'])),
  sendReasoning: v.optional(
    v.picklist(['never', 'reasoning_content', 'reasoning', 'reasoning_text']),
  ),
  toolResultFiles: v.optional(v.picklist(['after', 'inside', 'omit'])),
  extraBody: v.optional(jsonRecord),
})

/**
 * Returns the quirks that are set; `undefined` if none is.
 *
 * @throws `invalid-option` for a quirk that the dialect does not know, or that would be dropped
 */
export function quirksOf(given: Quirks, dialect: Dialect, what: string): Quirks | undefined {
  const set = Object.entries(given).filter(([, value]) => value !== undefined)
  if (set.length === 0) return undefined
  const foreign = set.find(([name]) => name !== 'extraBody')?.[0]
  if (foreign !== undefined && dialect !== 'chat-completions') {
    throw new ColloquyError(
      'invalid-option',
      `${what}: quirks.${foreign} has no effect in the dialect "${dialect}". Remove it.`,
    )
  }
  // Not in the schema, which reads stored quirks too: older databases may hold the field.
  checked(v.optional(extraBody), given.extraBody, `${what}: quirks.extraBody`)
  return Object.fromEntries(set)
}
