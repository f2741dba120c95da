/** An endpoint as a row, and back. Knows no statement, and cannot open the sealed secrets. */
import type { FallbackRecord } from '../../protocol/endpoint.ts'
import type { EndpointRow } from '../schema/schema.ts'
import type { StoredEndpoint, StoredEndpointOptions } from '../store.ts'
import { fromJson, fromText, toJson, toJsonOrNull, toText, toTextOrNull } from './stored-text.ts'

export function endpointRow(endpoint: StoredEndpoint): EndpointRow {
  return {
    name: toText(endpoint.name),
    url: toText(endpoint.url),
    origin: toText(endpoint.origin),
    dialect: endpoint.dialect,
    model: toTextOrNull(endpoint.model),
    local: endpoint.local ? 1 : 0,
    header_names: toJson(endpoint.headerNames, 'header names'),
    sealed_secrets: toTextOrNull(endpoint.sealedSecrets),
    fallbacks: toJsonOrNull(endpoint.fallbacks, 'fallbacks'),
    options: toJsonOrNull(endpoint.options, 'options'),
  }
}

export function storedEndpoint(row: EndpointRow): StoredEndpoint {
  return {
    name: fromText(row.name),
    url: fromText(row.url),
    origin: fromText(row.origin),
    dialect: row.dialect,
    ...(row.model !== null && { model: fromText(row.model) }),
    local: row.local === 1,
    headerNames: fromJson(row.header_names) as readonly string[],
    ...(row.sealed_secrets !== null && { sealedSecrets: fromText(row.sealed_secrets) }),
    ...(row.fallbacks !== null && { fallbacks: fromJson(row.fallbacks) as FallbackRecord[] }),
    ...(row.options !== null && { options: fromJson(row.options) as StoredEndpointOptions }),
  }
}
