/** Where a database file really is, so that one file has one name whatever way leads to it. */
import { lstat, readlink, realpath, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { ColloquyError } from '../../protocol/errors.ts'

/** As many links in a row as Linux follows. */
const MAX_LINKS = 40

/**
 * The real path of a database that may not exist yet.
 *
 * @throws `database-failed` when there can be no database file
 */
export async function resolveDatabasePath(database: string): Promise<string> {
  let path = resolve(database)
  for (let links = 0; links < MAX_LINKS; links += 1) {
    const folder = await realFolder(path)
    path = join(folder, basename(path))
    const target = await linkTarget(path)
    if (target === undefined) {
      await refuseFolder(path)
      return path
    }
    path = resolve(folder, target)
  }
  throw new ColloquyError('database-failed', `${database} is a link that leads back to itself.`)
}

async function realFolder(path: string): Promise<string> {
  let cause: unknown
  try {
    const folder = await realpath(dirname(path))
    if ((await stat(folder)).isDirectory()) return folder
  } catch (error) {
    cause = error
  }
  throw new ColloquyError(
    'database-failed',
    `The database ${path} cannot be opened: its folder does not exist or cannot be entered. Create the folder, or name another file.`,
    { cause },
  )
}

/** What a symbolic link names; `undefined` when the path is none, or nothing at all. */
async function linkTarget(path: string): Promise<string | undefined> {
  try {
    return (await lstat(path)).isSymbolicLink() ? await readlink(path) : undefined
  } catch {
    return undefined
  }
}

async function refuseFolder(path: string): Promise<void> {
  let isFolder: boolean
  try {
    isFolder = (await stat(path)).isDirectory()
  } catch {
    return
  }
  if (isFolder) {
    throw new ColloquyError(
      'database-failed',
      `The database ${path} is a folder. Name a file, such as ${join(path, 'colloquy.db')}.`,
    )
  }
}
