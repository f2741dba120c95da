/**
 * The place of a database file: the folder and the name under which it is opened.
 *
 * SQLite keeps its write-ahead log beside the name. Two engines that open one file under two names
 * (a hard link, a bind mount) would write two logs, and each would lose the commits of the other.
 * The lock file cannot prevent that: it is found by the name too. SQLite's locks on the database
 * file itself belong to the file, in all processes and mounts. So an engine first opens the file
 * exclusively, which fails while any other connection has it open under any name. While it is
 * alone, it writes its place into the file's header. A later engine that is not alone compares that
 * place with its own: readers under its own name do no harm.
 *
 * Knows nothing of the content of the file.
 */
import { createHash } from 'node:crypto'
import { statSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import Database from 'better-sqlite3'
import { ColloquyError, hasCode } from '../../protocol/errors.ts'
import { databaseError } from './errors.ts'

/** The header has room for 31 bits: 12 for the file, 19 for its place. */
const PLACE_BITS = 19
const FILE_BITS = 12

/**
 * The names of the files that engines of this process have open, by device and inode. SQLite keeps
 * such a list too, for the whole process: through a second name it would read the log of one name
 * by the index of the other. So this list cannot belong to an engine.
 */
const openFiles = new Map<string, string>()

/**
 * Refuses a file with several names, since SQLite's log belongs to one of them only.
 *
 * @throws `database-in-use`
 */
export function assertOneName(path: string): void {
  const links = statSync(path, { throwIfNoEntry: false })?.nlink ?? 0
  if (links <= 1) return
  throw new ColloquyError(
    'database-in-use',
    `The database file ${path} has ${links} names (hard links). SQLite keeps the newest commits beside one name, so they are missing under the others. Remove the other names, or copy the file and open the copy.`,
  )
}

export class FilePlace {
  readonly #path: string
  readonly #id: number
  readonly #inode: string

  /** @param path - the real path of a file that exists */
  constructor(path: string) {
    const file = statSync(path, { bigint: true })
    const folder = statSync(dirname(path), { bigint: true })
    this.#path = path
    this.#inode = `${file.dev}:${file.ino}`
    this.#id =
      bitsOf(String(file.ino), FILE_BITS) * 2 ** PLACE_BITS +
      (bitsOf(JSON.stringify([`${folder.dev}`, `${folder.ino}`, basename(path)]), PLACE_BITS) || 1)
  }

  /** @throws `database-in-use` if an engine of this process has the file under another name */
  assertFree(): void {
    const path = openFiles.get(this.#inode)
    if (path !== undefined && path !== this.#path) throw this.#inUse()
  }

  /**
   * Notes that an engine of this process has the file open, until the returned function is called.
   *
   * @throws `database-in-use` as `assertFree` does
   */
  hold(): () => void {
    this.assertFree()
    openFiles.set(this.#inode, this.#path)
    return () => void openFiles.delete(this.#inode)
  }

  /**
   * Writes this place into the file, unless another connection has the file open.
   *
   * @throws `database-in-use` if the file is open and the last engine had it under another name;
   *   `database-busy` if another program holds it locked just now
   */
  claim(): void {
    const client = new Database(this.#path, { timeout: 0 })
    try {
      client.exec('pragma locking_mode = exclusive')
      client.exec('begin exclusive')
      if (idIn(client) !== this.#id) this.#write(client)
      client.exec('commit')
      return
    } catch (error) {
      if (!hasCode(databaseError(error), 'database-busy')) throw error
    } finally {
      client.close()
    }
    this.#claimShared()
  }

  /**
   * Another engine may have claimed the file between `claim` and the opening of `client`.
   *
   * @param client - the open connection of the engine: while it is open, nobody else can claim
   * @throws `database-in-use`
   */
  assertClaimed(client: Database.Database): void {
    if (idIn(client) !== this.#id) throw this.#inUse()
  }

  /** Returns true if an engine had this file under another name when it was opened last. */
  isOther(client: Database.Database): boolean {
    const id = idIn(client)
    return id !== this.#id && Math.floor(id / 2 ** PLACE_BITS) === this.#file
  }

  /** Claims a file that somebody has open: a reader, another program, or an engine. */
  #claimShared(): void {
    const client = new Database(this.#path, { timeout: 0 })
    try {
      const id = idIn(client)
      if (id === this.#id) return
      if (this.isOther(client)) throw this.#inUse()
      // No engine has claimed the file yet, or it is a copy of one that an engine has claimed.
      this.#write(client)
      client.exec('pragma wal_checkpoint(passive)')
    } finally {
      client.close()
    }
  }

  get #file(): number {
    return Math.floor(this.#id / 2 ** PLACE_BITS)
  }

  #write(client: Database.Database): void {
    client.exec(`pragma application_id = ${this.#id}`)
  }

  #inUse(): ColloquyError {
    return new ColloquyError(
      'database-in-use',
      `The database file ${this.#path} is open under another name (a hard link, or a mount of the file). SQLite keeps the newest commits beside that name, so this engine would lose them. Close the program that has it open, or open it under the same name in the same folder.`,
    )
  }
}

function idIn(client: Database.Database): number {
  return client.prepare('pragma application_id').pluck().get() as number
}

function bitsOf(text: string, bits: number): number {
  return createHash('sha256').update(text).digest().readUInt32BE() >>> (32 - bits)
}
