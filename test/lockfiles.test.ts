/** The lockfiles: what is installed is what was looked at, on every platform. */
import { readFile } from 'node:fs/promises'
import { describe, expect, test } from 'vitest'

interface Lockfile {
  readonly lockfileVersion: number
  readonly packages: Readonly<Record<string, LockedPackage>>
}

interface LockedPackage {
  readonly version?: string
  readonly integrity?: string
  readonly resolved?: string
  readonly link?: boolean
}

/** The installed packages of a lockfile, by their place. The package itself is not one. */
async function installedBy(file: string): Promise<readonly (readonly [string, LockedPackage])[]> {
  const text = await readFile(new URL(`../${file}`, import.meta.url), 'utf8')
  const { packages } = JSON.parse(text) as Lockfile
  return Object.entries(packages).filter(([place]) => place !== '')
}

describe.each(['package-lock.json', 'bench/package-lock.json'])('%s', (file) => {
  test('pins the content of every package, also of those for other platforms', async () => {
    const installed = await installedBy(file)
    const unpinned = installed.filter(
      ([, { integrity = '' }]) => !/^sha512-[A-Za-z0-9+/]{86}==$/.test(integrity),
    )

    expect(installed.length).toBeGreaterThan(100)
    expect(unpinned.map(([place]) => place)).toEqual([])
  })

  test('names one version for each package, and no place to fetch it from', async () => {
    const installed = await installedBy(file)
    const odd = installed.filter(
      ([, { version = '', resolved, link }]) =>
        !/^\d+\.\d+\.\d+/.test(version) || resolved !== undefined || link === true,
    )

    expect(odd.map(([place]) => place)).toEqual([])
  })
})
