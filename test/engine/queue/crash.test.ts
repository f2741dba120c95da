/** Promises 1 and 4 of queued turns: the state of a queue after its engine was killed. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { testDatabase, testEngine, testProvider } from '../../support/engine.ts'
import type { Script } from '../../support/provider.ts'
import { closedGate, hang, streamed } from '../../support/scripts.ts'
import { ticks } from '../../support/waiting.ts'
import { foreignWriter } from '../../support/foreign-writer.ts'
import { busyChat, ids, queueOf } from './chat.ts'

interface Report {
  readonly running: string
  /** Ids of turns, with those of their replies. */
  readonly queued: readonly (readonly [string, string])[]
}

/** A child process that reports its running and its queued turns, and the exit of it. */
async function child(name: string, database: string, url: string) {
  const script = fileURLToPath(new URL(`../children/${name}.ts`, import.meta.url))
  const process = fork(script, [database, url], { execArgv: [] })
  onTestFinished(() => void process.kill('SIGKILL'))
  const exited = once(process, 'exit')
  const [report] = (await once(process, 'message')) as [Report]
  return { process, exited, report }
}

const reply: Script = (exchange) => {
  const question = String(exchange.body.messages.at(-1)?.content).split('\n').at(-1)
  return streamed([`re: ${question}`])(exchange)
}

test('after a kill the running turn is interrupted, and the queue is held as it was', async () => {
  const provider = await testProvider()
  provider.next(hang())
  provider.always(reply)
  const database = await testDatabase()
  const { process, exited, report } = await child('queueing-engine', database, provider.url)
  const { running, queued } = report
  await provider.request(0)
  process.kill('SIGKILL')
  expect((await exited)[1]).toBe('SIGKILL')

  const engine = await testEngine({ database })
  const turnIds = queued.map(([turnId]) => turnId)
  expect(await engine.getTurn(running)).toMatchObject({ status: 'interrupted' })
  expect(await queueOf(engine, 'chat')).toEqual(turnIds)
  await expect(engine.send('chat', 'x')).rejects.toMatchObject({ code: 'queue-held' })
  await ticks(5)
  expect(provider.requests).toHaveLength(1)

  await engine.resumeQueue()
  for (const [n, [turnId, replyId]] of queued.entries()) {
    const { message } = await (await engine.attachTurn(turnId)).reply
    expect(message).toMatchObject({ id: replyId, text: ['re: one', 're: two'][n] })
  }
  expect((await engine.listMessages('chat')).map(({ text }) => text).slice(-4)).toEqual([
    'one',
    're: one',
    'two',
    're: two',
  ])
})

test('after a kill between a saved reply and the next start, the next turn is queued, and held', async () => {
  const provider = await testProvider()
  const gate = closedGate()
  provider.next(streamed(['whole'], { gate: gate.opened }))
  provider.always(reply)
  const database = await testDatabase()
  const { exited, report } = await child('handing-over-engine', database, provider.url)
  gate.open()
  expect((await exited)[1]).toBe('SIGKILL')

  const engine = await testEngine({ database })
  expect(await engine.getTurn(report.running)).toMatchObject({ status: 'done' })
  expect(await queueOf(engine, 'chat')).toEqual(report.queued.map(([turnId]) => turnId))
  await expect(engine.send('chat', 'x')).rejects.toMatchObject({ code: 'queue-held' })
  await ticks(5)
  expect(provider.requests).toHaveLength(1)
  await engine.resumeQueue('chat')
  for (const [turnId] of report.queued) await (await engine.attachTurn(turnId)).reply
  expect((await engine.listMessages('chat')).map(({ text }) => text)).toEqual([
    'running',
    'whole',
    'one',
    're: one',
    'two',
    're: two',
  ])
})

test('after a kill amid two regenerations of one message that replace, both are queued', async () => {
  const database = await testDatabase()
  const { engine: first, provider, running } = await busyChat({ database })
  const { conversationId, id: messageId } = running.userMessage
  const turns = await Promise.all(
    [1, 2].map(() => first.regenerate(messageId, { sendPolicy: 'replace' })),
  )
  await first.close()
  // What a kill leaves that comes before the ends of those that were replaced.
  const writer = foreignWriter(database)
  for (const [n, { id }] of turns.entries()) {
    writer.run(
      "update turn set status = 'queued', queue_place = ?, send_policy = 'replace', ended_at = null where id = ?",
      n,
      id,
    )
  }
  writer.close()
  const engine = await testEngine({ database })

  await engine.putEndpoint('online', { url: provider.url, apiKey: 'sk-test-key', model: 'm' })

  expect(await queueOf(engine, conversationId)).toEqual(ids(turns))
  await engine.resumeQueue(conversationId)
  for (const { id } of turns) {
    const { message } = await (await engine.attachTurn(id)).reply
    expect(message).toMatchObject({ parentId: messageId, text: 're: running' })
  }
})
