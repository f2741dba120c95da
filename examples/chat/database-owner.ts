/** Says which process has a database open, where the system tells. */
import { readFile, stat } from 'node:fs/promises'
import { existsSync } from 'node:fs'

/**
 * The text for a database that is in use.
 *
 * A failure to find the process is no failure of the chat: the text is then less exact.
 */
export async function inUse(database: string): Promise<string> {
  const owner = await ownerOf(database).catch(() => undefined)
  const who = owner === undefined ? 'Another chat or program' : `Another program (process ${owner})`
  return (
    `${who} has ${database} open, and a file serves one at a time.\n` +
    `Leave that one first, or keep this conversation elsewhere: --database ${freeName(database)}`
  )
}

/** Linux lists the locks of files, with the process that holds each. */
async function ownerOf(database: string): Promise<number | undefined> {
  const locks = await readFile('/proc/locks', 'utf8')
  for (const path of [`${database}.lock`, database]) {
    const { ino } = await stat(path)
    const line = new RegExp(`WRITE +(\\d+) [0-9a-f]+:[0-9a-f]+:${ino} `).exec(locks)
    if (line !== null) return Number(line[1])
  }
  return undefined
}

/** The first name like this one that no file has. */
function freeName(database: string): string {
  const [, stem = database, extension = ''] = /^(.+?)(\.[^./]+)?$/.exec(database) ?? []
  for (let number = 2; ; number++) {
    const name = `${stem}-${number}${extension}`
    if (!existsSync(name)) return name
  }
}
