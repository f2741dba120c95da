/**
 * Runs modules one after the other, each in a folder of its own, and sends how each one went.
 *
 * Arguments: the modules. All run in one process, because loading the engine takes longer than a
 * fragment does.
 */
import { mkdtempSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'

/** How long a module may take, in milliseconds. */
const LONGEST = 15_000

export interface FragmentRun {
  readonly output: string
  readonly error?: string
}

const runs: Record<string, FragmentRun> = {}
const write = process.stdout.write.bind(process.stdout)
let output = ''
let fail: (error: unknown) => void = () => {}
process.stdout.write = (text: string | Uint8Array) => {
  output += String(text)
  return true
}
process.on('unhandledRejection', (error) => fail(error))
process.on('uncaughtException', (error) => fail(error))

for (const file of process.argv.slice(2)) {
  output = ''
  process.chdir(mkdtempSync(join(dirname(file), 'run-')))
  const failed = new Promise((_, reject) => (fail = reject))
  const late = setTimeout(() => fail(new Error(`It takes longer than ${LONGEST} ms.`)), LONGEST)
  try {
    await Promise.race([import(pathToFileURL(file).href), failed])
    runs[file] = { output }
  } catch (error) {
    runs[file] = {
      output,
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    }
  }
  clearTimeout(late)
}
process.stdout.write = write
process.send?.(runs, () => process.exit())
