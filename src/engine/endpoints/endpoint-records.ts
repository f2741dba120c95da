/** The records of endpoints: everything about them except their secrets. */
import type { EndpointStore, StoredEndpoint } from '../../persistence/ports/endpoint-store.ts'
import type { EndpointRecord } from '../../protocol/endpoint.ts'
import { splitSecretQuery } from '../../transport/http/secret-query.ts'
import { EndpointSecrets, type HeldSecrets } from './endpoint-secrets.ts'
import { brokenEndpoint, checkedStored, originOf } from './stored-endpoint.ts'

/** A stored endpoint with the secrets that are known of it. */
export interface OpenedEndpoint {
  readonly stored: StoredEndpoint
  readonly secrets: HeldSecrets
}

/** The record of a stored endpoint, for an engine that only reads and uses no key. */
export async function storedRecord(
  store: EndpointStore,
  name: string,
): Promise<EndpointRecord | undefined> {
  const { endpoints, broken } = await readEndpoints(store)
  if (broken.has(name)) throw brokenEndpoint(name)
  const stored = endpoints.find((endpoint) => endpoint.name === name)
  return stored && recordWithoutKeys(stored)
}

/** The records of all stored endpoints whose row can be read, for such an engine. */
export async function storedRecords(store: EndpointStore): Promise<readonly EndpointRecord[]> {
  const { endpoints } = await readEndpoints(store)
  return byName(endpoints.map((stored) => recordWithoutKeys(stored)))
}

function recordWithoutKeys(stored: StoredEndpoint): EndpointRecord {
  const { url } = splitSecretQuery(stored.url)
  const secrets = EndpointSecrets.withoutKey().unseal(stored)
  return recordOf({ stored: { ...stored, url }, secrets }, { usesKeys: false })
}

/** Sorts records by name. */
export function byName(records: readonly EndpointRecord[]): readonly EndpointRecord[] {
  return records.toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

/** Reads all stored endpoints; `broken` has the names of those whose rows cannot be read. */
export async function readEndpoints(store: EndpointStore): Promise<{
  readonly endpoints: readonly StoredEndpoint[]
  readonly broken: Set<string>
}> {
  const broken = new Set<string>()
  const rows = await store.listEndpoints((name) => broken.add(name))
  const endpoints = rows.flatMap((row) => {
    try {
      return checkedStored(row)
    } catch {
      broken.add(row.name)
      return []
    }
  })
  return { endpoints, broken }
}

/** @param usesKeys - false for an engine that uses no key, so that none of them can be unreadable */
export function recordOf(
  { stored, secrets }: OpenedEndpoint,
  { usesKeys = true } = {},
): EndpointRecord {
  const { name, url, dialect, model, local, fallbacks, options } = stored
  const { maxConcurrent, quirks } = options ?? {}
  const { known, lost } = secrets
  return {
    name,
    url,
    origin: originOf(url),
    dialect,
    ...(model && { model }),
    local,
    hasApiKey: (known.apiKey ?? known.keySource) !== undefined || lost?.apiKey === true,
    ...(lost && usesKeys && { isKeyReadable: false }),
    headerNames: [...Object.keys(known.headers), ...(lost?.headers ?? [])],
    ...(fallbacks && { fallbacks }),
    ...(maxConcurrent && { maxConcurrent }),
    ...(quirks && { quirks }),
  }
}
