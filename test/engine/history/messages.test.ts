/** The dialect `messages`, from `putEndpoint` to the stored history and back to the provider. */
import { expect, test } from 'vitest'
import type { Engine, SendOptions } from '../../../src/index.ts'
import { testDatabase, testEngine, testProvider } from '../../support/engine.ts'
import {
  added,
  events,
  inputDelta,
  message,
  opened,
  started,
  textBlock,
  textDelta,
  thinkingBlock,
  thinkingDelta,
  toolBlock,
  written,
} from '../../support/messages-events.ts'
import { json } from '../../support/scripts.ts'
import { violations } from '../../transport/dialects/messages/rules.ts'

/** An engine whose `online` endpoint speaks Messages, and a conversation on it. */
async function messagesChat(database = ':memory:') {
  const provider = await testProvider()
  const engine = await testEngine({ database })
  const record = await engine.putEndpoint('online', {
    url: provider.url,
    apiKey: 'sk-test-key',
    model: 'm',
    dialect: 'messages',
  })
  const conversation = await engine.startConversation({ system: 'Be brief.' })
  return { provider, engine, conversation, record }
}

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

const tools = { look: { description: 'Looks.', inputSchema: { type: 'object' } } }
const result = (toolCallId: string, output: unknown) =>
  ({ type: 'tool-result', toolCallId, toolName: 'look', output, isError: false }) as const
const said = (text: string) => ({ type: 'text', text })

test('an endpoint keeps its dialect, also in the database', async () => {
  const database = await testDatabase()
  const { engine, record } = await messagesChat(database)
  expect(record.dialect).toBe('messages')
  await engine.close()

  const reopened = await testEngine({ database })
  expect((await reopened.getEndpoint('online'))?.dialect).toBe('messages')
})

test('a reply streams, and is stored as it streamed', async () => {
  const { provider, engine, conversation } = await messagesChat()
  provider.next(message([...thinkingBlock(0, 'sig', 'Hm'), ...textBlock(1, 'Once', ' upon')]))

  const turn = await engine.send(conversation.id, 'tell me a story')
  const seen: string[] = []
  for await (const { text } of turn.snapshots()) seen.push(text)
  const { message: reply } = await turn.reply

  expect(seen.at(-1)).toBe('Once upon')
  expect(reply).toMatchObject({
    status: 'complete',
    finishReason: 'stop',
    model: 'scripted-1',
    usage: { inputTokens: 9, outputTokens: 4 },
    parts: [
      { type: 'reasoning', text: 'Hm', providerData: { type: 'thinking', signature: 'sig' } },
      said('Once upon'),
    ],
  })
  expect((await engine.listMessages(conversation.id))[1]).toEqual(reply)
  expect(provider.requests[0]).toMatchObject({
    path: '/v1/messages',
    headers: { 'x-api-key': 'sk-test-key', 'anthropic-version': '2023-06-01' },
    body: { system: 'Be brief.', max_tokens: 8192, stream: true },
  })
})

test('tools are answered by the host, with the thinking before their calls sent back', async () => {
  const { provider, engine, conversation } = await messagesChat()
  provider.next(
    message(
      [
        ...thinkingBlock(0, 'sig-1', 'First'),
        ...thinkingBlock(1, 'sig-2', 'Then'),
        ...textBlock(2, 'I look.'),
        ...toolBlock(3, 'toolu_1', 'look', '{"at":', '"sky"}'),
        ...toolBlock(4, 'toolu_2', 'look'),
      ],
      'tool_use',
    ),
    message(textBlock(0, 'Blue.')),
  )

  const { message: call } = await ask(engine, conversation.id, 'look', { tools })
  expect(call.finishReason).toBe('tool-calls')
  const results = [result('toolu_2', 'rain'), result('toolu_1', { colour: 'blue' })]
  const { message: reply } = await ask(engine, conversation.id, results, { tools })

  expect(reply.text).toBe('Blue.')
  const { body } = provider.requests[1] ?? {}
  expect(violations(body)).toEqual([])
  expect(body.messages).toEqual([
    { role: 'user', content: [said('look')] },
    {
      role: 'assistant',
      content: [
        { type: 'thinking', thinking: 'First', signature: 'sig-1' },
        { type: 'thinking', thinking: 'Then', signature: 'sig-2' },
        said('I look.'),
        { type: 'tool_use', id: 'toolu_1', name: 'look', input: { at: 'sky' } },
        { type: 'tool_use', id: 'toolu_2', name: 'look', input: {} },
      ],
    },
    {
      role: 'user',
      content: [
        { type: 'tool_result', tool_use_id: 'toolu_1', content: '{"colour":"blue"}' },
        { type: 'tool_result', tool_use_id: 'toolu_2', content: 'rain' },
      ],
    },
  ])
})

