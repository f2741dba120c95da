/** `cancel`, with its receipt, its effect on the request, and the stored partial. */
import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createEngine } from '../../../src/index.ts'
import type { Engine, Receipt } from '../../../src/index.ts'
import { testChat, testDatabase, testEngine } from '../../support/engine.ts'
import { foreignWriter } from '../../support/foreign-writer.ts'
import { chunk, closedGate, endless, hang, raw, steps, streamed } from '../../support/scripts.ts'
import {
  eventLog,
  machineEvent,
  nextEvent,
  outcomeOf,
  shown,
  ticks,
} from '../../support/waiting.ts'

const TERMINAL = new Set(['turn.done', 'turn.cancelled', 'turn.failed', 'turn.interrupted'])

/** Expects that the store agrees with the receipt of a cancel that ended its turn. */
async function expectCancelled(engine: Engine, conversationId: string, receipt: Receipt) {
  const turn = (await engine.listTurns(conversationId)).at(-1)
  const reply = (await engine.listMessages(conversationId)).find(
    (message) => message.turnId === turn?.id && message.role === 'assistant',
  )
  expect(receipt.outcome).toBe('cancelled')
  expect(turn?.status).toBe('cancelled')
  expect(reply?.id).toBe(receipt.savedMessageId)
  expect(reply?.text.length ?? 0).toBe(receipt.partialChars)
  if (reply !== undefined) expect(reply.status).toBe('cancelled')
  return reply
}

/** A server that accepts connections and sends nothing: a TLS handshake with it never ends. */
async function silentServer() {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket
      .on('error', () => {})
      .on('close', () => sockets.delete(socket))
      .resume()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { server, sockets, port: (server.address() as AddressInfo).port }
}

test('keeps the usage that the provider had reported when it was cancelled', async () => {
  const { provider, engine, conversation } = await testChat()
  const usage = { prompt_tokens: 9, completion_tokens: 2 }
  provider.next(
    raw([`data: ${JSON.stringify(chunk({ content: 'Once' }, { usage }))}\n\n`], { end: false }),
  )

  const turn = await engine.send(conversation.id, 'tell me a story')
  for await (const snapshot of turn.snapshots()) if (snapshot.text === 'Once') break
  const receipt = await turn.cancel()

  const reported = { inputTokens: 9, outputTokens: 2, source: 'provider' }
  expect(receipt).toMatchObject({ outcome: 'cancelled', usage: reported })
  expect((await engine.listMessages(conversation.id)).at(-1)).toMatchObject({ usage: reported })
  expect(await engine.getTurn(turn.id)).toMatchObject({ status: 'cancelled', usage: reported })
})

describe('a cancel before the input is accepted', () => {
  test('rejects the send, stores nothing and asks nobody', async () => {
    const { provider, engine, conversation } = await testChat()
    const events = eventLog(engine)

    const sending = outcomeOf(engine.send(conversation.id, 'never mind'))
    const receipt = await engine.cancel(conversation.id)

    expect(await sending).toMatchObject({ error: { code: 'cancelled' } })
    expect(receipt).toEqual({
      outcome: 'cancelled',
      from: 'recording',
      upstreamAborted: false,
      partialChars: 0,
    })
    expect(await engine.listMessages(conversation.id)).toEqual([])
    expect(await engine.listTurns(conversation.id)).toEqual([])
    expect(events).toEqual([])
    expect(provider.requests).toEqual([])
  })

  test('by its signal does the same', async () => {
    const { provider, engine, conversation } = await testChat()
    const abort = new AbortController()
    const sending = outcomeOf(engine.send(conversation.id, 'hi', { signal: abort.signal }))
    abort.abort()

    expect(await sending).toMatchObject({ error: { code: 'cancelled' } })
    expect(await engine.listMessages(conversation.id)).toEqual([])
    expect(provider.requests).toEqual([])
  })

  test('by a signal that had aborted already does the same, and no turn begins', async () => {
    const { engine, conversation } = await testChat()
    const signal = AbortSignal.abort()
    await expect(engine.send(conversation.id, 'hi', { signal })).rejects.toMatchObject({
      code: 'cancelled',
    })
    expect(engine.runningTurn(conversation.id)).toBeUndefined()
    expect(await engine.listMessages(conversation.id)).toEqual([])
  })

  test('leaves the conversation as it was, ready for the next send', async () => {
    const { engine, conversation } = await testChat()
    const sending = engine.send(conversation.id, 'one')
    await engine.cancel(conversation.id)
    // Awaited late: until then its rejection must not reach the process as unhandled.
    await expect(sending).rejects.toMatchObject({ code: 'cancelled' })

    const turn = await engine.send(conversation.id, 'two')
    await turn.reply
    const texts = (await engine.listMessages(conversation.id)).map(({ text }) => text)
    expect(texts).toEqual(['two', 'Hello'])
  })

  test('withdraws an input that waits for a locked database', async () => {
    const database = await testDatabase()
    const { engine, conversation } = await testChat({ database })
    const other = foreignWriter(database)
    other.lock()
    const sending = outcomeOf(engine.send(conversation.id, 'hi'))
    await ticks(20)
    const receipt = await engine.cancel(conversation.id)
    other.unlock()

    expect(receipt).toMatchObject({ outcome: 'cancelled', from: 'recording' })
    expect(await sending).toMatchObject({ error: { code: 'cancelled' } })
    expect(await engine.listMessages(conversation.id)).toEqual([])
  })
})

