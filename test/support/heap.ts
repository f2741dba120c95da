/** The memory in use after garbage collection. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { ticks } from './waiting.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** The bytes in use after a thorough collection, on the heap and in buffers outside it. */
export async function collectedHeap(): Promise<number> {
  for (let n = 0; n < 3; n += 1) {
    await ticks(3)
    collect()
  }
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
