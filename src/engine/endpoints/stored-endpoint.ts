/**
 * Checks the endpoints that come from the database, with the schemas that `putEndpoint` has:
 * another program may have changed their rows.
 *
 * Knows nothing of secrets.
 */
import * as v from 'valibot'
import type { StoredEndpoint } from '../../persistence/ports/endpoint-store.ts'
import { DIALECTS } from '../../protocol/endpoint.ts'
import { ColloquyError } from '../../protocol/errors.ts'
import { quoted } from '../../protocol/quoted.ts'
import { httpUrl } from '../../transport/http/endpoint-url.ts'
import { count, text } from '../options/check.ts'
import { fallback } from './endpoint-options.ts'
import { quirksOf, quirksSchema } from './quirks.ts'

const schema = v.object({
  url: v.pipe(
    v.string(),
    v.check((url) => httpUrl(url) !== undefined),
  ),
  dialect: v.picklist(DIALECTS),
  model: v.optional(text),
  fallbacks: v.optional(v.array(fallback)),
  options: v.optional(
    v.object({
      maxConcurrent: v.optional(count),
      quirks: v.optional(quirksSchema),
      hasKey: v.optional(v.boolean()),
      hasKeySource: v.optional(v.boolean()),
      secretQuery: v.optional(v.array(v.string())),
    }),
  ),
})

/** @throws `database-failed` */
export function checkedStored(stored: StoredEndpoint): StoredEndpoint {
  const result = v.safeParse(schema, stored)
  if (!result.success) throw brokenEndpoint(stored.name)
  const { options } = result.output
  try {
    const quirks = quirksOf(options?.quirks ?? {}, stored.dialect, stored.name)
    return { ...stored, ...result.output, ...(options && { options: { ...options, quirks } }) }
  } catch {
    throw brokenEndpoint(stored.name)
  }
}

/**
 * The origin that the secrets of an endpoint are bound to: always that of the url that requests go
 * to. It is not stored, so a row cannot say another one.
 *
 * @param url - a checked one
 */
export function originOf(url: string): string {
  return new URL(url).origin
}

/** The error for an endpoint whose row cannot be read. It quotes nothing of the row but its name. */
export function brokenEndpoint(name: string): ColloquyError {
  return new ColloquyError(
    'database-failed',
    `The row ${quoted(name)} of the table "endpoint" cannot be read: another program changed it, or the file is damaged. Put the endpoint again with engine.putEndpoint.`,
  )
}
