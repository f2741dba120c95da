/** Starts a process from `children/`. It is killed after the test. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

/** Resolves with the first message of the process. */
export async function startChild(
  name: string,
  ...args: readonly string[]
): Promise<{ readonly child: ChildProcess; readonly message: unknown }> {
  const script = fileURLToPath(new URL(`./children/${name}.ts`, import.meta.url))
  const child = fork(script, args, { execArgv: [], silent: false })
  onTestFinished(() => {
    child.kill('SIGKILL')
  })
  const [message] = await once(child, 'message')
  return { child, message }
}
