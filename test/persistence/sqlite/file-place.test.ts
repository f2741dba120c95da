/** One file under two names: a hard link, a mount, a name that was changed while it was open. */
import { once } from 'node:events'
import { chmod, copyFile, link, mkdir, readdir, rename, rm, stat, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { openSqliteStore } from '../../../src/persistence/sqlite/store.ts'
import { openSqliteView } from '../../../src/persistence/sqlite/view.ts'
import { startChild } from '../child.ts'
import { conversation, sqliteOptions } from '../records.ts'
import { connect, fileWithTurn, newFile, open } from '../sqlite-files.ts'

const IN_USE = { code: 'database-in-use' }

/** A second name for a file, in a folder of its own, as a mount has. */
async function otherName(file: string): Promise<string> {
  const folder = join(dirname(file), 'mount')
  await mkdir(folder, { recursive: true })
  return join(folder, 'chat.db')
}

async function view(file: string, warnings: string[] = []): Promise<void> {
  const warn = (_: object, message: string) => void warnings.push(message)
  const opened = await openSqliteView(file, { debug() {}, info() {}, error() {}, warn })
  onTestFinished(() => opened.close())
}

/** What happens to a process that opens the file: `open`, or the code of the refusal. */
async function opening(file: string): Promise<unknown> {
  const { child, message } = await startChild('hold-store', file)
  child.kill('SIGKILL')
  return message
}

describe('a file with two names', () => {
  test('is refused under both, and the refusal says what to do', async () => {
    const file = await fileWithTurn()
    const linked = await otherName(file)
    await link(file, linked)

    for (const name of [file, linked]) {
      await expect(open(name)).rejects.toMatchObject({
        ...IN_USE,
        message: expect.stringMatching(/2 names.*Remove the other names, or copy the file/s),
      })
      await expect(openSqliteView(name)).rejects.toMatchObject(IN_USE)
    }
    expect(await readdir(dirname(linked))).toEqual(['chat.db'])

    await rm(linked)
    await open(file)
  })

  test('is refused under a symbolic link to one of them', async () => {
    const file = await fileWithTurn()
    const linked = await otherName(file)
    await link(file, linked)
    await symlink(linked, `${file}.symbolic`)

    await expect(open(`${file}.symbolic`)).rejects.toMatchObject(IN_USE)
  })

  test('is refused to another process, while an engine has it and after', async () => {
    const file = await fileWithTurn()
    const store = await open(file)
    const linked = await otherName(file)
    await link(file, linked)

    expect(await opening(linked)).toBe('database-in-use')
    await store.createConversation(conversation('still-writes'))
    await store.close()
    expect(await opening(linked)).toBe('database-in-use')
  })
})

// A mount of the file cannot be made in every test run. A file that was renamed is the same for
// SQLite: one link, another name, and a log beside the name that the engine opened.
describe.skipIf(process.platform === 'win32')('a file that is open under another name', () => {
  test('is refused to an engine in the same process', async () => {
    const file = await newFile()
    await open(file)
    const renamed = await otherName(file)
    await rename(file, renamed)

    await expect(open(renamed)).rejects.toMatchObject({
      ...IN_USE,
      message: expect.stringMatching(/under another name.*Close the program/s),
    })
  })

  test('is refused to an engine in another process, until the first one has died', async () => {
    const file = await fileWithTurn()
    const { child } = await startChild('hold-store', file)
    const renamed = await otherName(file)
    await rename(file, renamed)

    await expect(open(renamed)).rejects.toMatchObject(IN_USE)

    child.kill('SIGKILL')
    await once(child, 'exit')
    const store = await open(renamed)
    expect(await store.listTurns('c')).toHaveLength(1)
  })

  test('is refused also where both processes make it', async () => {
    const file = await newFile()
    await startChild('hold-store', file)
    const renamed = join(dirname(file), 'renamed.db')
    await rename(file, renamed)

    await expect(open(renamed)).rejects.toMatchObject(IN_USE)
  })

  test('is shown to a reader with a warning that commits may be missing', async () => {
    const file = await fileWithTurn()
    await startChild('hold-store', file)
    const renamed = await otherName(file)
    await rename(file, renamed)
    const warnings: string[] = []

    await view(renamed, warnings)

    expect(warnings).toEqual([expect.stringContaining('may miss its newest commits')])
  })

  test('is refused to a reader in the same process', async () => {
    const file = await fileWithTurn()
    const store = await open(file)
    const renamed = await otherName(file)
    await rename(file, renamed)

    await expect(openSqliteView(renamed)).rejects.toMatchObject(IN_USE)

    await store.close()
    await view(renamed)
  })
})

describe('readers of a file', () => {
  test('do not keep an engine from it, in this process or another', async () => {
    const file = await fileWithTurn()
    await startChild('hold-store', file, 'view')
    await view(file)
    connect(file).prepare('select * from conversation').all()

    const store = await open(file)

    expect(await store.createConversation(conversation('d'))).toMatchObject({ id: 'd' })
  })

  test('do not keep an engine from a file that no engine has opened yet', async () => {
    const file = await newFile()
    const foreign = connect(file)
    foreign.exec('pragma journal_mode = wal; create table note (text text)')
    foreign.prepare('select * from note').all()

    const store = await open(file)
    await store.createConversation(conversation('d'))

    const renamed = await otherName(file)
    await rename(file, renamed)
    expect(await opening(renamed)).toBe('database-in-use')
  })

  test('are not warned of a file under its own name, or of a copy', async () => {
    const file = await fileWithTurn()
    await copyFile(file, `${file}.copy`)
    const warnings: string[] = []

    await view(file, warnings)
    await view(`${file}.copy`, warnings)

    expect(warnings).toEqual([])
  })
})

test.for(['moved', 'copied'])('a file that was %s is opened under its new name', async (how) => {
  const file = await fileWithTurn()
  const next = await otherName(file)
  await (how === 'moved' ? rename(file, next) : copyFile(file, next))

  for (let times = 1; times <= 2; times += 1) {
    const store = await openSqliteStore(sqliteOptions(next))
    expect(await store.listTurns('c')).toHaveLength(1)
    expect(store.epoch).toBe(times + 1)
    await store.close()
  }
})

describe.skipIf(process.platform === 'win32')('the mode of files', () => {
  const modes = async (file: string) =>
    Promise.all(
      ['', '-wal', '-shm', '.lock'].map(async (suffix) => {
        const { mode } = await stat(file + suffix)
        return (mode & 0o777).toString(8)
      }),
    )

  test.each([0o000, 0o022, 0o077])(
    'is 0600 for new ones, whatever the umask (%o)',
    async (mask) => {
      const file = await newFile()
      await startChild('hold-store', file, 'engine', String(mask))

      expect(await modes(file)).toEqual(['600', '600', '600', '600'])
    },
  )

  test('is left as it is for existing ones', async () => {
    const file = await fileWithTurn()
    await chmod(file, 0o640)
    await chmod(`${file}.lock`, 0o644)

    await open(file)

    expect(await modes(file)).toEqual(['640', '640', '640', '644'])
  })
})