describe('a cancel of a running turn', () => {
  test('right after the accept sends nothing, or cuts what was sent', async () => {
    const { provider, engine, conversation } = await testChat()
    provider.always(endless())
    const turn = await engine.send(conversation.id, 'hi')
    const receipt = await turn.cancel()

    await expect(turn.reply).rejects.toMatchObject({ code: 'cancelled' })
    await expectCancelled(engine, conversation.id, receipt)
    expect(receipt.from).toBe('requesting')
    await Promise.all(provider.requests.map((exchange) => exchange.closed))
    expect(receipt.upstreamAborted).toBe(provider.requests.length > 0)
  })

  test('from a reader of the accept event asks nobody', async () => {
    const { provider, engine, conversation } = await testChat()
    const receipts: Promise<Receipt>[] = []
    engine.events(conversation.id).subscribe((event) => {
      if (event.type === 'turn.accepted') receipts.push(engine.cancel(conversation.id))
    })
    const turn = await engine.send(conversation.id, 'hi')
    await expect(turn.reply).rejects.toMatchObject({ code: 'cancelled' })

    expect(await receipts[0]).toMatchObject({ outcome: 'cancelled', upstreamAborted: false })
    expect(provider.requests).toEqual([])
  })

  test('while its messages are prepared asks nobody', async () => {
    const { promise: preparing, resolve: prepares } = Promise.withResolvers<void>()
    const gate = closedGate()
    const { provider, engine, conversation } = await testChat({
      prepare: async (messages) => {
        prepares()
        await gate.opened
        return messages
      },
    })
    const turn = await engine.send(conversation.id, 'hi')
    await preparing
    const receipt = await turn.cancel()
    gate.open()
    await ticks(5)

    expect(receipt).toMatchObject({ from: 'requesting', upstreamAborted: false })
    expect(provider.requests).toEqual([])
    expect(await engine.getTurn(turn.id)).toMatchObject({ status: 'cancelled', attempts: 0 })
  })

  test('while it connects settles at once and never sends the request', async () => {
    const { port, server, sockets } = await silentServer()
    const engine = await testEngine()
    await engine.putEndpoint('online', { url: `https://127.0.0.1:${port}/v1`, model: 'm' })
    const conversation = await engine.startConversation()
    const connected = once(server, 'connection')
    const turn = await engine.send(conversation.id, 'hi')
    await connected
    const receipt = await turn.cancel()

    expect(receipt).toMatchObject({ from: 'requesting', upstreamAborted: false, partialChars: 0 })
    await expectCancelled(engine, conversation.id, receipt)
    const closed = Promise.all([...sockets].map((socket) => once(socket, 'close')))
    await engine.close()
    await closed
  })

  test('while it waits for the headers cuts the request', async () => {
    const { provider, engine, conversation } = await testChat()
    provider.next(hang())
    const turn = await engine.send(conversation.id, 'hi')
    const exchange = await provider.request(0)
    const receipt = await turn.cancel()
    await exchange.closed

    expect(receipt).toMatchObject({ from: 'requesting', upstreamAborted: true, partialChars: 0 })
    expect(await expectCancelled(engine, conversation.id, receipt)).toBeUndefined()
  })

  test('before the first delta cuts the request and saves no empty reply', async () => {
    const { provider, engine, conversation } = await testChat()
    provider.next(async (exchange) => {
      exchange.open()
      await exchange.closed
    })
    const started = machineEvent(engine, 'reply.started')
    const turn = await engine.send(conversation.id, 'hi')
    await started
    const receipt = await turn.cancel()
    await (
      await provider.request(0)
    ).closed

    expect(receipt).toMatchObject({ from: 'awaiting', upstreamAborted: true, partialChars: 0 })
    expect(await expectCancelled(engine, conversation.id, receipt)).toBeUndefined()
    const error = await outcomeOf(turn.reply)
    expect(error).toMatchObject({ error: { code: 'cancelled' } })
    expect(error).not.toHaveProperty('error.partial')
  })

  test('in the middle keeps the text, marked as cancelled, in store, receipt and error alike', async () => {
    const { provider, engine, conversation } = await testChat()
    const step = steps()
    provider.next(streamed(['Once', ' upon', ' a time'], { gate: step.gate }))
    const turn = await engine.send(conversation.id, 'tell me a story')
    step.step(2)
    await shown(turn, 9)
    const receipt = await engine.cancel(conversation.id, { turnId: turn.id })
    await (
      await provider.request(0)
    ).closed

    expect(receipt).toMatchObject({ from: 'receiving', upstreamAborted: true, partialChars: 9 })
    const reply = await expectCancelled(engine, conversation.id, receipt)
    expect(reply?.text).toBe('Once upon')
    expect(await outcomeOf(turn.reply)).toEqual({
      error: expect.objectContaining({ code: 'cancelled', partial: reply }) as unknown,
    })
  })

  test('by its signal is the same cancel, and the signal is let go of afterwards', async () => {
    const { provider, engine, conversation } = await testChat()
    provider.next(endless())
    const abort = new AbortController()
    const turn = await engine.send(conversation.id, 'hi', { signal: abort.signal })
    await shown(turn, 5)
    abort.abort()
    await expect(turn.reply).rejects.toMatchObject({ code: 'cancelled' })
    await (
      await provider.request(0)
    ).closed

    const receipt = await turn.cancel()
    expect(receipt).toMatchObject({ outcome: 'already-done', from: 'cancelled' })
    expect(await engine.getTurn(turn.id)).toMatchObject({ status: 'cancelled' })
  })

  test('keeps what had been read when it came, without one more snapshot after the end', async () => {
    const { provider, engine, conversation } = await testChat({ emitIntervalMs: 100_000 })
    provider.next(endless())
    const events = eventLog(engine)
    const turn = await engine.send(conversation.id, 'hi')
    await nextEvent(turn.events, 'reply.delta')
    const receipt = await turn.cancel()
    await ticks(5)

    const last = events.findLast((event) => event.type === 'reply.snapshot')
    expect(last?.snapshot).toMatchObject({ status: 'cancelled' })
    expect(last?.snapshot.text).toHaveLength(receipt.partialChars)
    expect(events.at(-1)?.type).toBe('turn.cancelled')
  })

  test('while it saves answers that it was done already, and is saved as such', async () => {
    const database = await testDatabase()
    const { provider, engine, conversation } = await testChat({ database })
    const gate = closedGate()
    provider.next(streamed(['Once'], { gate: gate.opened }))
    const turn = await engine.send(conversation.id, 'hi')
    const saveFailed = nextEvent(turn.events, 'turn.save-failed')
    const other = foreignWriter(database)
    other.lock()
    gate.open()
    await shown(turn, 4)
    const early = turn.cancel()
    expect(await saveFailed).toMatchObject({ failures: 1, retryInMs: 100 })
    const late = turn.cancel()
    other.unlock()

    const { message } = await turn.reply
    expect(message).toMatchObject({ text: 'Once', status: 'complete' })
    expect(await late).toEqual({
      outcome: 'already-done',
      from: 'waitingToSave',
      upstreamAborted: false,
      savedMessageId: message.id,
      partialChars: 4,
    })
    expect(await early).toMatchObject({ outcome: 'already-done', from: 'saving' })
  })

  test('resolves only when the partial can be read, however long the database is locked', async () => {
    const database = await testDatabase()
    const { provider, engine, conversation } = await testChat({ database })
    provider.next(endless())
    const turn = await engine.send(conversation.id, 'hi')
    await shown(turn, 5)
    const other = foreignWriter(database)
    other.lock()
    const saveFailed = nextEvent(turn.events, 'turn.save-failed')
    let isAnswered = false
    const cancelling = turn.cancel()
    void cancelling.then(() => (isAnswered = true))
    await saveFailed
    expect(isAnswered).toBe(false)
    const second = turn.cancel()
    other.unlock()

    const receipt = await cancelling
    await expectCancelled(engine, conversation.id, receipt)
    expect(await second).toEqual({ ...receipt, from: 'waitingToSave' })
  })

  test('twice at once ends it once, and both receipts tell the same', async () => {
    const { provider, engine, conversation } = await testChat()
    provider.next(endless())
    const events = eventLog(engine)
    const turn = await engine.send(conversation.id, 'hi')
    await shown(turn, 5)
    const [first, second] = await Promise.all([turn.cancel(), engine.cancel(conversation.id)])

    expect(first).toMatchObject({ outcome: 'cancelled', from: 'receiving', upstreamAborted: true })
    expect(second).toEqual({ ...first, from: 'saving' })
    expect(events.filter(({ type }) => TERMINAL.has(type))).toHaveLength(1)
  })
})

