/** Tries to open a database, and reports the result. */
import { ColloquyError, createEngine } from '../../../src/index.ts'

const [database] = process.argv.slice(2)
try {
  await using engine = await createEngine({ database })
  process.send?.({ opened: await engine.getSettings() })
} catch (error) {
  process.send?.(error instanceof ColloquyError ? error.toJSON() : String(error))
}
process.disconnect()
