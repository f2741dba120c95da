/** Endpoints in an SQL database. Knows nothing of what their secrets are sealed with. */
import type { EndpointStore } from '../ports/endpoint-store.ts'
import type { SqlAccess } from '../sql-access.ts'
import { readable, readRows, text } from '../statements/checked-row.ts'
import { storedEndpoint } from '../statements/endpoint-row.ts'
import { DELETE_ENDPOINT, putEndpointJob, SELECT_ENDPOINTS } from '../statements/endpoints.ts'
import { toText } from '../statements/stored-text.ts'

export function endpointStore(access: SqlAccess): EndpointStore {
  return {
    async listEndpoints(onBroken) {
      const rows = await access.read((connection) => SELECT_ENDPOINTS.all(connection, {}))
      if (onBroken === undefined) return readRows(rows, storedEndpoint, access.report)
      return rows.flatMap((row) => {
        const endpoint = readable(() => storedEndpoint(row))
        if (endpoint === undefined) onBroken(readable(() => text(row.name)) ?? '')
        return endpoint ?? []
      })
    },

    async putEndpoint(endpoint) {
      await access.write(() => putEndpointJob(endpoint))
    },

    async deleteEndpoint(name) {
      const named = { name: toText(name) }
      return (await access.write(() => (tx) => DELETE_ENDPOINT.run(tx, named))) > 0
    },
  }
}
