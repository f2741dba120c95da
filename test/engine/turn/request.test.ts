/** The request of a turn: its messages, settings and tools. */
import { describe, expect, test } from 'vitest'
import type { Engine, Message, SendOptions } from '../../../src/index.ts'
import { driverCalls } from '../../support/driver-calls.ts'
import { testChat, testEngine, testProvider } from '../../support/engine.ts'
import { chunk } from '../../support/scripts.ts'

/** Sends, and waits for the reply. */
async function ask(engine: Engine, id: string, text: string, options?: SendOptions) {
  return await (
    await engine.send(id, text, options)
  ).reply
}

describe('the messages of a request', () => {
  test('are the history in order, then the input', async () => {
    const { provider, engine, conversation } = await testChat()
    for (const text of ['one', 'two', 'three']) await ask(engine, conversation.id, text)
    expect(provider.requests[2]?.body.messages).toEqual([
      { role: 'user', content: 'one' },
      { role: 'assistant', content: 'Hello' },
      { role: 'user', content: 'two' },
      { role: 'assistant', content: 'Hello' },
      { role: 'user', content: 'three' },
    ])
  })

  test('are read after the send has resolved, if they are many', async () => {
    const { engine } = await testChat()
    const messages = Array.from({ length: 200 }, () => ({ role: 'user' as const, content: 'hi' }))
    const { id } = await engine.startConversation({ messages })
    const calls = driverCalls()
    const turn = await engine.send(id, 'and?')
    expect(calls.run()).toContain('commit')
    expect(calls.run()).not.toContain('select … message')
    await turn.reply
    expect(calls.run()).toContain('select … message')
  })

  test("begin with the conversation's messages, as the host gave them", async () => {
    const { provider, engine } = await testChat()
    const conversation = await engine.startConversation({
      system: 'Be brief.',
      messages: [
        { role: 'user', content: 'one' },
        { role: 'assistant', content: [{ type: 'text', text: 'Eins' }] },
      ],
    })
    expect(await engine.listMessages(conversation.id)).toMatchObject([
      { role: 'user', text: 'one', status: 'complete', position: 1 },
      { role: 'assistant', text: 'Eins', status: 'complete', position: 2 },
    ])
    await ask(engine, conversation.id, 'two')
    expect(provider.requests[0]?.body.messages).toEqual([
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: 'one' },
      { role: 'assistant', content: 'Eins' },
      { role: 'user', content: 'two' },
    ])
    expect(await engine.listTurns(conversation.id)).toHaveLength(1)
  })

  test('are what prepare makes of them, which is not stored', async () => {
    const seen: unknown[] = []
    const { provider, engine, conversation } = await testChat({
      prepare: (messages, turn) => {
        seen.push({ ...turn, conversation: turn.conversation.id })
        const [last] = messages.slice(-1) as [Message]
        return [{ ...last, parts: [{ type: 'text', text: `${last.text}!` }] }]
      },
    })
    await ask(engine, conversation.id, 'one')
    const { turn } = await ask(engine, conversation.id, 'two')
    expect(provider.requests.map(({ body }) => body.messages as unknown)).toEqual([
      [{ role: 'user', content: 'one!' }],
      [{ role: 'user', content: 'two!' }],
    ])
    expect((await engine.listMessages(conversation.id)).map(({ text }) => text)).toEqual([
      'one',
      'Hello',
      'two',
      'Hello',
    ])
    expect(seen[1]).toEqual({
      turnId: turn.id,
      conversation: conversation.id,
      endpoint: 'online',
      model: 'm',
      step: 1,
    })
  })

  test('hold files beside their text', async () => {
    const { provider, engine, conversation } = await testChat()
    const turn = await engine.send(conversation.id, [
      { type: 'text', text: 'What is it?' },
      { type: 'file', mediaType: 'image/png', url: 'data:image/png;base64,AAAA' },
    ])
    await turn.reply
    expect(turn.userMessage).toMatchObject({ role: 'user', text: 'What is it?' })
    expect(provider.requests[0]?.body.messages).toEqual([
      {
        role: 'user',
        content: [
          { type: 'text', text: 'What is it?' },
          { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } },
        ],
      },
    ])
  })

  test('are sent as they were typed, white space and all, as whole characters', async () => {
    const { provider, engine, conversation } = await testChat()
    const text = '  \n\u0000 ä 🤖 \ud83d  '
    await ask(engine, conversation.id, text)
    expect(provider.requests[0]?.body.messages).toEqual([
      { role: 'user', content: text.toWellFormed() },
    ])
    expect((await engine.listMessages(conversation.id))[0]?.text).toBe(text)
  })
})

