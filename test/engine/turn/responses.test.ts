/** The dialect `responses`, from `putEndpoint` to the stored reply. */
import { expect, test } from 'vitest'
import type { Engine, EngineOptions, SendOptions } from '../../../src/index.ts'
import { testDatabase, testEngine, testProvider } from '../../support/engine.ts'
import { outputItem, responded, responseEvents } from '../../support/response-events.ts'
import type { ResponseItem } from '../../support/response-events.ts'
import { json } from '../../support/scripts.ts'
import { shown } from '../../support/waiting.ts'

const usage = { input_tokens: 9, output_tokens: 4, output_tokens_details: { reasoning_tokens: 2 } }
const hello: ResponseItem = { type: 'message', texts: ['Hello'] }
const thought: ResponseItem = { type: 'reasoning', texts: ['Hm'], encrypted: 'secret' }
const look: ResponseItem = {
  type: 'function_call',
  callId: 'c1',
  name: 'look',
  arguments: '{"at":"sky"}',
}
const tools = { look: { inputSchema: { type: 'object' } } }

async function responsesChat(options: EngineOptions = {}) {
  const provider = await testProvider()
  provider.always(responded([hello], {}, { usage }))
  const engine = await testEngine(options)
  await engine.putEndpoint('online', {
    url: provider.url,
    apiKey: 'sk-test-key',
    model: 'gpt-5',
    dialect: 'responses',
  })
  const conversation = await engine.startConversation({ system: 'Be brief.' })
  return { provider, engine, conversation }
}

/** Sends, and waits for the reply. */
async function ask(
  engine: Engine,
  id: string,
  input: Parameters<Engine['send']>[1],
  options?: SendOptions,
) {
  return await (
    await engine.send(id, input, options)
  ).reply
}

test('a reply streams, is stored, and is part of the next request', async () => {
  const { provider, engine, conversation } = await responsesChat()

  const turn = await engine.send(conversation.id, 'one')
  const seen: string[] = []
  for await (const snapshot of turn.snapshots()) seen.push(snapshot.text)
  const { message } = await turn.reply

  expect(seen.at(-1)).toBe('Hello')
  expect(message).toMatchObject({
    text: 'Hello',
    status: 'complete',
    finishReason: 'stop',
    model: 'scripted-1',
    usage: { inputTokens: 9, outputTokens: 4, reasoningTokens: 2, raw: usage, source: 'provider' },
  })
  expect((await engine.listMessages(conversation.id))[1]).toEqual(message)
  await ask(engine, conversation.id, 'two')
  expect(provider.requests[1]).toMatchObject({
    path: '/v1/responses',
    headers: { authorization: 'Bearer sk-test-key' },
    body: {
      model: 'gpt-5',
      instructions: 'Be brief.',
      input: [
        { role: 'user', content: 'one' },
        { role: 'assistant', content: 'Hello' },
        { role: 'user', content: 'two' },
      ],
      store: false,
    },
  })
})

test('an endpoint keeps its dialect over a restart', async () => {
  const database = await testDatabase()
  const provider = await testProvider()
  provider.always(responded([hello]))
  const first = await testEngine({ database })
  const given = { url: provider.url, model: 'm', dialect: 'responses' } as const
  const put = await first.putEndpoint('online', given)
  expect(put.dialect).toBe('responses')
  await first.close()

  const engine = await testEngine({ database })
  expect(await engine.getEndpoint('online')).toEqual(put)
  const { id } = await engine.startConversation()
  expect((await ask(engine, id, 'hi')).message.text).toBe('Hello')
  expect(provider.requests[0]?.path).toBe('/v1/responses')
})

test('tools are answered by the host, with the reasoning that led to their calls', async () => {
  const { provider, engine, conversation } = await responsesChat()
  provider.next(responded([thought, look]))
  const { message } = await ask(engine, conversation.id, 'look', { tools })
  expect(message).toMatchObject({
    finishReason: 'tool-calls',
    parts: [
      { type: 'reasoning', text: 'Hm' },
      { type: 'tool-call', toolCallId: 'c1', toolName: 'look', input: { at: 'sky' } },
    ],
  })

  const result = {
    type: 'tool-result',
    toolCallId: 'c1',
    toolName: 'look',
    isError: false,
  } as const
  await ask(engine, conversation.id, [{ ...result, output: { seen: 'stars' } }], { tools })

  expect(provider.requests[1]?.body.input).toEqual([
    { role: 'user', content: 'look' },
    {
      type: 'reasoning',
      id: 'item_0',
      summary: [{ type: 'summary_text', text: 'Hm' }],
      encrypted_content: 'secret',
    },
    { type: 'function_call', call_id: 'c1', name: 'look', arguments: '{"at":"sky"}' },
    { type: 'function_call_output', call_id: 'c1', output: '{"seen":"stars"}' },
  ])
})