describe('a cancel that finds nothing to end', () => {
  test('answers how the last turn ended, and with what', async () => {
    const { engine, conversation } = await testChat()
    const turn = await engine.send(conversation.id, 'hi')
    const { message } = await turn.reply

    const expected = {
      outcome: 'already-done',
      from: 'done',
      upstreamAborted: false,
      savedMessageId: message.id,
      partialChars: 5,
      usage: message.usage,
    }
    expect(await engine.cancel(conversation.id)).toEqual(expected)
    expect(await turn.cancel()).toEqual(expected)
  })

  test('answers that nothing runs in a conversation without a turn', async () => {
    const { engine, conversation } = await testChat()
    expect(await engine.cancel(conversation.id)).toEqual({
      outcome: 'not-running',
      from: 'idle',
      upstreamAborted: false,
      partialChars: 0,
    })
  })

  test("answers with another turn's id that it is not running, and the running one goes on", async () => {
    const { provider, engine, conversation } = await testChat()
    const first = await engine.send(conversation.id, 'one')
    await first.reply
    const step = steps()
    provider.next(streamed(['Once', ' upon'], { gate: step.gate }))
    const second = await engine.send(conversation.id, 'two')
    step.step()
    await shown(second, 4)

    for (const turnId of [first.id, 'no-such-turn']) {
      expect(await engine.cancel(conversation.id, { turnId })).toEqual({
        outcome: 'not-running',
        from: 'streaming',
        upstreamAborted: false,
        partialChars: 0,
      })
    }
    step.step()
    expect((await second.reply).message.text).toBe('Once upon')
  })

  test('answers about the named turn, also when a later one has ended since', async () => {
    const { engine, conversation } = await testChat()
    const first = await engine.send(conversation.id, 'one')
    const { message } = await first.reply
    await (
      await engine.send(conversation.id, 'two')
    ).reply
    expect(await first.cancel()).toMatchObject({ savedMessageId: message.id })
    expect(await engine.cancel(conversation.id, { turnId: 'no-such-turn' })).toMatchObject({
      outcome: 'not-running',
    })
  })

  test('does not look into other conversations', async () => {
    const { engine, conversation } = await testChat()
    const turn = await engine.send(conversation.id, 'one')
    await turn.reply
    const other = await engine.startConversation()
    expect(await engine.cancel(other.id, { turnId: turn.id })).toMatchObject({
      outcome: 'not-running',
    })
  })

  test('rejects for a conversation that does not exist', async () => {
    const { engine } = await testChat()
    await expect(engine.cancel('nowhere')).rejects.toMatchObject({ code: 'conversation-not-found' })
  })
})

