/** The size of an installed package: dependencies from the lockfiles, bytes from `node_modules`. */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { BENCH, ROOT } from '../preparation.ts'
import type { Measure } from './task.ts'

interface LockedPackage {
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>
}

type Lock = Readonly<Record<string, LockedPackage>>

/** The packages that a user of each client installs. */
const PEERS: Readonly<Record<string, readonly string[]>> = {
  'ai-sdk': ['ai', '@ai-sdk/openai-compatible'],
  'openai-node': ['openai'],
  langchain: ['@langchain/openai', '@langchain/core'],
  tanstack: ['@tanstack/ai', '@tanstack/ai-openai'],
  'pi-ai': ['@mariozechner/pi-ai'],
}

// oxlint-disable-next-line require-await -- a measure is asynchronous, this one has nothing to await
export const measure: Measure = async ({ client }) => {
  const peer = PEERS[client]
  if (peer !== undefined) {
    const places = closure(
      lockOf(BENCH),
      peer.map((name) => `node_modules/${name}`),
    )
    return weigh(BENCH, places, peer.length)
  }
  const lock = lockOf(ROOT)
  const own = Object.keys(lock['']?.dependencies ?? {}).map((name) => `node_modules/${name}`)
  const figures = weigh(ROOT, closure(lock, own), 0)
  const ownBytes = sizeOf(join(ROOT, 'dist')) + sizeOf(join(ROOT, 'src'))
  return { ...figures, installMb: figures.installMb + ownBytes / 2 ** 20 }
}

function lockOf(folder: string): Lock {
  const file = readFileSync(join(folder, 'package-lock.json'), 'utf8')
  return (JSON.parse(file) as { packages: Lock }).packages
}

/** The packages with all their dependencies, by their paths in the lockfile. */
function closure(lock: Lock, places: readonly string[]): ReadonlySet<string> {
  const found = new Set<string>()
  const open = [...places]
  for (let place = open.pop(); place !== undefined; place = open.pop()) {
    if (found.has(place)) continue
    found.add(place)
    const { dependencies, optionalDependencies, peerDependencies, peerDependenciesMeta } =
      lock[place] ?? {}
    const peers = Object.keys(peerDependencies ?? {}).filter(
      (name) => peerDependenciesMeta?.[name]?.optional !== true,
    )
    const names = [...Object.keys({ ...dependencies, ...optionalDependencies }), ...peers]
    open.push(...names.flatMap((name) => placeOf(lock, name, place) ?? []))
  }
  return found
}

/** The path of a dependency: beside the package that needs it, or above, as Node looks it up. */
function placeOf(lock: Lock, name: string, user: string): string | undefined {
  const folders = user.split('/node_modules/')
  for (let depth = folders.length; depth > 0; depth -= 1) {
    const place = `${folders.slice(0, depth).join('/node_modules/')}/node_modules/${name}`
    if (lock[place] !== undefined) return place
  }
  const top = `node_modules/${name}`
  return lock[top] === undefined ? undefined : top
}

function weigh(folder: string, places: ReadonlySet<string>, own: number) {
  // The lockfile also lists packages of other platforms. They are not installed.
  const installed = [...places].filter((place) => existsSync(join(folder, place)))
  const bytes = installed.reduce((sum, place) => sum + sizeOf(join(folder, place)), 0)
  return { dependencies: installed.length - own, installMb: bytes / 2 ** 20 }
}

/** The size of the files below a folder, without nested packages. */
function sizeOf(folder: string): number {
  let bytes = 0
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) bytes += entry.name === 'node_modules' ? 0 : sizeOf(path)
    else if (entry.isFile()) bytes += statSync(path).size
  }
  return bytes
}
