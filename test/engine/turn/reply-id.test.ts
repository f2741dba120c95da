/** The id of a reply: given when the turn is accepted, and the same ever after. */
import { expect, test } from 'vitest'
import { SimulatedClock } from 'xstate'
import type { Engine, Turn } from '../../../src/index.ts'
import { testChat, testDatabase } from '../../support/engine.ts'
import { foreignWriter } from '../../support/foreign-writer.ts'
import type { Script } from '../../support/provider.ts'
import { endless, hang, json, streamed } from '../../support/scripts.ts'
import { eventLog, nextEvent, outcomeOf, shown } from '../../support/waiting.ts'

const ENDINGS: readonly [
  string,
  Script,
  (turn: Turn) => Promise<unknown>,
  { readonly hasReply: boolean },
][] = [
  ['is done', streamed(['Once', ' upon']), async () => {}, { hasReply: true }],
  ['says nothing', streamed([]), async () => {}, { hasReply: true }],
  [
    'is cancelled while it streams',
    endless(),
    async (turn) => {
      await shown(turn, 1)
      await turn.cancel()
    },
    { hasReply: true },
  ],
  ['is cancelled before its answer', hang(), (turn) => turn.cancel(), { hasReply: false }],
  [
    'breaks off',
    streamed(['Half'], { finishReason: null, done: false }),
    async () => {},
    { hasReply: true },
  ],
  [
    'is refused',
    json({ error: { message: 'no' } }, { status: 400 }),
    async () => {},
    { hasReply: false },
  ],
]

/** The reply of a turn in the store. */
async function stored(engine: Engine, { id, conversationId }: Turn) {
  const messages = await engine.listMessages(conversationId)
  return messages.find(({ turnId, role }) => turnId === id && role === 'assistant')
}

test.each(ENDINGS)(
  'a turn that %s has one id for its reply, from its accept on',
  async (_, script, act, { hasReply }) => {
    const { provider, engine, conversation } = await testChat()
    provider.next(script)
    const log = eventLog(engine, conversation.id)
    const turn = await engine.send(conversation.id, 'hi')
    const { replyId } = turn
    const running = await engine.getTurn(turn.id)

    await act(turn)
    await outcomeOf(turn.reply)

    expect(replyId).toMatch(/./)
    expect(log[0]).toMatchObject({ type: 'turn.accepted', replyId })
    expect(running).toMatchObject({ replyId, inputMessageId: turn.userMessage.id })
    for (const event of log) {
      if (event.type === 'reply.snapshot') expect(event.snapshot.messageId).toBe(replyId)
    }
    expect(log.at(-1)).toMatchObject({ turn: { replyId } })
    expect((await stored(engine, turn))?.id).toBe(hasReply ? replyId : undefined)
    const record = await engine.getTurn(turn.id)
    expect(record).toMatchObject({ replyId, inputMessageId: turn.userMessage.id })
    const again = await engine.attachTurn(turn.id)
    expect(again.replyId).toBe(replyId)
    expect(again.current()?.messageId).toBe(turn.current()?.messageId)
  },
)

test('a retry answers the same input under another id', async () => {
  const { engine, conversation } = await testChat()
  const first = await engine.send(conversation.id, 'hi')
  await first.reply

  const second = await engine.retry(conversation.id)
  const { message, turn } = await second.reply

  expect(second.replyId).not.toBe(first.replyId)
  expect(message.id).toBe(second.replyId)
  expect(turn).toMatchObject({
    replyId: second.replyId,
    inputMessageId: first.userMessage.id,
  })
})

test('another attempt keeps the id', async () => {
  const { provider, engine, conversation } = await testChat({
    retry: { maxAttempts: 2, baseDelayMs: 0 },
  })
  provider.next(json({ error: { message: 'busy' } }, { status: 503 }))

  const turn = await engine.send(conversation.id, 'hi')

  expect((await turn.reply).message.id).toBe(turn.replyId)
})

test('a save that is retried keeps the id', async () => {
  const database = await testDatabase()
  const clock = new SimulatedClock()
  const logger = { debug() {}, info() {}, warn() {}, error() {} }
  const { provider, engine, conversation } = await testChat({ database, clock, logger })
  provider.next(streamed(['Once']))
  const foreign = foreignWriter(database)
  const failed = nextEvent(engine.events(conversation.id), 'turn.save-failed')
  const turn = await engine.send(conversation.id, 'hi')
  foreign.run(
    `insert into message (id, conversation_id, turn_id, position, role, parts, status, created_at)
      values ('in the way', ?, ?, 99, 'assistant', '[]', 'complete', 0)`,
    conversation.id,
    turn.id,
  )
  const { retryInMs } = await failed
  foreign.run("delete from message where id = 'in the way'")
  clock.increment(retryInMs)

  expect((await turn.reply).message.id).toBe(turn.replyId)
})

test('an id of the host that comes twice is refused, and nothing is stored', async () => {
  let isStuck = false
  let ids = 0
  const { engine, conversation } = await testChat({
    newId: () => (isStuck ? 'same' : `id-${(ids += 1)}`),
  })
  isStuck = true

  await expect(engine.send(conversation.id, 'hi')).rejects.toMatchObject({
    code: 'invalid-option',
    message: expect.stringContaining('newId'),
  })

  expect(await engine.listMessages(conversation.id)).toEqual([])
  isStuck = false
  await (
    await engine.send(conversation.id, 'hi')
  ).reply
})