describe('the request after a cancel', () => {
  const call = (id: string, args: string) =>
    chunk({
      tool_calls: [{ index: 0, id, type: 'function', function: { name: 'look', arguments: args } }],
    })
  const tools = { look: { inputSchema: { type: 'object' } } }

  /** The messages of the next request after this reply was cancelled. */
  async function messagesAfter(events: readonly (object | string)[]) {
    const { provider, engine, conversation } = await testChat()
    provider.next(async (exchange) => {
      exchange.write(...events)
      await exchange.closed
    })
    const turn = await engine.send(conversation.id, 'one', { tools })
    await nextEvent(turn.events, 'reply.delta')
    await turn.cancel()
    await (
      await engine.send(conversation.id, 'two')
    ).reply
    const stored = await engine.listMessages(conversation.id)
    return { sent: provider.requests[1]?.body.messages as unknown, stored }
  }

  test('has the text that was kept', async () => {
    const { sent } = await messagesAfter([chunk({ content: 'Once' })])
    expect(sent).toEqual([
      { role: 'user', content: 'one' },
      { role: 'assistant', content: 'Once' },
      { role: 'user', content: 'two' },
    ])
  })

  test.each([
    ['a half tool call', [call('c1', '{"where"')]],
    ['a whole tool call that nobody answered', [call('c1', '{"where":"here"}')]],
    ['nothing but reasoning', [chunk({ reasoning_content: 'Let me see' })]],
    ['nothing but white space left of it', [chunk({ reasoning_content: 'a' }), call('c1', '')]],
  ] as const)('has no trace of %s, which stays stored', async (_, events) => {
    const { sent, stored } = await messagesAfter(events)
    expect(sent).toEqual([{ role: 'user', content: 'one\n\ntwo' }])
    expect(stored.map(({ status }) => status)).toEqual([
      'complete',
      'cancelled',
      'complete',
      'complete',
    ])
  })

  test('has the text beside a half tool call, without the call', async () => {
    const { sent } = await messagesAfter([chunk({ content: 'I look' }), call('c1', '{"where"')])
    expect(sent).toEqual([
      { role: 'user', content: 'one' },
      { role: 'assistant', content: 'I look' },
      { role: 'user', content: 'two' },
    ])
  })

  test('has no result of a call that is left out', async () => {
    const { provider, engine, conversation } = await testChat()
    provider.next(async (exchange) => {
      exchange.write(chunk({ content: 'I look' }), call('c1', '{"where"'))
      await exchange.closed
    })
    const turn = await engine.send(conversation.id, 'one', { tools })
    await nextEvent(turn.events, 'reply.delta')
    await turn.cancel()
    const answer = {
      type: 'tool-result',
      toolCallId: 'c1',
      toolName: 'look',
      output: 'nothing',
      isError: false,
    } as const
    await (
      await engine.send(conversation.id, [answer])
    ).reply

    expect(provider.requests[1]?.body.messages).toEqual([
      { role: 'user', content: 'one' },
      { role: 'assistant', content: 'I look' },
    ])
  })
})

