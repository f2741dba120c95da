/** `usageOnCancel`: the cost of a cancelled turn, estimated, drained or unknown. */
import { describe, expect, test } from 'vitest'
import type { EngineOptions, InputPart, Receipt, SendOptions, Usage } from '../../../src/index.ts'
import { testChat, testDatabase, testEngine } from '../../support/engine.ts'
import type { Script } from '../../support/provider.ts'
import { chunk, closedGate, endless } from '../../support/scripts.ts'
import {
  eventLog,
  machineEvent,
  nextEvent,
  outcomeOf,
  shown,
  ticks,
} from '../../support/waiting.ts'

/** Sends these deltas, then nothing, until the client disconnects. */
function says(...deltas: readonly object[]): Script {
  return async (exchange) => {
    exchange.write(...deltas.map((delta) => chunk(delta as { content: string })))
    await exchange.closed
  }
}

/** Cancels a turn once that much of the answer is there. Returns every report of its cost. */
async function cancelled(
  chat: Awaited<ReturnType<typeof testChat>>,
  chars: number,
  input: string | readonly InputPart[] = '12345678',
  send: SendOptions = {},
) {
  const { engine, conversation } = chat
  const turn = await engine.send(conversation.id, input, send)
  if (chars > 0) await shown(turn, chars)
  const receipt = await turn.cancel()
  const record = await engine.getTurn(turn.id)
  const stored = (await engine.listMessages(conversation.id)).find(
    ({ turnId, role }) => turnId === turn.id && role === 'assistant',
  )
  return { receipt, record, stored, outcome: await outcomeOf(turn.reply) }
}

const estimated = (inputTokens: number, outputTokens: number): Usage => {
  return { inputTokens, outputTokens, source: 'estimated' }
}

