/** The files of a test's database, read from outside the engine. */
import { readFileSync, readdirSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

/** All bytes of the database on disk: the file, its log, and every file beside it with its name. */
export function bytesOnDisk(database: string): Buffer {
  const folder = dirname(database)
  const files = readdirSync(folder).filter((name) => name.startsWith(basename(database)))
  return Buffer.concat(files.map((name) => readFileSync(join(folder, name))))
}
