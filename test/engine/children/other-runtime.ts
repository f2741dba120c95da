/** Opens an engine as if on another runtime, and says how it went and whether anything native came. */
import { existsSync } from 'node:fs'

const [versions = '{}', database = ':memory:'] = process.argv.slice(2)
Object.defineProperty(process, 'versions', {
  value: { ...process.versions, ...(JSON.parse(versions) as object) },
})
const loaded: unknown[] = []
const dlopen = process.dlopen.bind(process)
process.dlopen = (...args) => {
  loaded.push(args[1])
  dlopen(...args)
}

// Imported only here, so that its loading is watched too.
const { ColloquyError, createEngine } = await import('../../../src/index.ts')
let outcome: unknown
try {
  await using engine = await createEngine({ database })
  outcome = await engine.getSettings()
} catch (error) {
  outcome = error instanceof ColloquyError ? error.toJSON() : String(error)
}
process.send?.({ outcome, natives: loaded.length, hasFile: existsSync(database) })
process.disconnect()
