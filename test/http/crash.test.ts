/** A server that is killed in the middle of a reply, as a browser sees it. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import Database from 'better-sqlite3'
import { expect, onTestFinished, test } from 'vitest'
import { type Chat, type ChatState, createClient } from '../../src/client.ts'
import { testDatabase, testProvider } from '../support/engine.ts'
import { endless, streamed } from '../support/scripts.ts'
import { init } from './web-host.ts'

const SCRIPT = fileURLToPath(new URL('./children/web-server.ts', import.meta.url))

/** A server in its own process. */
async function startServer(database: string, url: string, port = 0) {
  const child = fork(SCRIPT, [database, url, String(port)], { execArgv: [] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const exited = once(child, 'exit')
  const [listeningAt] = (await once(child, 'message')) as [number]
  return {
    port: listeningAt,
    async kill() {
      child.kill('SIGKILL')
      expect((await exited)[1]).toBe('SIGKILL')
    },
  }
}

async function stateOf(chat: Chat, fits: (state: ChatState) => boolean): Promise<ChatState> {
  for await (const state of chat.states()) if (fits(state)) return state
  throw new Error('The states ended.')
}

test('after a kill in mid-reply, the client finds the interrupted reply under the id that it knew', async () => {
  const provider = await testProvider()
  provider.next(endless('word ', 5))
  const database = await testDatabase()
  const first = await startServer(database, provider.url)
  const url = `http://127.0.0.1:${first.port}/api`
  const client = createClient({
    baseUrl: url,
    clock: {
      now: () => Date.now(),
      setTimeout: (fn, ms) => setTimeout(fn, ms > 30_000 ? ms : ms / 100),
      clearTimeout: (id) => clearTimeout(id as NodeJS.Timeout),
    },
  })
  const { id } = await client.conversations.create()
  const chat = client.conversation(id)
  onTestFinished(chat.subscribe(() => undefined))
  const path = `${url}/conversations/${id}/messages`
  const key = { headers: { 'idempotency-key': 'k' }, json: { input: 'go on' } }
  const sent = (await (await fetch(path, init(key))).json()) as {
    replyId: string
    turn: { id: string }
  }
  await stateOf(chat, ({ reply }) => (reply?.text.length ?? 0) > 20)
  const beside = new Database(database, { readonly: true })
  onTestFinished(() => void beside.close())
  const checkpoints = beside.prepare('select count(*) from checkpoint').pluck()
  await expect.poll(() => checkpoints.get()).toBeGreaterThan(0)

  await first.kill()
  const lost = await stateOf(chat, ({ connection }) => connection.status === 'waiting')
  expect(lost.reply?.messageId).toBe(sent.replyId)
  await startServer(database, provider.url, first.port)
  const { messages, connection } = await stateOf(
    chat,
    (state) => state.turn === undefined && state.messages.length === 2,
  )

  expect(connection.status).toBe('live')
  expect(messages).toMatchObject([
    { role: 'user', text: 'go on', status: 'complete' },
    { id: sent.replyId, role: 'assistant', turnId: sent.turn.id, status: 'interrupted' },
  ])
  expect(messages[1]?.text).toMatch(/^(word )+$/)
  // What was sent to the client and what was on disk are each a beginning of what had arrived.
  const [shorter = '', longer] = [lost.reply?.text ?? '-', messages[1]?.text ?? '-'].toSorted()
  expect(longer?.startsWith(shorter)).toBe(true)
  const turn = await fetch(`${url}/conversations/${id}/turns/${sent.turn.id}`, init({}))
  expect(await turn.json()).toMatchObject({ status: 'interrupted', error: { code: 'interrupted' } })
  const again = await fetch(path, init(key))
  expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([202, 'true'])
  expect(await again.json()).toMatchObject({ replyId: sent.replyId, turn: { id: sent.turn.id } })

  provider.next(streamed(['Once']))
  const retried = await chat.retry()
  const done = await stateOf(chat, (state) => state.messages.at(-1)?.text === 'Once')
  expect(done.messages.at(-1)).toMatchObject({ id: retried.replyId, status: 'complete' })
}, 60_000)
