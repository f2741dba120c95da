/** The recipes of docs/durability.md, run as they are printed. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { expect, test } from 'vitest'
import { bytesOnDisk } from './support/database-file.ts'
import { testDirectory, testEngine, testProvider } from './support/engine.ts'

const SECRETS = { encryptionKey: 'a passphrase' }

/** The statements that stand under a heading. */
async function recipe(heading: string): Promise<string> {
  const page = await readFile(new URL('../docs/durability.md', import.meta.url), 'utf8')
  const section = page.slice(page.indexOf(`\n## ${heading}\n`))
  const sql = /```sql\n([\s\S]*?)```/.exec(section)?.[1]
  if (sql === undefined) throw new Error(`There is no recipe under ${heading}.`)
  return sql
}

/** Runs statements in a program of its own kind, beside whatever has the file open. */
function run(database: string, sql: string): void {
  const connection = new Database(database)
  try {
    connection.exec(sql)
  } finally {
    connection.close()
  }
}

/** An engine on a file, with a sealed key and a conversation of two messages. */
async function usedEngine(database: string) {
  const provider = await testProvider()
  const engine = await testEngine({ database, secrets: SECRETS })
  await engine.putEndpoint('online', { url: provider.url, model: 'm', apiKey: 'sk-very-secret' })
  const conversation = await engine.startConversation({ title: 'CANARY-title' })
  await (
    await engine.send(conversation.id, 'CANARY-question '.repeat(400))
  ).reply
  return { engine, conversation }
}

test('a backup without keys is made beside a running engine, and has everything else', async () => {
  const folder = await testDirectory()
  const database = join(folder, 'chat.db')
  const backup = join(folder, 'backup.db')
  const { engine, conversation } = await usedEngine(database)
  const connection = new Database(database, { readonly: true })
  const sealed = connection.prepare('select sealed_secrets from endpoint').pluck().get() as string
  connection.close()
  const sql = (await recipe('A backup without keys')).replaceAll('backup.db', backup)

  run(database, sql)

  expect(bytesOnDisk(database).includes(sealed)).toBe(true)
  expect(bytesOnDisk(backup).includes(sealed)).toBe(false)
  const restored = await testEngine({ database: backup, secrets: SECRETS })
  expect(await restored.listMessages(conversation.id)).toEqual(
    await engine.listMessages(conversation.id),
  )
  const { url } = (await engine.getEndpoint('online')) ?? {}
  expect(await restored.getEndpoint('online')).toMatchObject({ url })
  await restored.putEndpoint('online', { url: url ?? '', model: 'm', apiKey: 'sk-new' })
  const { message } = await (await restored.send(conversation.id, 'still there?')).reply
  expect(message.text).toBe('Hello')
})

test('a deleted conversation is in no byte of the file once it is vacuumed', async () => {
  const database = join(await testDirectory(), 'chat.db')
  const { engine, conversation } = await usedEngine(database)
  const kept = await engine.startConversation({ title: 'kept' })

  await engine.deleteConversation(conversation.id)
  await engine.close()
  const left = bytesOnDisk(database).includes('CANARY')
  run(database, await recipe('What a deletion leaves'))

  expect(left).toBe(true)
  expect(bytesOnDisk(database).includes('CANARY')).toBe(false)
  const reopened = await testEngine({ database, secrets: SECRETS })
  expect(await reopened.listConversations()).toMatchObject([{ id: kept.id }])
})
