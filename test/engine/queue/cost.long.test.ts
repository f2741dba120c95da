/** What the work for a queue costs beside many other conversations with queues, in exact counts. */
import { expect, onTestFinished, test, vi } from 'vitest'
import { Registry } from '../../../src/registry.ts'
import { closedGate, streamed } from '../../support/scripts.ts'
import { busyChat, queueOf } from './chat.ts'

const AT_ONCE = 25

/** Counts the entries that are copied out of the engine's registries from this call on. */
function copiedEntries() {
  const values = vi.spyOn(Registry.prototype, 'values')
  onTestFinished(() => values.mockRestore())
  return () =>
    values.mock.results.reduce((sum, { value }) => sum + (value as readonly unknown[]).length, 0)
}

/** A busy chat beside other conversations, each with a held queue in memory. */
async function chatBeside(others: number) {
  const chat = await busyChat({ sleepAfterMs: 600_000 })
  const { engine, provider } = chat
  provider.always(streamed(['never'], { gate: closedGate().opened }))
  const hold = async () => {
    const { id } = await engine.startConversation()
    await engine.send(id, 'stopped')
    await engine.send(id, 'held')
    await engine.cancel(id)
  }
  for (let n = 0; n < others; n += AT_ONCE) {
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, others - n) }, hold))
  }
  return chat
}

/** The entries that are copied for each of the calls on a queue. */
async function costsBeside(others: number) {
  const { engine, id } = await chatBeside(others)
  const copied = copiedEntries()
  const costs: Record<string, number> = {}
  const count = async <Result>(name: string, call: () => Promise<Result>): Promise<Result> => {
    const before = copied()
    const result = await call()
    // What the call tells is told in microtasks and immediates after it.
    await engine.listConversations({ limit: 1 })
    costs[name] = copied() - before
    return result
  }
  await count('queue', () => engine.send(id, 'one'))
  await count('merge', () => engine.send(id, 'two', { sendPolicy: 'merge' }))
  const leaving = new AbortController()
  const { signal } = leaving
  const left = await count('join', () => engine.send(id, 'three', { sendPolicy: 'merge', signal }))
  await count('leave', () => {
    leaving.abort()
    return left.reply.catch(() => {})
  })
  const [first] = await queueOf(engine, id)
  await count('cancel', () => engine.cancel(id, { turnId: first as string }))
  await count('delete', () => engine.deleteConversation(id))
  return costs
}

test('a call on a queue costs the same beside 20 and beside 2,000 others', async () => {
  const few = await costsBeside(20)
  const many = await costsBeside(2_000)

  expect(many).toEqual(few)
  expect(Object.keys(many)).toEqual(['queue', 'merge', 'join', 'leave', 'cancel', 'delete'])
})
