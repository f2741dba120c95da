/** Runs a script from `children/` to its end. Knows nothing of engines. */
import { type Child, runScript } from '../support/child-process.ts'

export function runChild(name: string, ...args: readonly string[]): Promise<Child> {
  return runScript(new URL(`./children/${name}.ts`, import.meta.url), args)
}
