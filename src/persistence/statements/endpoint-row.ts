/** An endpoint as a row, and back. Knows no statement, and cannot open the sealed secrets. */
import type { Dialect, FallbackRecord } from '../../protocol/endpoint.ts'
import type { EndpointRow } from '../schema/schema.ts'
import type { StoredEndpoint } from '../ports/endpoint-store.ts'
import { jsonArray, jsonObject, plainText, readRow, text, word } from './checked-row.ts'
import { toJson, toJsonOrNull, toText, toTextOrNull } from './stored-text.ts'

const DIALECT_NAMES = {
  'chat-completions': true,
  responses: true,
  messages: true,
} satisfies Record<Dialect, true>

export function endpointRow(endpoint: StoredEndpoint): EndpointRow {
  return {
    name: toText(endpoint.name),
    url: toText(endpoint.url),
    dialect: endpoint.dialect,
    model: toTextOrNull(endpoint.model),
    local: endpoint.local ? 1 : 0,
    header_names: toJson(endpoint.headerNames, 'header names'),
    sealed_secrets: toTextOrNull(endpoint.sealedSecrets),
    fallbacks: toJsonOrNull(endpoint.fallbacks, 'fallbacks'),
    options: toJsonOrNull(endpoint.options, 'options'),
  }
}

/**
 * The values of JSON columns are checked by the engine, which knows what `putEndpoint` accepts.
 *
 * @throws `database-failed` if the row is broken
 */
export function storedEndpoint(row: EndpointRow): StoredEndpoint {
  return readRow('endpoint', row.name, () => ({
    name: text(row.name),
    url: text(row.url),
    dialect: word(row.dialect, DIALECT_NAMES),
    ...(row.model !== null && { model: text(row.model) }),
    local: row.local === 1,
    headerNames: jsonArray(row.header_names).map((name) => plainText(name)),
    ...(row.sealed_secrets !== null && { sealedSecrets: text(row.sealed_secrets) }),
    ...(row.fallbacks !== null && {
      fallbacks: jsonArray(row.fallbacks) as readonly FallbackRecord[],
    }),
    ...(row.options !== null && { options: jsonObject(row.options) }),
  }))
}
