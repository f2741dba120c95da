/** Processes of their own, for what a test runner would catch or forgive. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

export interface Child {
  /** What it reported before it ended; `undefined` if it did not. */
  readonly message: unknown
  readonly exitCode: unknown
  readonly stderr: string
}

/** Runs a script from `children/` to its end. */
export async function runChild(name: string, ...args: readonly string[]): Promise<Child> {
  const script = fileURLToPath(new URL(`./children/${name}.ts`, import.meta.url))
  const child = fork(script, args, { execArgv: [], silent: true })
  onTestFinished(() => {
    child.kill('SIGKILL')
  })
  let message: unknown
  let stderr = ''
  child.on('message', (value) => (message = value))
  child.stderr?.on('data', (bytes: Buffer) => (stderr += bytes.toString()))
  const [exitCode] = await once(child, 'close')
  return { message, exitCode, stderr }
}
