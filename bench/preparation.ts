/** Prepares a benchmark run: installs the peers, checks types, and builds Colloquy. */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

export const BENCH = import.meta.dirname
export const ROOT = join(BENCH, '..')

/**
 * A copy of the installed lockfile. If the lockfile differs from it, the peers are installed again.
 */
const STAMP = join(BENCH, 'node_modules', '.installed-lock.json')

export function installPeers(): void {
  const lock = readFileSync(join(BENCH, 'package-lock.json'), 'utf8')
  if (existsSync(STAMP) && readFileSync(STAMP, 'utf8') === lock) return
  console.log('Installing the peers …')
  run(['ci', '--ignore-scripts', '--no-audit', '--no-fund'], BENCH)
  writeFileSync(STAMP, lock)
}

/**
 * Checks the types of the measures against the sources, so that an API change is found before the
 * run.
 */
export function checkTypes(): void {
  run(['exec', '--', 'tsc', '-p', 'bench'], ROOT)
}

/** The folder of the build to measure. Makes a new build if none is given. */
export function prepareBuild(given: string | undefined): string {
  if (given !== undefined) return resolve(given)
  console.log('Building …')
  run(['run', 'build'], ROOT)
  return join(ROOT, 'dist')
}

function run(args: readonly string[], cwd: string): void {
  const { status, stdout, stderr } = spawnSync('npm', ['--loglevel=error', ...args], {
    cwd,
    encoding: 'utf8',
  })
  if (status === 0) return
  throw new Error(`npm ${args.join(' ')} failed:\n${stdout}${stderr}`)
}
