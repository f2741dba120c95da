/** What is in memory once all that can be collected has been. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { ticks } from './waiting.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** Bytes in use, on the heap and in buffers beside it, after a thorough collection. */
export async function collectedHeap(): Promise<number> {
  for (let n = 0; n < 3; n += 1) {
    await ticks(3)
    collect()
  }
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