test('what was cut in a tool call, or in thought, does not break the next request', async () => {
  const { provider, engine, conversation } = await messagesChat()
  const cut = [
    [
      opened(0, { type: 'thinking', thinking: '', signature: '' }),
      added(0, thinkingDelta('Half a')),
    ],
    [
      ...thinkingBlock(0, 'sig', 'Hm'),
      ...textBlock(1, 'I look.'),
      ...toolBlock(2, 'toolu_1', 'look', '{}'),
      opened(3, { type: 'tool_use', id: 'toolu_2', name: 'look', input: {} }),
      added(3, inputDelta('{"at":"s')),
    ],
  ]
  for (const begun of cut) {
    provider.next(async (exchange) => {
      exchange.write(...[started(), ...begun].map(written))
      await exchange.closed
    })
    const turn = await engine.send(conversation.id, 'look', { tools })
    for await (const { parts } of turn.snapshots()) {
      const last = parts.at(-1)
      if (last?.type === 'reasoning' && cut[0] === begun) break
      if (last?.type === 'tool-call' && last.inputText.endsWith('s')) break
    }
    await engine.cancel(conversation.id)
    await expect(turn.reply).rejects.toMatchObject({ code: 'cancelled' })
  }

  provider.next(message(textBlock(0, 'Fine.')))
  await ask(engine, conversation.id, 'never mind')

  const { body } = provider.requests[2] ?? {}
  expect(violations(body)).toEqual([])
  expect(body.messages).toEqual([
    { role: 'user', content: [said('look'), said('look')] },
    { role: 'assistant', content: [said('I look.')] },
    { role: 'user', content: [said('never mind')] },
  ])
})

test('a stream that ends early, or in an error, fails with its code and keeps the text', async () => {
  const { provider, engine, conversation } = await messagesChat()
  const begun = [started(), opened(0, { type: 'text', text: '' }), added(0, textDelta('Once'))]
  const overloaded = { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } }
  provider.next(events(...begun), events(...begun, overloaded), message(textBlock(0, 'Fine.')))

  for (const code of ['stream-truncated', 'overloaded']) {
    const reply = ask(engine, conversation.id, 'hi')
    await expect(reply).rejects.toMatchObject({ code, partial: { text: 'Once' } })
  }
  expect((await ask(engine, conversation.id, 'hi')).message.text).toBe('Fine.')
  expect(violations(provider.requests[2]?.body)).toEqual([])
})

test('a conversation may go from one dialect to the other and back', async () => {
  const { provider, engine, conversation } = await messagesChat()
  const other = await testProvider()
  await engine.putEndpoint('other', { url: other.url, model: 'm' })
  provider.always(message([...thinkingBlock(0, 'sig', 'Hm'), ...textBlock(1, 'Eins')]))

  await ask(engine, conversation.id, 'one')
  await ask(engine, conversation.id, 'two', { endpoint: 'other' })
  await ask(engine, conversation.id, 'three')

  expect(other.requests[0]?.body.messages).toEqual([
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: 'one' },
    { role: 'assistant', content: 'Eins' },
    { role: 'user', content: 'two' },
  ])
  expect(provider.requests[1]?.body.messages).toEqual([
    { role: 'user', content: [said('one')] },
    {
      role: 'assistant',
      content: [{ type: 'thinking', thinking: 'Hm', signature: 'sig' }, said('Eins')],
    },
    { role: 'user', content: [said('two')] },
    { role: 'assistant', content: [said('Hello')] },
    { role: 'user', content: [said('three')] },
  ])
})

test('thinking goes back to the model that made it, and to no other', async () => {
  const { provider, engine, conversation } = await messagesChat()
  const other = await testProvider()
  await engine.putEndpoint('other', { url: other.url, model: 'm', dialect: 'messages' })
  provider.always(message([...thinkingBlock(0, 'sig', 'Hm'), ...textBlock(1, 'Eins')]))
  other.always(message(textBlock(0, 'Zwei')))

  await ask(engine, conversation.id, 'one')
  await ask(engine, conversation.id, 'two', { endpoint: 'other' })
  await ask(engine, conversation.id, 'three', { model: 'bigger' })
  await ask(engine, conversation.id, 'four')

  const sent = [...other.requests, ...provider.requests.slice(1)].map(({ text }) => text)
  expect(sent.map((text) => text.includes('"signature":"sig"'))).toEqual([false, false, true])
  expect(sent.map((text) => text.includes('maker'))).toEqual([false, false, false])
})

test('a seed fails the turn before anything is sent', async () => {
  const { provider, engine, conversation } = await messagesChat()

  const reply = ask(engine, conversation.id, 'hi', { settings: { seed: 1 } })

  await expect(reply).rejects.toMatchObject({ code: 'invalid-option' })
  expect(provider.requests).toEqual([])
})

test('questions outside a conversation are answered, and models listed', async () => {
  const { provider, engine } = await messagesChat()
  provider.next(
    json({
      type: 'message',
      model: 'big',
      content: [{ type: 'text', text: 'Good day' }],
      stop_reason: 'end_turn',
      usage: { input_tokens: 3, output_tokens: 2 },
    }),
  )
  provider.models(json({ data: [{ type: 'model', id: 'm-1' }], has_more: false }))

  const answer = await engine.complete({ prompt: 'Translate: Guten Tag' })

  expect(answer).toMatchObject({ text: 'Good day', model: 'big', finishReason: 'stop' })
  expect(provider.requests[0]?.body).toMatchObject({
    messages: [{ role: 'user', content: [said('Translate: Guten Tag')] }],
    stream: false,
  })
  expect(await engine.listModels('online')).toEqual(['m-1'])
  expect(provider.requests[1]?.headers['x-api-key']).toBe('sk-test-key')
})
