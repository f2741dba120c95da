/** The mock provider as a process of its own: tells its parent its url, and ends with it. */
import { Provider } from './provider.ts'

const provider = new Provider()
process.send?.({ url: await provider.listen() })
process.once('disconnect', () => process.exit())
