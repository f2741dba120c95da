/**
 * Checks the name and the options that a host hands to `putEndpoint`.
 *
 * Knows nothing of the endpoints that exist, and of their secrets.
 */
import * as v from 'valibot'
import { AIRPLANE, DIALECTS, type FallbackRecord, type Quirks } from '../../protocol/endpoint.ts'
import { ColloquyError } from '../../protocol/errors.ts'
import { quoted } from '../../protocol/quoted.ts'
import { httpUrl } from '../../transport/http/endpoint-url.ts'
import type { KeySource } from '../../transport/provider-target.ts'
import type { EndpointOptions } from '../api/endpoint-options.ts'
import { apiKey, checked, count, functionValue, headers, text, group } from '../options/check.ts'
import { quirksOf, quirksSchema } from './quirks.ts'

/** A fallback in either of its forms, as a record. */
export const fallback = v.pipe(
  v.union([text, group({ endpoint: text, model: v.optional(text) })]),
  v.transform((given): FallbackRecord => {
    if (typeof given === 'string') return { endpoint: given }
    const { endpoint, model } = given
    return { endpoint, ...(model !== undefined && { model }) }
  }),
)

const optionsSchema = group({
  url: v.string(),
  model: v.optional(text),
  apiKey: v.nullish(
    v.union([apiKey, functionValue<KeySource>()], 'a non-empty string or a function'),
  ),
  headers: v.nullish(headers),
  dialect: v.optional(v.picklist(DIALECTS), 'chat-completions'),
  local: v.optional(v.boolean(), false),
  fallbacks: v.optional(v.array(fallback), []),
  maxConcurrent: v.optional(count),
  quirks: v.optional(quirksSchema, {}),
})

export interface CheckedEndpoint extends Omit<
  v.InferOutput<typeof optionsSchema>,
  'url' | 'quirks'
> {
  readonly url: URL
  readonly quirks: Quirks | undefined
}

/** @throws `invalid-option`, `invalid-url`, `credentials-in-url` */
export function checkedEndpoint(name: string, options: EndpointOptions): CheckedEndpoint {
  checked(text, name, 'putEndpoint: name')
  const what = `putEndpoint ${quoted(name)}`
  const given = checked(optionsSchema, options, what)
  if (name === AIRPLANE && given.fallbacks.length > 0) {
    throw new ColloquyError(
      'invalid-option',
      `putEndpoint "${AIRPLANE}": it cannot have fallbacks, since nothing goes elsewhere in airplane mode. Leave them out.`,
    )
  }
  const quirks = quirksOf(given.quirks, given.dialect, what)
  return { ...given, quirks, url: parsedUrl(given.url) }
}

function parsedUrl(given: string): URL {
  const url = httpUrl(given)
  if (url === undefined) {
    throw new ColloquyError(
      'invalid-url',
      'putEndpoint: url is not an absolute http: or https: address of at most 8 KiB. Give one like https://llm.example/v1.',
    )
  }
  if (url.username !== '' || url.password !== '') {
    throw new ColloquyError(
      'credentials-in-url',
      'putEndpoint: url holds a user name or password. Take it out, and give the key as apiKey or in headers.',
    )
  }
  url.hash = ''
  return url
}
