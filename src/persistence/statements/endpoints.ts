/** Reads and writes endpoints: a new record replaces the old one. Secrets come in sealed. */
import type { EndpointRow } from '../schema/schema.ts'
import type { StoredEndpoint } from '../ports/endpoint-store.ts'
import { endpointRow } from './endpoint-row.ts'
import { type Connection, type NoParameters, Statement } from './statement.ts'

export const SELECT_ENDPOINTS = new Statement<NoParameters, EndpointRow>((db) =>
  db.selectFrom('endpoint').selectAll().orderBy('name'),
)

export const PUT_ENDPOINT = new Statement<EndpointRow>((db, row) =>
  db
    .insertInto('endpoint')
    .values({
      name: row.name,
      url: row.url,
      dialect: row.dialect,
      model: row.model,
      local: row.local,
      header_names: row.header_names,
      sealed_secrets: row.sealed_secrets,
      fallbacks: row.fallbacks,
      options: row.options,
    })
    .onConflict((conflict) =>
      conflict.column('name').doUpdateSet((of) => ({
        url: of.ref('excluded.url'),
        dialect: of.ref('excluded.dialect'),
        model: of.ref('excluded.model'),
        local: of.ref('excluded.local'),
        header_names: of.ref('excluded.header_names'),
        sealed_secrets: of.ref('excluded.sealed_secrets'),
        fallbacks: of.ref('excluded.fallbacks'),
        options: of.ref('excluded.options'),
      })),
    ),
)

export const DELETE_ENDPOINT = new Statement<Pick<EndpointRow, 'name'>>((db, { name }) =>
  db.deleteFrom('endpoint').where('name', '=', name),
)

export function putEndpointJob(endpoint: StoredEndpoint): (tx: Connection) => Promise<void> {
  const row = endpointRow(endpoint)
  return async (tx) => {
    await PUT_ENDPOINT.run(tx, row)
  }
}