test('a turn that another writer has ended rejects as lost, and its conversation goes on', async () => {
  const database = await testDatabase()
  const { provider, engine, conversation } = await testChat({ database })
  provider.next(endless())
  const turn = await engine.send(conversation.id, 'hi')
  await shown(turn, 5)
  foreignWriter(database).run(`update turn set status = 'interrupted' where id = ?`, turn.id)
  const ended = nextEvent(turn.events, 'turn.interrupted')
  await turn.cancel()

  await expect(turn.reply).rejects.toMatchObject({ code: 'turn-lost' })
  expect((await ended).turn.status).toBe('interrupted')
  await (
    await engine.send(conversation.id, 'again')
  ).reply
})

test('a turn whose conversation is gone from the database rejects as lost, and is not saved for ever', async () => {
  const database = await testDatabase()
  const { provider, engine, conversation } = await testChat({ database })
  const step = steps()
  provider.next(streamed(['Once', ' upon'], { gate: step.gate }))
  const turn = await engine.send(conversation.id, 'hi')
  step.step()
  await shown(turn, 4)
  foreignWriter(database).run('delete from conversation where id = ?', conversation.id)
  const ended = nextEvent(turn.events, 'turn.failed')
  step.step()

  expect(await outcomeOf(turn.reply)).toMatchObject({
    error: { code: 'turn-lost', partial: { text: 'Once upon' } },
  })
  expect((await ended).turn).toMatchObject({ status: 'failed', error: { code: 'turn-lost' } })
})

test('deleting a conversation cancels what runs in it, also what was sent meanwhile', async () => {
  const { provider, engine, conversation } = await testChat()
  provider.always(endless())
  const turn = await engine.send(conversation.id, 'hi')
  await shown(turn, 5)
  const deleting = engine.deleteConversation(conversation.id)
  const second = outcomeOf(turn.reply).then(() => outcomeOf(engine.send(conversation.id, 'again')))
  await deleting

  await expect(turn.reply).rejects.toMatchObject({ code: 'cancelled' })
  // The second send was refused, cancelled too, or found no conversation. The order decides.
  const again = await second
  const end = 'value' in again ? await outcomeOf(again.value.reply) : again
  expect(['cancelled', 'conversation-not-found']).toContain(
    (end as { error: { code: string } }).error.code,
  )
  expect(await engine.getConversation(conversation.id)).toBeUndefined()
  expect(engine.runningTurn(conversation.id)).toBeUndefined()
  await Promise.all(provider.requests.map((exchange) => exchange.closed))
})

test('a cancelled reply is there after a restart', async () => {
  const database = await testDatabase()
  const { provider, engine, conversation } = await testChat({ database })
  provider.next(
    raw([': hello\n\n', `data: ${JSON.stringify(chunk({ content: 'Once' }))}\n\n`], { end: false }),
  )
  const turn = await engine.send(conversation.id, 'hi')
  await shown(turn, 4)
  const receipt = await turn.cancel()
  await engine.close()

  const again = await createEngine({ database })
  onTestFinished(() => again.close())
  const reply = await expectCancelled(again, conversation.id, receipt)
  expect(reply?.text).toBe('Once')
})