describe('the cost of a cancelled turn', () => {
  test('is estimated by bytes, on the receipt, the turn and the message', async () => {
    const chat = await testChat()
    chat.provider.next(says({ content: 'Once upon a' }))
    const { receipt, record, stored, outcome } = await cancelled(chat, 11)

    // Input: eight bytes, and the overhead of a message. Output: eleven bytes.
    const usage = estimated(2 + 4, 3)
    expect(receipt).toMatchObject({ outcome: 'cancelled', upstreamAborted: true })
    expect(receipt.usage).toEqual(usage)
    expect(record?.usage).toEqual(usage)
    expect(stored?.usage).toEqual(usage)
    expect(outcome).toMatchObject({ error: { code: 'cancelled', partial: { usage } } })
  })

  test('is estimated with all that was sent and all that came', async () => {
    const chat = await testChat({ countTokens: (text) => text.length })
    const { id } = chat.conversation
    await (
      await chat.engine.send(id, 'four')
    ).reply
    chat.provider.next(
      says(
        { reasoning_content: 'Hm' },
        { content: 'Let me' },
        { tool_calls: [{ index: 0, id: 'c', function: { name: 'look', arguments: '{"a"' } }] },
      ),
    )
    const tools = { look: { inputSchema: {} } }
    const settled = machineEvent(chat.engine, 'reply.first-delta')
    const turn = await chat.engine.send(
      id,
      [
        { type: 'text', text: 'seven77' },
        { type: 'file', mediaType: 'image/png', url: 'https://a.test/image' },
      ],
      { system: 'Be brief.', tools },
    )
    await settled
    for await (const { parts } of turn.snapshots()) if (parts.length === 3) break
    const { usage } = await turn.cancel()

    const texts = ['four', 'Hello', 'seven77', 'Be brief.', JSON.stringify(tools)]
    expect(usage).toEqual({
      ...estimated(texts.join('').length + 4 * 4, 'HmLet melook{"a"'.length),
      reasoningTokens: 2,
    })
  })

  test('is estimated of what the host had prepared, which it is not asked for again', async () => {
    let asked = 0
    const chat = await testChat({
      countTokens: (text) => text.length,
      prepare: (messages) => {
        asked += 1
        return messages.map((message) => ({
          ...message,
          parts: [{ type: 'text', text: 'shortened' }],
        }))
      },
    })
    chat.provider.next(says({ content: 'Once' }))
    const { receipt } = await cancelled(chat, 4, 'a question that is long')
    expect(receipt.usage).toEqual(estimated('shortened'.length + 4, 4))
    expect(asked).toBe(1)
  })

  test('is estimated of the answered history when the same input is tried again', async () => {
    const chat = await testChat({ countTokens: (text) => text.length })
    const { engine, conversation, provider } = chat
    await (
      await engine.send(conversation.id, 'four')
    ).reply
    provider.next(says({ content: 'Once' }))
    const turn = await engine.retry(conversation.id)
    await shown(turn, 4)
    expect((await turn.cancel()).usage).toEqual(estimated(4 + 4, 4))
  })

  test.each<[string, EngineOptions['countTokens']]>([
    [
      'throws',
      () => {
        throw new Error('boom')
      },
    ],
    ['gives no number', () => Number.NaN],
    ['gives less than nothing', () => -1],
  ])('is estimated by bytes when the tokenizer %s', async (_, countTokens) => {
    const warnings: string[] = []
    const logger = {
      debug() {},
      info() {},
      error() {},
      warn: (_details: object, text: string) => warnings.push(text),
    }
    const chat = await testChat({ countTokens, logger })
    chat.provider.next(says({ content: 'Once upon a' }))
    const { receipt } = await cancelled(chat, 11)
    expect(receipt.usage).toEqual(estimated(6, 3))
    expect(warnings).toContain('countTokens failed; tokens are counted by bytes.')
  })

  test('is what the provider had reported, where it had', async () => {
    const chat = await testChat({ countTokens: () => 1 })
    const usage = { prompt_tokens: 9, completion_tokens: 2 }
    chat.provider.next(async (exchange) => {
      exchange.write(chunk({ content: 'Once' }, { usage }))
      await exchange.closed
    })
    const { receipt, stored } = await cancelled(chat, 4)
    const reported = { inputTokens: 9, outputTokens: 2, source: 'provider', raw: usage }
    expect(receipt.usage).toEqual(reported)
    expect(stored?.usage).toEqual(reported)
  })

  test('counts the input of a request that was stopped before its answer', async () => {
    const chat = await testChat()
    chat.provider.next(({ closed }) => closed)
    const turn = await chat.engine.send(chat.conversation.id, '12345678')
    await chat.provider.request(0)
    const receipt = await turn.cancel()
    expect(receipt).toMatchObject({ upstreamAborted: true, usage: estimated(6, 0) })
    expect(await chat.engine.getTurn(turn.id)).toMatchObject({ usage: estimated(6, 0) })
  })

  test('is nothing when nothing was asked', async () => {
    const chat = await testChat()
    const turn = await chat.engine.send(chat.conversation.id, 'hi')
    const receipt: Receipt = await turn.cancel()
    expect(receipt).toMatchObject({ outcome: 'cancelled', upstreamAborted: false })
    expect(receipt).not.toHaveProperty('usage')
    expect(await chat.engine.getTurn(turn.id)).not.toHaveProperty('usage')
  })

  test('is not estimated where the host wants none, nor of a turn that failed', async () => {
    for (const usageOnCancel of ['none', 'estimate'] as const) {
      const chat = await testChat({ usageOnCancel })
      chat.provider.next(says({ content: 'Once' }), async (exchange) => {
        exchange.write(chunk({ content: 'Half' }))
        exchange.response.end()
      })
      const { record } = await cancelled(chat, 4)
      if (usageOnCancel === 'none') expect(record).not.toHaveProperty('usage')
      const failed = await chat.engine.send(chat.conversation.id, 'hi')
      await outcomeOf(failed.reply)
      expect(await chat.engine.getTurn(failed.id)).toMatchObject({ status: 'failed' })
      expect(await chat.engine.getTurn(failed.id)).not.toHaveProperty('usage')
    }
  })
})

