/** The scripted provider in all three dialects. */
import { createParser } from 'eventsource-parser'
import { expect, test } from 'vitest'
import {
  chatReply,
  chatStream,
  errorReply,
  messagesReply,
  reply,
  responsesReply,
  startProvider,
  steps,
} from '../../src/testing.ts'
import type { Script } from '../../src/testing.ts'
import { testEngine, testProvider } from '../support/engine.ts'
import { answer, answerTo, sent } from './asking.ts'

interface Event {
  readonly name: string | undefined
  // oxlint-disable-next-line typescript/no-explicit-any -- events of every shape
  readonly data: any
}

function parsed(body: string): readonly Event[] {
  const events: Event[] = []
  const parser = createParser({
    onEvent: ({ event, data }) => {
      events.push({ name: event, data: data === '[DONE]' ? data : JSON.parse(data) })
    },
  })
  parser.feed(body)
  return events
}

async function eventsOf(script: Script, path: string): Promise<readonly Event[]> {
  await using provider = await startProvider()
  provider.next(script)
  return parsed((await answer(provider.url, { model: 'asked', stream: true }, path)).body)
}

async function jsonOf(script: Script, path: string): Promise<unknown> {
  await using provider = await startProvider()
  provider.next(script)
  return JSON.parse((await answer(provider.url, { model: 'asked' }, path)).body)
}

const CALL = { id: 'call_1', name: 'weather', arguments: ['{"city":', '"Oslo"}'] }

test('streams chat completions', async () => {
  const usage = { prompt_tokens: 1 }
  const events = await eventsOf(
    chatReply(['Once', ' upon'], { reasoning: ['Hm'], toolCalls: [CALL], usage }),
    '/chat/completions',
  )

  expect(events.at(-1)?.data).toBe('[DONE]')
  const chunks = events.slice(0, -1).map(({ data }) => data)
  expect(chunks.every(({ model }) => model === 'asked')).toBe(true)
  expect(chunks.flatMap(({ choices }) => choices[0]?.delta ?? [])).toEqual([
    { role: 'assistant', content: '' },
    { reasoning_content: 'Hm' },
    { content: 'Once' },
    { content: ' upon' },
    {
      tool_calls: [
        { index: 0, id: 'call_1', type: 'function', function: { name: 'weather', arguments: '' } },
      ],
    },
    { tool_calls: [{ index: 0, function: { arguments: '{"city":' } }] },
    { tool_calls: [{ index: 0, function: { arguments: '"Oslo"}' } }] },
    {},
  ])
  expect(chunks.at(-2).choices[0].finish_reason).toBe('tool_calls')
  expect(chunks.at(-1)).toMatchObject({ choices: [], usage })
})

test('streams responses: numbered events that name themselves, deltas that make up the output', async () => {
  const events = await eventsOf(
    responsesReply(['Once', ' upon'], {
      reasoning: ['Hm', '.'],
      encryptedReasoning: 'opaque',
      toolCalls: [CALL],
      usage: { input_tokens: 1 },
    }),
    '/responses',
  )

  expect(events.map(({ data }) => data.sequence_number)).toEqual(events.map((_, n) => n))
  expect(events.every(({ name, data }) => name === data.type)).toBe(true)
  const joined = (type: string) =>
    events.map(({ data }) => (data.type === type ? data.delta : '')).join('')
  expect(joined('response.output_text.delta')).toBe('Once upon')
  expect(joined('response.reasoning_summary_text.delta')).toBe('Hm.')
  expect(joined('response.function_call_arguments.delta')).toBe('{"city":"Oslo"}')
  expect(events.at(-1)?.data).toMatchObject({
    type: 'response.completed',
    response: {
      status: 'completed',
      model: 'asked',
      usage: { input_tokens: 1 },
      output: [
        { type: 'reasoning', summary: [{ text: 'Hm.' }], encrypted_content: 'opaque' },
        { type: 'message', content: [{ type: 'output_text', text: 'Once upon' }] },
        { type: 'function_call', call_id: 'call_1', arguments: '{"city":"Oslo"}' },
      ],
    },
  })
  // Each item is announced and finished under its index.
  for (const kind of ['added', 'done']) {
    const items = events.filter(({ data }) => data.type === `response.output_item.${kind}`)
    expect(items.map(({ data }) => data.output_index)).toEqual([0, 1, 2])
  }
})

test.each([
  [{ status: 'incomplete' }, { incomplete_details: { reason: 'max_output_tokens' } }],
  [
    { status: 'incomplete', incompleteReason: 'content_filter' },
    { incomplete_details: { reason: 'content_filter' } },
  ],
  [{ status: 'failed' }, { error: { code: 'server_error' } }],
] as const)('ends responses as %j', async (options, response) => {
  const script = responsesReply('a', options)

  expect((await eventsOf(script, '/responses')).at(-1)?.data).toMatchObject({
    type: `response.${options.status}`,
    response,
  })
  expect(await jsonOf(script, '/responses')).toMatchObject(response)
})

