/**
 * Tells whether the process can run an engine.
 *
 * The database's binary ends the process on an older Node, and undici's dispatchers do not work on
 * Bun. So this is checked before either is used. Importing the package loads neither.
 */
import { ColloquyError } from '../protocol/errors.ts'

/** The oldest Node that works, as `engines` of package.json has it. */
const OLDEST_NODE = [22, 18] as const

/** @throws `unsupported-runtime` */
export function assertRuntime(versions: Readonly<Record<string, string | undefined>>): void {
  const { bun, deno, node } = versions
  if (bun !== undefined) {
    throw unsupported(`Colloquy does not run on Bun (this is ${bun}): its requests cannot be sent.`)
  }
  // Deno says which Node it resembles, which may be an older one.
  if (deno !== undefined || isSupported(node)) return
  throw unsupported(`Colloquy does not run on this version of Node (${node ?? 'unknown'}).`)
}

function isSupported(node: string | undefined): boolean {
  const [major = 0, minor = 0] = (node ?? '').split('.').map(Number)
  const [oldestMajor, oldestMinor] = OLDEST_NODE
  return major > oldestMajor || (major === oldestMajor && minor >= oldestMinor)
}

function unsupported(what: string): ColloquyError {
  return new ColloquyError(
    'unsupported-runtime',
    `${what} Use Node ${OLDEST_NODE.join('.')} or newer, or Deno.`,
  )
}