describe('what a send says', () => {
  test('reaches the wire: settings, extra fields, headers, system prompt', async () => {
    const { provider, engine } = await testChat()
    const conversation = await engine.startConversation({
      system: 'Be brief.',
      settings: { temperature: 0.1, maxOutputTokens: 5 },
    })
    await ask(engine, conversation.id, 'hi', {
      system: 'Be long.',
      settings: { temperature: 0.9, topP: 0.5, stop: ['END'], seed: 7 },
      extraBody: { reasoning_effort: 'low' },
      headers: { 'X-Title': 'tests' },
    })
    const { body, headers, path } = provider.requests[0] as (typeof provider.requests)[0]
    expect(path).toBe('/v1/chat/completions')
    expect(body).toEqual({
      model: 'm',
      messages: [
        { role: 'system', content: 'Be long.' },
        { role: 'user', content: 'hi' },
      ],
      temperature: 0.9,
      top_p: 0.5,
      max_tokens: 5,
      stop: ['END'],
      seed: 7,
      reasoning_effort: 'low',
      stream: true,
      stream_options: { include_usage: true },
    })
    expect(headers).toMatchObject({ 'x-title': 'tests', authorization: 'Bearer sk-test-key' })

    await ask(engine, conversation.id, 'hi again')
    expect(provider.requests[1]?.body).toMatchObject({ temperature: 0.1, max_tokens: 5 })
    expect(provider.requests[1]?.body.messages[0]).toEqual({ role: 'system', content: 'Be brief.' })
    expect(provider.requests[1]?.headers).not.toHaveProperty('x-title')
  })

  test('goes before the conversation, that before the preference, that before the endpoint', async () => {
    const { provider, engine } = await testChat()
    const plain = await engine.startConversation()
    const particular = await engine.startConversation({ model: 'of-conversation' })
    await ask(engine, plain.id, 'hi')
    await engine.setModelPreference('chat', 'of-preference')
    await ask(engine, plain.id, 'hi')
    await ask(engine, particular.id, 'hi')
    await ask(engine, particular.id, 'hi', { model: 'of-send' })
    expect(provider.requests.map(({ body }) => body.model as string)).toEqual([
      'm',
      'of-preference',
      'of-conversation',
      'of-send',
    ])
  })

  test('chooses the endpoint before the conversation does', async () => {
    const [first, second] = [await testProvider(), await testProvider()]
    const engine = await testEngine()
    await engine.putEndpoint('online', { url: first.url, model: 'm' })
    await engine.putEndpoint('second', { url: second.url, model: 'm' })
    const conversation = await engine.startConversation({ endpoint: 'second' })
    await ask(engine, conversation.id, 'hi')
    await ask(engine, conversation.id, 'hi', { endpoint: 'online' })
    expect([first.requests.length, second.requests.length]).toEqual([1, 1])
  })

  test('is kept with the turn, as far as it is metadata', async () => {
    const { engine, conversation } = await testChat()
    const metadata = { tab: 3, tags: ['a'] }
    const { turn } = await ask(engine, conversation.id, 'hi', { metadata })
    expect(turn.metadata).toEqual(metadata)
    expect(await engine.getTurn(turn.id)).toEqual(turn)
    const other = await engine.startConversation({ metadata })
    expect((await engine.getConversation(other.id))?.metadata).toEqual(metadata)
  })
})

