/** A handler in a process of its own, on a database file. It reports its port, and serves until it is killed. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createHandler } from '../../../src/http.ts'
import { createEngine } from '../../../src/index.ts'

const [database, url, port = '0'] = process.argv.slice(2)
if (database === undefined || url === undefined) throw new Error('Name a database and a url.')

const engine = await createEngine({
  database,
  emitIntervalMs: 0,
  autoTitle: false,
  checkpointMs: 20,
})
await engine.putEndpoint('online', { url, model: 'm' })
const handler = createHandler(engine, { authorize: () => ({ owner: 'ada' }), frameMs: 5 })
const server = createServer(handler.node).listen(Number(port), '127.0.0.1')
await once(server, 'listening')
process.send?.((server.address() as AddressInfo).port)
