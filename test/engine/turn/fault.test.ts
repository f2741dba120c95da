/**
 * Faults of the engine itself, or of the host's clock and logger: the turn ends, the rest goes on.
 */
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Clock } from '../../../src/index.ts'
import { CountingClock } from '../../support/counting-clock.ts'
import { testChat } from '../../support/engine.ts'
import { chunk, endless, streamed } from '../../support/scripts.ts'
import {
  eventLog,
  machineEvent,
  nextEvent,
  outcomeOf,
  shown,
  ticks,
} from '../../support/waiting.ts'

/** A chat whose clock fails when the test says so, and a sibling conversation that streams. */
async function faultyChat() {
  const clock = new CountingClock()
  const uncaught: unknown[] = []
  const note = (error: unknown) => uncaught.push(error)
  process.on('uncaughtException', note).on('unhandledRejection', note)
  onTestFinished(() => void process.off('uncaughtException', note).off('unhandledRejection', note))
  const errors: string[] = []
  const log = (_: object, message: string) => void errors.push(message)
  const chat = await testChat({ clock, logger: { debug() {}, info() {}, warn() {}, error: log } })
  chat.provider.next(endless())
  const sibling = await chat.engine.startConversation()
  const siblingTurn = await chat.engine.send(sibling.id, 'go on')
  await shown(siblingTurn, 5)
  return {
    ...chat,
    clock,
    errors,
    /** Makes the clock fail at its next use of a method, once. */
    failNext(method: keyof Clock) {
      clock.onUse = (used) => {
        if (used !== method) return
        clock.onUse = () => {}
        throw new TypeError('the clock is broken')
      }
    },
    /** Expects that the sibling streams on, nothing reached the host, and a send is accepted. */
    async expectNoHarm() {
      const more = nextEvent(siblingTurn.events, 'reply.delta')
      await more
      await siblingTurn.cancel()
      chat.provider.always(streamed(['Hello']))
      const reply = await (await chat.engine.send(chat.conversation.id, 'and now')).reply
      expect(reply.message.text).toBe('Hello')
      await ticks(5)
      expect(uncaught).toEqual([])
    },
  }
}

describe('a turn whose machine fails', () => {
  test('while the input is accepted ends as failed, and the send rejects', async () => {
    const chat = await faultyChat()
    const { engine, conversation, provider, errors } = chat
    // A subscriber: then the event of the accepted input reads the clock.
    eventLog(engine, conversation.id)
    let isArmed = true
    engine.inspect((event) => {
      if (event.type !== '@xstate.event' || event.event.type !== 'input.recorded') return
      if (isArmed) chat.failNext('now')
      isArmed = false
    })
    const sent = await outcomeOf(engine.send(conversation.id, 'hi'))
    expect(sent).toMatchObject({ error: { code: 'internal' } })
    expect(String((sent as { error: unknown }).error)).not.toContain('clock')
    expect(errors.length).toBeGreaterThan(0)
    expect(provider.requests).toHaveLength(1)

    await chat.expectNoHarm()
    expect((await engine.listTurns(conversation.id)).map(({ status }) => status)).toEqual([
      'failed',
      'done',
    ])
  })

  test('while it streams ends as failed: the request is cut, the text is kept', async () => {
    const chat = await faultyChat()
    const { engine, conversation, provider } = chat
    provider.next(async (exchange) => {
      exchange.open()
      await exchange.closed
    })
    const events = eventLog(engine, conversation.id)
    const started = machineEvent(engine, 'reply.started')
    const turn = await engine.send(conversation.id, 'hi')
    const exchange = await provider.request(1)
    await started
    exchange.write(chunk({ content: 'Once' }))
    await shown(turn, 4)
    // Leaving `replying` clears a timer, which fails here.
    chat.failNext('clearTimeout')
    const cancelling = turn.cancel()
    const outcome = await outcomeOf(turn.reply)
    await exchange.closed

    expect(await cancelling).toMatchObject({ outcome: 'already-done', partialChars: 4 })
    expect(outcome).toMatchObject({ error: { code: 'internal' } })
    expect(await engine.getTurn(turn.id)).toMatchObject({
      status: 'failed',
      error: { code: 'internal' },
    })
    expect((await engine.listMessages(conversation.id))[1]).toMatchObject({
      text: 'Once',
      status: 'failed',
    })
    expect(events.filter(({ type }) => type === 'turn.failed')).toHaveLength(1)
    expect(events.at(-1)?.type).toBe('turn.failed')
    await chat.expectNoHarm()
  })

  test('accepts a send while it is still being ended, once it has ended', async () => {
    const chat = await faultyChat()
    const { engine, conversation, provider } = chat
    provider.next(endless())
    const turn = await engine.send(conversation.id, 'hi')
    await shown(turn, 1)
    provider.next(streamed(['Hello']))
    chat.failNext('clearTimeout')
    void turn.cancel()
    const again = engine.send(conversation.id, 'x')
    await expect(turn.reply).rejects.toMatchObject({ code: 'internal' })
    expect((await (await again).reply).message.text).toBe('Hello')
    await chat.expectNoHarm()
  })

  test('can be cancelled, closed and deleted like any other', async () => {
    const chat = await faultyChat()
    const { engine, conversation, provider } = chat
    provider.next(async (exchange) => {
      exchange.open()
      await exchange.closed
    })
    const started = machineEvent(engine, 'reply.started')
    const turn = await engine.send(conversation.id, 'hi')
    const exchange = await provider.request(1)
    await started
    chat.failNext('clearTimeout')
    exchange.write(chunk({ content: 'Once' }))
    const receipt = await turn.cancel()
    expect(['cancelled', 'already-done']).toContain(receipt.outcome)
    await outcomeOf(turn.reply)
    await engine.deleteConversation(conversation.id)
    await engine.close()
    expect(chat.clock.pending).toBe(0)
  })
})

test('a reply whose end cannot be told to readers settles all the same', async () => {
  const chat = await faultyChat()
  const { engine, conversation, provider } = chat
  provider.next(streamed(['Once']))
  engine.inspect((event) => {
    if (event.type === '@xstate.event' && event.event.type === 'turn.saved') chat.failNext('now')
  })
  const turn = await engine.send(conversation.id, 'hi')
  expect((await turn.reply).message.text).toBe('Once')
  expect(chat.errors).toContain('The end of a turn could not be published.')
})

test('a logger that throws harms nothing', async () => {
  const broken = () => {
    throw new Error('no log')
  }
  const { engine, conversation } = await testChat({
    logger: { debug: broken, info: broken, warn: broken, error: broken },
  })
  engine.inspect(broken)
  expect((await (await engine.send(conversation.id, 'hi')).reply).message.text).toBe('Hello')
})
