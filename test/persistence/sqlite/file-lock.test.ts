/** The lock of a database file. */
import { once } from 'node:events'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { FileLock } from '../../../src/persistence/sqlite/file-lock.ts'
import { openSqliteStore, type SqliteStoreOptions } from '../../../src/persistence/sqlite/store.ts'
import type { Store } from '../../../src/persistence/ports/store.ts'
import { startChild } from '../child.ts'
import { conversation, sqliteOptions } from '../records.ts'
import { temporaryFolder } from '../temporary-folder.ts'

async function open(database: string, options?: Partial<SqliteStoreOptions>): Promise<Store> {
  const store = await openSqliteStore(sqliteOptions(database, options))
  onTestFinished(() => store.close())
  return store
}

test('a file has one engine, and the second is told what to do', async () => {
  const file = join(await temporaryFolder(), 'chat.db')
  const first = await open(file)

  await expect(open(file)).rejects.toMatchObject({
    code: 'database-in-use',
    message: expect.stringContaining(`${file} open`),
  })
  await first.createConversation(conversation('c'))

  await first.close()
  const second = await open(file)
  expect(await second.getConversation('c')).toMatchObject({ id: 'c' })
})

test('every way to a file leads to the same lock', async () => {
  const folder = await temporaryFolder()
  const file = join(folder, 'data', 'chat.db')
  await mkdir(join(folder, 'data'))
  await symlink('data', join(folder, 'linked-folder'))
  // Made before the file: both links have no target yet.
  await symlink(join('data', 'chat.db'), join(folder, 'linked.db'))
  await symlink('linked.db', join(folder, 'twice-linked.db'))
  await open(join(folder, 'twice-linked.db'))

  for (const way of [
    file,
    relative(process.cwd(), file),
    join(folder, 'data', '..', 'data', 'chat.db'),
    join(folder, 'linked-folder', 'chat.db'),
    join(folder, 'linked.db'),
    join(folder, 'twice-linked.db'),
  ]) {
    await expect(open(way)).rejects.toMatchObject({ code: 'database-in-use' })
  }
})

test('databases in memory are never in use', async () => {
  const [one, other] = [await open(':memory:'), await open(':memory:')]
  await one.createConversation(conversation('c'))

  expect(await other.getConversation('c')).toBeUndefined()
})

test('the lock of a process that was killed is free at once', async () => {
  const file = join(await temporaryFolder(), 'chat.db')
  const { child } = await startChild('hold-file-lock', file)
  await expect(open(file)).rejects.toMatchObject({ code: 'database-in-use' })

  child.kill('SIGKILL')
  await once(child, 'exit')

  await open(file)
})

test('an opening that fails leaves no lock behind', async () => {
  const file = join(await temporaryFolder(), 'chat.db')
  await writeFile(file, 'not a database, but text that is long enough to be looked at'.repeat(50))
  await expect(open(file)).rejects.toMatchObject({ code: 'database-failed' })

  const lock = new FileLock(file)
  lock.release()
})