test.each<[string, readonly ResponseItem[], number, string]>([
  ['in its text', [thought, { type: 'message', texts: ['Hello there'] }], 8, 'Hello '],
  ['in a call', [thought, { type: 'message', texts: ['I look'] }, look], 15, 'I look'],
])(
  'a turn cancelled %s leaves only its text to the next request',
  async (_, items, count, said) => {
    const { provider, engine, conversation } = await responsesChat()
    provider.next(async (exchange) => {
      exchange.write(...responseEvents(items).slice(0, count))
      await exchange.closed
    })
    const turn = await engine.send(conversation.id, 'one', { tools })
    await shown(turn, said.length)
    expect(await turn.cancel()).toMatchObject({ outcome: 'cancelled', upstreamAborted: true })
    await expect(turn.reply).rejects.toMatchObject({ code: 'cancelled' })

    await ask(engine, conversation.id, 'two')

    expect(provider.requests[1]?.body.input).toEqual([
      { role: 'user', content: 'one' },
      { role: 'assistant', content: said },
      { role: 'user', content: 'two' },
    ])
  },
)

test('one-shots, models and titles are asked in it too', async () => {
  const { provider, engine } = await responsesChat({ autoTitle: true })
  const answer = (text: string) =>
    json({
      object: 'response',
      status: 'completed',
      model: 'gpt-5-2025',
      output: [outputItem(thought), outputItem({ type: 'message', texts: [text] })],
      usage,
    })
  provider.next(answer('Good day'))
  expect(await engine.complete({ prompt: 'Translate: Guten Tag', system: 'Short.' })).toMatchObject(
    {
      text: 'Good day',
      model: 'gpt-5-2025',
      finishReason: 'stop',
      usage: { inputTokens: 9 },
    },
  )
  expect(provider.requests[0]?.body).toMatchObject({ instructions: 'Short.', stream: false })
  expect(await engine.listModels('online')).toEqual(['scripted-1', 'scripted-2'])

  const { id } = await engine.startConversation()
  provider.next(responded([hello]), answer('A greeting'))
  const titled = new Promise((resolve) => {
    engine.events(id).subscribe((event) => {
      if (event.type === 'conversation.changed') resolve(event.conversation?.title)
    })
  })
  await ask(engine, id, 'hi')
  expect(await titled).toBe('A greeting')
})

test('what it cannot say fails the turn, with nothing asked, and the next one is fine', async () => {
  const { provider, engine, conversation } = await responsesChat()

  const refused = await engine.send(conversation.id, 'one', { settings: { seed: 7 } })
  await expect(refused.reply).rejects.toMatchObject({
    code: 'invalid-option',
    message: expect.stringContaining('seed') as string,
  })
  expect(provider.requests).toEqual([])
  await expect(engine.complete({ prompt: 'x', settings: { stop: 'y' } })).rejects.toMatchObject({
    code: 'invalid-option',
  })

  expect((await ask(engine, conversation.id, 'two')).message.text).toBe('Hello')
  expect(provider.requests[0]?.body.input).toEqual([{ role: 'user', content: 'one\n\ntwo' }])
})

test('an error in mid-stream fails the turn with its code and keeps the text', async () => {
  const { provider, engine, conversation } = await responsesChat()
  provider.next((exchange) => {
    const events = responseEvents([hello]).slice(0, 4)
    const error = { code: 'rate_limit_exceeded', message: 'slow down' }
    exchange.write(...events, { type: 'error', error })
    exchange.response.end()
  })

  const turn = await engine.send(conversation.id, 'hi')

  await expect(turn.reply).rejects.toMatchObject({
    code: 'rate-limited',
    providerCode: 'rate_limit_exceeded',
    partial: { text: 'Hello', status: 'failed' },
  })
})