describe('tools without execute', () => {
  const tools = {
    look: { description: 'Looks.', inputSchema: { type: 'object', properties: { at: {} } } },
  }
  const fragment = (index: number, fields: object) => chunk({ tool_calls: [{ index, ...fields }] })
  const calls = [
    chunk({ content: 'I look. ' }),
    fragment(0, { id: 'c1', type: 'function', function: { name: 'look', arguments: '{"at"' } }),
    fragment(0, { function: { arguments: ':"sky"}' } }),
    fragment(1, { id: 'c2', type: 'function', function: { name: 'look', arguments: '{}' } }),
    chunk({}, { finish_reason: 'tool_calls' }),
  ]
  const result = (toolCallId: string, output: unknown) =>
    ({ type: 'tool-result', toolCallId, toolName: 'look', output, isError: false }) as const
  const wireCalls = {
    role: 'assistant',
    content: 'I look. ',
    tool_calls: [
      { id: 'c1', type: 'function', function: { name: 'look', arguments: '{"at":"sky"}' } },
      { id: 'c2', type: 'function', function: { name: 'look', arguments: '{}' } },
    ],
  }

  test('are sent, and their calls come back as parts that end the turn', async () => {
    const { provider, engine, conversation } = await testChat()
    provider.next((exchange) => exchange.done(...calls))
    const { message } = await ask(engine, conversation.id, 'look', { tools })

    expect(provider.requests[0]?.body.tools).toEqual([
      {
        type: 'function',
        function: {
          name: 'look',
          description: 'Looks.',
          parameters: tools.look.inputSchema,
        },
      },
    ])
    expect(message).toMatchObject({
      status: 'complete',
      finishReason: 'tool-calls',
      text: 'I look. ',
    })
    expect(message.parts).toEqual([
      { type: 'text', text: 'I look. ' },
      {
        type: 'tool-call',
        toolCallId: 'c1',
        toolName: 'look',
        input: { at: 'sky' },
        inputText: '{"at":"sky"}',
      },
      { type: 'tool-call', toolCallId: 'c2', toolName: 'look', input: {}, inputText: '{}' },
    ])
    expect((await engine.listMessages(conversation.id))[1]).toEqual(message)
  })

  test('are answered by sending results, which follow their calls on the wire', async () => {
    const { provider, engine, conversation } = await testChat()
    provider.next((exchange) => exchange.done(...calls))
    await ask(engine, conversation.id, 'look', { tools })
    // In the order in which they were ready. Each call gets its own result.
    const turn = await engine.send(conversation.id, [
      result('c2', { rain: true }),
      result('c1', 'blue'),
    ])
    const { message } = await turn.reply

    expect(turn.userMessage).toMatchObject({ role: 'tool', text: '' })
    expect(message.text).toBe('Hello')
    const answered = [
      { role: 'user', content: 'look' },
      wireCalls,
      { role: 'tool', tool_call_id: 'c1', content: 'blue' },
      { role: 'tool', tool_call_id: 'c2', content: '{"rain":true}' },
    ]
    expect(provider.requests[1]?.body.messages).toEqual(answered)
    await ask(engine, conversation.id, 'thanks')
    expect(provider.requests[2]?.body.messages).toEqual([
      ...answered,
      { role: 'assistant', content: 'Hello' },
      { role: 'user', content: 'thanks' },
    ])
  })

  test('that stay unanswered do not stop the conversation', async () => {
    const { provider, engine, conversation } = await testChat()
    provider.next((exchange) => exchange.done(...calls))
    await ask(engine, conversation.id, 'look', { tools })
    await ask(engine, conversation.id, 'never mind')
    expect(provider.requests[1]?.body.messages).toEqual([
      { role: 'user', content: 'look' },
      { role: 'assistant', content: 'I look. ' },
      { role: 'user', content: 'never mind' },
    ])
  })

  test('that are answered in part are sent in part', async () => {
    const { provider, engine, conversation } = await testChat()
    provider.next((exchange) => exchange.done(...calls))
    await ask(engine, conversation.id, 'look', { tools })
    await (
      await engine.send(conversation.id, [result('c2', 'rain')])
    ).reply
    expect(provider.requests[1]?.body.messages).toEqual([
      { role: 'user', content: 'look' },
      { ...wireCalls, tool_calls: wireCalls.tool_calls.slice(1) },
      { role: 'tool', tool_call_id: 'c2', content: 'rain' },
    ])
  })

  test('that are answered twice over are answered once on the wire', async () => {
    const { provider, engine, conversation } = await testChat()
    provider.next((exchange) => exchange.done(...calls))
    await ask(engine, conversation.id, 'look', { tools })
    const results = [result('c1', 'a'), result('c1', 'b'), result('c2', 'c')]
    await (
      await engine.send(conversation.id, results)
    ).reply
    expect(provider.requests[1]?.body.messages).toEqual([
      { role: 'user', content: 'look' },
      wireCalls,
      { role: 'tool', tool_call_id: 'c1', content: 'a' },
      { role: 'tool', tool_call_id: 'c2', content: 'c' },
    ])
  })
})
