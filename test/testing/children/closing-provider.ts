/** Closes a provider with three endless answers. The process must end by itself. */
import { drip, hang, keepAlive, startProvider } from '../../../src/testing.ts'
import { sent } from '../asking.ts'

const provider = await startProvider()
provider.next(keepAlive(60_000), drip('slow', 60_000), hang())
for (let n = 0; n < 3; n += 1) sent(provider.url)
await provider.request(2)
const open = provider.openSockets
await provider.close()
await provider.close()
process.stdout.write(`${open} sockets, then ${provider.openSockets}\n`)
