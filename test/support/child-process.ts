/** Processes of their own, for what a test runner would catch or forgive, or has in its memory. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

export interface Child {
  /** What it reported before it ended, at last; `undefined` if it did not. */
  readonly message: unknown
  readonly exitCode: unknown
  readonly stderr: string
}

/** Runs a script to its end. */
export async function runScript(
  script: URL,
  args: readonly string[],
  execArgv: readonly string[] = [],
): Promise<Child> {
  const child = fork(fileURLToPath(script), args, { execArgv: [...execArgv], silent: true })
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
