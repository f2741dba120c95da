/** A cancelled turn says what cancelled it, unless somebody called `cancel`. */
import { describe, expect, test } from 'vitest'
import { createEngine, type Engine, type Turn } from '../../../src/index.ts'
import { testChat, testDatabase, testEngine, testProvider } from '../../support/engine.ts'
import type { Script } from '../../support/provider.ts'
import { endless, hang, json } from '../../support/scripts.ts'
import { eventLog, nextEvent, outcomeOf, shown, ticks } from '../../support/waiting.ts'

interface Running {
  readonly engine: Engine
  readonly turn: Turn
  readonly abort: AbortController
}

/** The causes, with the words that name them. */
const CAUSES: readonly [string, RegExp, (running: Running) => Promise<unknown>][] = [
  ['airplane mode', /airplane mode/, ({ engine }) => engine.setAirplaneMode(true)],
  ['close', /close\(\)/, ({ engine }) => engine.close()],
  [
    'close after its wait',
    /close\(\)/,
    ({ engine }) => engine.close({ running: 'wait', timeoutMs: 300 }),
  ],
  ['the signal', /signal/, async ({ abort }) => abort.abort()],
  ['the deletion', /deleted/, ({ engine, turn }) => engine.deleteConversation(turn.conversationId)],
]

const MOMENTS: readonly [string, Script, (running: Running) => Promise<unknown>][] = [
  ['while it streams', endless(), ({ turn }) => shown(turn, 1)],
  ['before its answer', hang(), async () => {}],
  [
    'between its attempts',
    json({ error: { message: 'busy' } }, { status: 503 }),
    ({ engine, turn }) => nextEvent(engine.events(turn.conversationId), 'turn.retrying'),
  ],
]

for (const [moment, script, arrived] of MOMENTS) {
  test.each(CAUSES)(`%s names itself, ${moment}`, async (cause, words, end) => {
    const database = await testDatabase()
    const provider = await testProvider()
    provider.always(script)
    const engine = await createEngine({
      database,
      autoTitle: false,
      retry: { maxAttempts: 5, baseDelayMs: 10_000, maxDelayMs: 10_000 },
      random: () => 0.999,
    })
    await engine.putEndpoint('online', { url: provider.url, model: 'm' })
    const { id } = await engine.startConversation()
    const abort = new AbortController()
    const events = eventLog(engine, id)
    const turn = await engine.send(id, 'hi', { signal: abort.signal })
    const running = { engine, turn, abort }
    await arrived(running)

    const ending = end(running)
    const outcome = await outcomeOf(turn.reply)
    await ending

    const expected = { code: 'cancelled', message: expect.stringMatching(words) as unknown }
    expect(outcome).toMatchObject({ error: expected })
    const last = events.findLast(({ type }) => type === 'turn.cancelled')
    expect(last).toMatchObject({ turn: { status: 'cancelled', error: expected } })
    await engine.close()
    const later = await testEngine({ database })
    const record = await later.getTurn(turn.id)
    if (cause === 'the deletion') return expect(record).toBeUndefined()
    expect(record).toMatchObject({ status: 'cancelled', error: expected })
    // The handle of the ended turn says the same.
    const again = await outcomeOf((await later.attachTurn(turn.id)).reply)
    expect(again).toMatchObject({ error: { message: record?.error?.message } })
  })
}

describe('a call of cancel', () => {
  test('leaves no error on the record', async () => {
    const { provider, engine, conversation } = await testChat()
    provider.always(endless())
    for (const cancel of [
      (turn: Turn) => turn.cancel(),
      (turn: Turn) => engine.cancel(turn.conversationId),
    ]) {
      const turn = await engine.send(conversation.id, 'hi')
      await shown(turn, 1)
      await cancel(turn)
      await expect(turn.reply).rejects.toMatchObject({
        code: 'cancelled',
        message: 'The turn was cancelled.',
      })
      expect(await engine.getTurn(turn.id)).not.toHaveProperty('error')
    }
  })

  test('that comes first is what ended the turn, whatever follows in its tick', async () => {
    const { provider, engine, conversation } = await testChat()
    provider.always(endless())
    const abort = new AbortController()
    const turn = await engine.send(conversation.id, 'hi', { signal: abort.signal })
    await shown(turn, 1)
    const receipts = [turn.cancel()]
    await Promise.resolve()
    abort.abort()
    receipts.push(turn.cancel())
    for (const receipt of receipts) expect((await receipt).outcome).toBe('cancelled')
    expect(await engine.getTurn(turn.id)).not.toHaveProperty('error')
  })

  test('that comes second changes nothing of the cause', async () => {
    const { provider, engine, conversation } = await testChat()
    provider.always(endless())
    const abort = new AbortController()
    const turn = await engine.send(conversation.id, 'hi', { signal: abort.signal })
    await shown(turn, 1)
    abort.abort()
    await turn.cancel()
    expect(await engine.getTurn(turn.id)).toMatchObject({
      error: { message: expect.stringContaining('signal') as unknown },
    })
  })

  test('of another turn, which does not run, is no cause', async () => {
    const { provider, engine, conversation } = await testChat()
    provider.always(endless())
    const abort = new AbortController()
    const turn = await engine.send(conversation.id, 'hi', { signal: abort.signal })
    await shown(turn, 1)
    expect(await engine.cancel(conversation.id, { turnId: 'another' })).toMatchObject({
      outcome: 'not-running',
    })
    abort.abort()
    await expect(turn.reply).rejects.toMatchObject({
      message: expect.stringContaining('signal') as unknown,
    })
  })
})

test('a signal that aborts while the input is recorded names itself, where the turn was accepted', async () => {
  const { engine, conversation } = await testChat()
  let accepted = 0
  for (let waits = 0; waits < 200 && accepted < 5; waits += 1) {
    const abort = new AbortController()
    const sending = outcomeOf(engine.send(conversation.id, 'hi', { signal: abort.signal }))
    // The write begins in a task of its own, soon or late.
    await ticks(Math.floor(waits / 50))
    for (let wait = 0; wait < waits % 50; wait += 1) await Promise.resolve()
    abort.abort()
    const sent = await sending
    if ('error' in sent) continue
    const outcome = await outcomeOf(sent.value.reply)
    if ('value' in outcome) continue
    accepted += 1
    expect(outcome.error).toMatchObject({
      message: expect.stringContaining('signal') as unknown,
    })
    expect(await engine.getTurn(sent.value.id)).toMatchObject({ error: { code: 'cancelled' } })
  }
  expect(accepted).toBeGreaterThan(0)
})
