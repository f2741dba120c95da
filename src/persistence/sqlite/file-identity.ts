/**
 * The identity of an open file: checks that its path still leads to it.
 *
 * The operating system lets a process go on writing to a file that was deleted or replaced. Those
 * writes are lost when the process ends. So a writer checks the file before each commit. The check
 * costs a few microseconds, while a commit that waits for the disk costs thousands. Knows nothing
 * of the file's content.
 */
import { type Stats, statSync } from 'node:fs'
import { ColloquyError } from '../../protocol/errors.ts'

export class FileIdentity {
  readonly #path: string
  readonly #device: number
  readonly #inode: number

  /** @param path - of a file that exists and is open */
  constructor(path: string) {
    const { dev, ino } = statSync(path)
    this.#path = path
    this.#device = dev
    this.#inode = ino
  }

  get isSame(): boolean {
    return this.#leadsHere(statSync(this.#path, { throwIfNoEntry: false }))
  }

  /** @throws `database-gone` */
  assertSame(): void {
    const found = statSync(this.#path, { throwIfNoEntry: false })
    if (this.#leadsHere(found)) return
    throw new ColloquyError(
      'database-gone',
      `The database file ${this.#path} was ${found === undefined ? 'deleted or moved away' : 'replaced by another file'} while it was open. Nothing more is written. Put it back, or close the engine and open another one.`,
    )
  }

  #leadsHere(found: Stats | undefined): boolean {
    return found?.ino === this.#inode && found.dev === this.#device
  }
}
