/**
 * The mock provider as a process. It sends its URL to its parent, and ends when its parent ends.
 */
import { Provider } from './provider.ts'

const provider = new Provider()
process.send?.({ url: await provider.listen() })
process.once('disconnect', () => process.exit())