describe('an answer that is read on after the cancel', () => {
  const usage = { prompt_tokens: 9, completion_tokens: 40 }
  const reported = { inputTokens: 9, outputTokens: 40, source: 'provider', raw: usage } as const

  /** Sends `Once`, and the rest when the gate opens. */
  function goesOn(gate: Promise<void>, last: Script): Script {
    return async (exchange) => {
      exchange.write(chunk({ content: 'Once' }))
      await gate
      exchange.write(chunk({ content: ' upon a time' }))
      await last(exchange)
    }
  }
  const end = chunk({}, { finish_reason: 'stop' })
  const withUsage: Script = (exchange) => exchange.done(end, chunk(null, { choices: [], usage }))

  async function drainingChat(last: Script, options: EngineOptions = {}) {
    const chat = await testChat({ usageOnCancel: 'drain', ...options })
    const gate = closedGate()
    chat.provider.next(goesOn(gate.opened, last))
    const turn = await chat.engine.send(chat.conversation.id, 'hi')
    await shown(turn, 4)
    return {
      ...chat,
      id: chat.conversation.id,
      gate,
      turn,
      exchange: await chat.provider.request(0),
    }
  }

  test('tells its cost, which is written to the turn that was cancelled at once', async () => {
    const { engine, id, gate, turn, exchange } = await drainingChat(withUsage)
    const events = eventLog(engine, id)

    const receipt = await turn.cancel()

    expect(receipt).toMatchObject({ outcome: 'cancelled', upstreamAborted: false })
    expect(receipt).not.toHaveProperty('usage')
    await expect(turn.reply).rejects.toMatchObject({ code: 'cancelled' })
    expect(events.at(-1)).toMatchObject({ type: 'turn.cancelled' })
    expect(exchange.isClosed).toBe(false)
    // The conversation accepts a send while the old answer is still drained.
    expect((await (await engine.send(id, 'and?')).reply).message.text).toBe('Hello')

    const known = nextEvent(engine.events(id), 'turn.usage')
    gate.open()
    expect(await known).toMatchObject({
      seq: 0,
      conversationId: id,
      turn: { id: turn.id, status: 'cancelled', usage: reported },
      message: { text: 'Once', status: 'cancelled', usage: reported },
    })
    expect(await engine.getTurn(turn.id)).toEqual((await known).turn)
    expect((await engine.listMessages(id))[1]).toEqual((await known).message)
    expect((await known).turn.usage).toEqual(reported)
  })

  test('is known after a restart', async () => {
    const database = await testDatabase()
    const { engine, id, gate, turn } = await drainingChat(withUsage, { database })
    await turn.cancel()
    const known = nextEvent(engine.events(id), 'turn.usage')
    gate.open()
    const event = await known
    await engine.close()
    const later = await testEngine({ database })
    expect(await later.getTurn(turn.id)).toEqual(event.turn)
    expect((await later.listMessages(id))[1]).toEqual(event.message)
  })

  test.each<[string, Script]>([
    ['ends without saying it', (exchange) => exchange.done(end)],
    ['breaks off', (exchange) => void exchange.response.destroy()],
    [
      'is too long',
      async (exchange) => {
        await endless('word '.repeat(100))(exchange)
      },
    ],
  ])('tells nothing when it %s', async (_, last) => {
    const { engine, id, gate, turn, exchange } = await drainingChat(last, {
      drain: { bytes: 10_000 },
    })
    const receipt = await turn.cancel()
    expect(receipt).toMatchObject({ upstreamAborted: false })
    const events = eventLog(engine, id)
    gate.open()
    await exchange.closed
    await ticks(5)
    expect(events).toEqual([])
    expect(await engine.getTurn(turn.id)).not.toHaveProperty('usage')
  })

  test('is given up after its time', async () => {
    const { engine, turn, exchange } = await drainingChat(withUsage, { drain: { timeoutMs: 20 } })
    await turn.cancel()
    await exchange.closed
    expect(await engine.getTurn(turn.id)).not.toHaveProperty('usage')
  })

  test('does not hold up the end of the engine', async () => {
    const { engine, turn, exchange } = await drainingChat(withUsage)
    await turn.cancel()
    await engine.close()
    await exchange.closed
  })

  test('ends with its conversation', async () => {
    const { engine, id, turn, exchange } = await drainingChat(withUsage)
    await turn.cancel()
    await engine.deleteConversation(id)
    await exchange.closed
  })

  test('ends where airplane mode is switched on', async () => {
    const { engine, turn, exchange } = await drainingChat(withUsage)
    await turn.cancel()
    await engine.setAirplaneMode(true)
    await exchange.closed
  })
})

describe('a request is aborted all the same', () => {
  test('when its answer has not begun', async () => {
    const { provider, engine, conversation } = await testChat({ usageOnCancel: 'drain' })
    provider.next(({ closed }) => closed)
    const turn = await engine.send(conversation.id, 'hi')
    const exchange = await provider.request(0)
    expect(await turn.cancel()).toMatchObject({ upstreamAborted: true })
    await exchange.closed
  })

  test.each<[string, (chat: Awaited<ReturnType<typeof testChat>>) => Promise<void>]>([
    ['by the end of the engine', ({ engine }) => engine.close()],
    ['by airplane mode', ({ engine }) => engine.setAirplaneMode(true)],
    [
      'with its conversation',
      ({ engine, conversation }) => engine.deleteConversation(conversation.id),
    ],
  ])('when it is cancelled %s', async (_, end) => {
    const chat = await testChat({ usageOnCancel: 'drain' })
    chat.provider.next(endless('word '))
    const turn = await chat.engine.send(chat.conversation.id, 'hi')
    await shown(turn, 4)
    await end(chat)
    await (
      await chat.provider.request(0)
    ).closed
    await expect(turn.reply).rejects.toMatchObject({ code: 'cancelled' })
  })
})
