/** Reads and writes endpoints: a new record replaces the old one. Secrets come in sealed. */
import type { EndpointRow } from '../schema/schema.ts'
import type { StoredEndpoint } from '../store.ts'
import { endpointRow } from './endpoint-row.ts'
import { type Connection, Statement } from './statement.ts'

export const SELECT_ENDPOINTS = new Statement<EndpointRow>('select * from endpoint order by name')

export const DELETE_ENDPOINT = new Statement('delete from endpoint where name = ?')

const PUT_ENDPOINT = new Statement(`
  insert into endpoint (name, url, origin, dialect, model, local, header_names, sealed_secrets,
    fallbacks, options)
  values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  on conflict (name) do update set url = excluded.url, origin = excluded.origin,
    dialect = excluded.dialect, model = excluded.model, local = excluded.local,
    header_names = excluded.header_names, sealed_secrets = excluded.sealed_secrets,
    fallbacks = excluded.fallbacks, options = excluded.options`)

export function putEndpointJob(endpoint: StoredEndpoint): (tx: Connection) => Promise<void> {
  const row = endpointRow(endpoint)
  return async (tx) => {
    await PUT_ENDPOINT.run(
      tx,
      row.name,
      row.url,
      row.origin,
      row.dialect,
      row.model,
      row.local,
      row.header_names,
      row.sealed_secrets,
      row.fallbacks,
      row.options,
    )
  }
}
