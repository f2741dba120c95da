/** Promises 1 and 4 of queued turns: the state of a queue after its engine was killed. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { testDatabase, testEngine, testProvider } from '../../support/engine.ts'
import { hang, streamed } from '../../support/scripts.ts'
import { ticks } from '../../support/waiting.ts'
import { queueOf } from './chat.ts'

interface Report {
  readonly running: string
  /** Ids of turns, with those of their replies. */
  readonly queued: readonly (readonly [string, string])[]
}

test('after a kill the running turn is interrupted, and the queue is held as it was', async () => {
  const provider = await testProvider()
  provider.next(hang())
  provider.always((exchange) => {
    const question = String(exchange.body.messages.at(-1)?.content).split('\n').at(-1)
    return streamed([`re: ${question}`])(exchange)
  })
  const database = await testDatabase()
  const script = fileURLToPath(new URL('../children/queueing-engine.ts', import.meta.url))
  const child = fork(script, [database, provider.url], { execArgv: [] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const exited = once(child, 'exit')
  const [{ running, queued }] = (await once(child, 'message')) as [Report]
  await provider.request(0)
  child.kill('SIGKILL')
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
