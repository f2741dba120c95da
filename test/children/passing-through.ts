/**
 * Prints the bytes that minor collections leave of entries that passed through a Map or a Registry.
 */
import { Registry } from '../../src/registry.ts'

const ITEMS = 1_500
const OBJECTS = 100

const collect = globalThis.gc as NonNullable<typeof gc>
const entries =
  process.argv[2] === 'Map' ? new Map<number, object>() : new Registry<number, object>()
const item = () => Array.from({ length: OBJECTS }, (_, index) => ({ index }))

for (let key = 0; key < 8; key += 1) entries.set(key, item())
for (let collections = 0; collections < 3; collections += 1) collect()
const before = process.memoryUsage().heapUsed
for (let key = 8; key < ITEMS; key += 1) {
  entries.delete(key - 8)
  entries.set(key, item())
}
for (let collections = 0; collections < 2; collections += 1) collect({ type: 'minor' })
process.stdout.write(String(process.memoryUsage().heapUsed - before))