test('leaves out what ends responses, and adds what need not', async () => {
  const events = await eventsOf(responsesReply('a', { status: null, done: true }), '/responses')

  expect(events.at(-1)?.data).toBe('[DONE]')
  expect(events.at(-2)?.data.type).toBe('response.output_item.done')
})

test('streams messages: blocks that open, grow and close in their order', async () => {
  const events = await eventsOf(
    messagesReply(['Once', ' upon'], { reasoning: ['Hm'], signature: 's', toolCalls: [CALL] }),
    '/messages',
  )

  expect(events.every(({ name, data }) => name === data.type)).toBe(true)
  expect(events[0]?.data.message).toMatchObject({ model: 'asked', content: [], stop_reason: null })
  const blocks = events.filter(({ data }) => 'index' in data).map(({ data }) => data)
  expect(blocks.map(({ type, index, delta }) => [index, delta?.type ?? type])).toEqual([
    [0, 'content_block_start'],
    [0, 'thinking_delta'],
    [0, 'signature_delta'],
    [0, 'content_block_stop'],
    [1, 'content_block_start'],
    [1, 'text_delta'],
    [1, 'text_delta'],
    [1, 'content_block_stop'],
    [2, 'content_block_start'],
    [2, 'input_json_delta'],
    [2, 'input_json_delta'],
    [2, 'content_block_stop'],
  ])
  expect(events.at(-2)?.data).toMatchObject({
    delta: { stop_reason: 'tool_use' },
    usage: { input_tokens: 9, output_tokens: 2 },
  })
  expect(events.at(-1)?.data).toEqual({ type: 'message_stop' })
})

test('leaves out what ends messages', async () => {
  const script = messagesReply('a', { stopReason: null, stop: false })

  expect((await eventsOf(script, '/messages')).at(-1)?.data.type).toBe('content_block_stop')
})

test('answers with one JSON where no stream is asked for', async () => {
  const options = { reasoning: ['Hm'], toolCalls: [CALL] }

  expect(await jsonOf(chatReply(['a', 'b'], options), '/chat/completions')).toMatchObject({
    model: 'asked',
    choices: [
      {
        finish_reason: 'tool_calls',
        message: {
          content: 'ab',
          reasoning_content: 'Hm',
          tool_calls: [{ id: 'call_1', function: { arguments: '{"city":"Oslo"}' } }],
        },
      },
    ],
  })
  expect(await jsonOf(messagesReply(['a', 'b'], options), '/messages')).toMatchObject({
    model: 'asked',
    stop_reason: 'tool_use',
    content: [
      { type: 'thinking', thinking: 'Hm', signature: 'sig-1' },
      { type: 'text', text: 'ab' },
      { type: 'tool_use', id: 'call_1', input: { city: 'Oslo' } },
    ],
  })
  expect(await jsonOf(responsesReply(['a', 'b'], options), '/responses')).toMatchObject({
    model: 'asked',
    output: [{ type: 'reasoning' }, { type: 'message' }, { type: 'function_call' }],
  })
})

test('steps through a stream, delta by delta', async () => {
  await using provider = await startProvider()
  const { gate, step } = steps()
  provider.next(chatStream(['Once', ' upon'], { gate }))
  const response = await answerTo(sent(provider.url))
  let body = ''
  const texts = () => parsed(body).flatMap(({ data }) => data.choices?.[0]?.delta?.content || [])
  const shown: unknown[] = []
  response.on('data', (bytes) => {
    body += String(bytes)
    if (texts().length === shown.length) return
    shown.push(texts().join(''))
    step()
  })
  step()
  await new Promise((resolve) => response.once('end', resolve))

  expect(shown).toEqual(['Once', 'Once upon'])
})

test.each(['chat-completions', 'responses', 'messages'] as const)(
  'writes %s as the engine reads it',
  async (dialect) => {
    const provider = await testProvider()
    const engine = await testEngine()
    await engine.putEndpoint('online', { url: provider.url, model: 'm', dialect })
    const conversation = await engine.startConversation()
    provider.always(reply(['Once', ' upon'], { reasoning: ['H', 'm'], toolCalls: [CALL] }))

    const turn = await engine.send(conversation.id, 'hi')
    const { message } = await turn.reply

    expect(message.text).toBe('Once upon')
    expect(message.finishReason).toBe('tool-calls')
    expect(message.parts).toMatchObject([
      { type: 'reasoning', text: 'Hm' },
      { type: 'text', text: 'Once upon' },
      { type: 'tool-call', toolName: 'weather', input: { city: 'Oslo' } },
    ])
    expect((await engine.complete({ prompt: 'hi' })).text).toBe('Once upon')

    provider.always(errorReply(529, 'Overloaded', { type: 'overloaded_error' }))
    const refused = await engine.send(conversation.id, [
      {
        type: 'tool-result',
        toolCallId: CALL.id,
        toolName: 'weather',
        output: 'rain',
        isError: false,
      },
    ])
    await expect(refused.reply).rejects.toMatchObject({ code: 'overloaded', status: 529 })
  },
)
