/** Promise 4: the state of a database after its engine was killed. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import Database from 'better-sqlite3'
import { expect, onTestFinished, test } from 'vitest'
import { testDatabase, testEngine, testProvider } from '../support/engine.ts'
import { endless, hang, streamed } from '../support/scripts.ts'
import { eventLog } from '../support/waiting.ts'

interface Report {
  readonly asked: string
  readonly streaming: string
  /** The ids of the replies, as the accept of the first and the first snapshot of the other say. */
  readonly replyIds: readonly string[]
}

/** A database whose engine was killed after one turn had ended and while two were running. */
async function killedEngine() {
  const provider = await testProvider()
  provider.always((exchange) => {
    const { content } = exchange.body.messages.at(-1)
    // A question without a reply is in the same message as the next one.
    if (content.endsWith('hello')) return streamed(['Hello'])(exchange)
    return content === 'hang' ? hang()(exchange) : endless()(exchange)
  })
  const database = await testDatabase()
  const script = fileURLToPath(new URL('./children/streaming-engine.ts', import.meta.url))
  const child = fork(script, [database, provider.url], { execArgv: [] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const exited = once(child, 'exit')
  const [report] = (await once(child, 'message')) as [Report]
  await provider.request(2)
  const beside = new Database(database, { readonly: true })
  onTestFinished(() => void beside.close())
  const checkpoints = beside.prepare('select count(*) from checkpoint').pluck()
  await expect.poll(() => checkpoints.get()).toBeGreaterThan(1)
  child.kill('SIGKILL')
  expect((await exited)[1]).toBe('SIGKILL')
  return { provider, database, report }
}

test('after a kill, running turns are interrupted and their conversations go on', async () => {
  const { provider, database, report } = await killedEngine()
  const asked = provider.requests.length
  const sockets = provider.socketsOpened

  const engine = await testEngine({ database })
  const log = eventLog(engine)

  for (const [id, turnId, replyId] of [
    ['waiting', report.asked, report.replyIds[0]],
    ['streaming', report.streaming, report.replyIds[1]],
  ] as const) {
    const turn = await engine.getTurn(turnId)
    expect(turn).toMatchObject({
      status: 'interrupted',
      replyId,
      error: { code: 'interrupted', message: expect.stringContaining('engine.retry()') },
      endedAt: expect.any(Date),
    })
    expect(engine.runningTurn(id)).toBeUndefined()
    const messages = await engine.listMessages(id)
    expect(messages).toMatchObject([
      { role: 'user', turnId, status: 'complete', position: 1 },
      { id: replyId, role: 'assistant', turnId, status: 'interrupted', position: 2 },
    ])
    expect(messages[1]?.text).toMatch(id === 'streaming' ? /^(word ){2,}$/ : /^$/)
    expect(turn).not.toHaveProperty('usage')
    expect(await engine.cancel(id)).toMatchObject({
      outcome: 'already-done',
      from: 'interrupted',
      savedMessageId: messages[1]?.id,
    })
  }
  expect(await engine.listTurns('finished')).toMatchObject([{ status: 'done' }])
  expect(await engine.listMessages('finished')).toMatchObject([
    { text: 'hello' },
    { text: 'Hello', status: 'complete' },
  ])
  // An interruption is recorded once.
  const turns = await engine.listTurns('streaming')
  await engine.close()
  const second = await testEngine({ database })
  expect(await second.listTurns('streaming')).toEqual(turns)
  expect(await second.listMessages('streaming')).toHaveLength(2)
  // Nobody asked for these turns again, so nothing is sent again.
  expect([provider.requests.length, provider.socketsOpened]).toEqual([asked, sockets])
  expect(log).toEqual([])

  for (const id of ['waiting', 'streaming', 'finished']) {
    const { message } = await (await second.send(id, 'hello')).reply
    expect(message).toMatchObject({ text: 'Hello', status: 'complete' })
  }
  expect(provider.requests.length).toBe(asked + 3)
  // The interrupted reply with text is part of the history. The empty one is not.
  const interrupted = (await second.listMessages('streaming'))[1]?.text
  expect(provider.requests[asked + 1]?.body.messages).toContainEqual({
    role: 'assistant',
    content: interrupted,
  })
  const sent = provider.requests[asked]?.body.messages
  expect(sent).not.toContainEqual(expect.objectContaining({ role: 'assistant', content: '' }))
})
