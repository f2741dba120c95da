/**
 * Installs the packages if they are not there, so that `npm start` is enough on a fresh machine.
 *
 * JavaScript, since the Node of the machine runs it: Node 20 does not read TypeScript.
 */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

// npm writes this file when an installation is complete.
if (!existsSync(new URL('../node_modules/.package-lock.json', import.meta.url))) {
  process.stderr.write('The packages are not here yet: npm ci installs them.\n')
  // Neither reads what is piped in, nor writes between the replies: both are the chat's.
  const { status } = spawnSync(process.execPath, [process.env.npm_execpath, 'ci'], {
    stdio: ['ignore', 2, 2],
  })
  process.exitCode = status ?? 1
}
