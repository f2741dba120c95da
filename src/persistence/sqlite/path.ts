/**
 * Finds the real path of a database file, so that a file has one path whichever links lead to it.
 *
 * Knows nothing of the file's content.
 */
import { lstat, readlink, realpath, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { ColloquyError } from '../../protocol/errors.ts'

/** The number of links in a row that Linux follows. */
const MAX_LINKS = 40

/**
 * The real path of a database that may not exist yet.
 *
 * @throws `database-failed` if there can be no database file at this path
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

/** The target of a symbolic link; `undefined` if the path is no link or does not exist. */
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
