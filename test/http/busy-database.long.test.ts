/** A database that another program holds, or that fails, as a browser sees it. */
import { expect, test } from 'vitest'
import { testDatabase } from '../support/engine.ts'
import { foreignWriter } from '../support/foreign-writer.ts'
import { streamed } from '../support/scripts.ts'
import { init, testHost } from './web-host.ts'
import { StreamReader } from './stream-reader.ts'

/** The warnings of the engine are expected. */
const logger = { debug() {}, info() {}, warn() {}, error() {} }

test('refuses a send that cannot be written with a wait, and accepts it under its key later', async () => {
  const database = await testDatabase()
  const host = await testHost({}, { database, logger })
  const id = await host.conversation()
  const foreign = foreignWriter(database)
  foreign.lock()
  const send = () =>
    host.ask(`/conversations/${id}/messages`, {
      json: { input: 'hi' },
      headers: { 'idempotency-key': 'k' },
    })
  const [refused, renamed, read] = await Promise.all([
    send(),
    host.ask(`/conversations/${id}`, { method: 'PATCH', json: { title: 'New' } }),
    host.ask(`/conversations/${id}/messages`),
  ])

  for (const each of [refused, renamed]) {
    expect([each.status, each.json.code]).toEqual([503, 'database-busy'])
    expect(each.headers.get('retry-after')).toBe('2')
    expect(each.json.retryAfterMs).toBe(2_000)
    expect(each.json.detail).not.toMatch(/sqlite|lock/i)
  }
  expect([read.status, read.json.messages]).toEqual([200, []])
  foreign.unlock()
  const accepted = await send()
  expect([accepted.status, accepted.headers.get('idempotency-replayed')]).toEqual([202, null])
  await (
    await host.engine.attachTurn(accepted.json.turn.id)
  ).reply
  expect(await host.engine.listMessages(id)).toHaveLength(2)
}, 60_000)

test('tells a stream that the reply is not saved yet, and keeps it open until it is', async () => {
  const database = await testDatabase()
  const host = await testHost({}, { database, logger })
  const id = await host.conversation()
  const foreign = foreignWriter(database)
  foreign.run(
    "create trigger refuse before insert on message when new.role = 'assistant' begin select raise(abort, 'no'); end",
  )
  host.provider.next(streamed(['Once', ' upon']))
  const reader = await StreamReader.open(
    `${host.url}/conversations/${id}/messages`,
    init({ json: { input: 'hi' }, headers: { accept: 'text/event-stream' } }),
  )
  const failed = await reader.event('turn.save-failed')
  expect(failed.data).toMatchObject({
    error: { code: 'database-failed' },
    failures: 1,
    retryInMs: expect.any(Number),
  })
  expect(reader.text).toBe('Once upon')
  foreign.run('drop trigger refuse')
  await reader.end()
  expect(reader.events.slice(-2).map(({ event }) => event)).toEqual(['turn.done', 'end'])
})
