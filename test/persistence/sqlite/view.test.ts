/** A read-only store: it refuses every write. */
import type Database from 'better-sqlite3'
import { expect, onTestFinished, test, vi } from 'vitest'
import { openSqliteView } from '../../../src/persistence/sqlite/view.ts'
import { accept, conversation, end } from '../records.ts'
import { connect, fileWithTurn } from '../sqlite-files.ts'

test('refuses every write by itself, and reads on', async () => {
  const file = await fileWithTurn()
  const view = await openSqliteView(file)
  onTestFinished(() => view.close())
  const epoch = connect(file).prepare("select value from setting where name = 'epoch'").pluck()

  const writes = await Promise.allSettled([
    view.createConversation(conversation('d')),
    view.updateConversation('c', { title: 'x' }, new Date()),
    view.deleteConversation('c', new Date()),
    view.acceptTurn(accept('c', 't2')),
    view.endTurn(end('c', 't')),
    view.checkpoint({ turnId: 't', attempts: 1, n: 1, pieces: [[]] }),
    view.putSetting('a', 1),
  ])

  expect(writes).toEqual(
    writes.map(() => ({
      status: 'rejected',
      reason: expect.objectContaining({ code: 'read-only' }),
    })),
  )
  expect(await view.listMessages('c')).toHaveLength(2)
  expect(await view.listConversations({})).toMatchObject([{ id: 'c' }])
  expect(epoch.get()).toBe('1')
})

test('a read of several statements sees one state, whatever another process writes meanwhile', async () => {
  const file = await fileWithTurn()
  const view = await openSqliteView(file)
  onTestFinished(() => view.close())
  const writer = connect(file)
  const statements = Object.getPrototypeOf(writer.prepare('select 1')) as Database.Statement
  const first = vi.spyOn(statements, 'get')
  first.mockImplementationOnce(function get(this: unknown, ...values) {
    // The call after it goes to the driver again.
    const row: unknown = (this as Database.Statement).get(...values)
    writer.exec('delete from message')
    return row
  })
  onTestFinished(() => first.mockRestore())

  expect(await view.listMessages('c')).toHaveLength(2)
  expect(await view.listMessages('c')).toEqual([])
})
