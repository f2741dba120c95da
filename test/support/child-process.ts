/** Runs scripts in their own process, for effects that a test runner would catch or hide. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

export interface Child {
  /** The last message that it sent. `undefined` if it sent none. */
  readonly message: unknown
  readonly exitCode: unknown
  readonly stderr: string
}

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
