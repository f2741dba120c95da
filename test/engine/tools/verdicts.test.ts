/** Calls that do not run: each has a result that lets the model correct itself. */
import { expect, test } from 'vitest'
import { reply } from '../../../src/testing/reply.ts'
import { chatReply } from '../../../src/testing/chat.ts'
import { calling, done, resultsOf, toolChat } from './tool-chat.ts'

const inputSchema = {
  type: 'object',
  properties: { n: { type: 'number' } },
  required: ['n'],
  additionalProperties: false,
}

async function verdictOn(text: string, name = 'double') {
  const ran: unknown[] = []
  const { provider, engine, id } = await toolChat({
    tools: { double: { inputSchema, execute: (input) => ran.push(input) } },
  })
  provider.next(calling({ name, text }), done)
  const { message } = await (await engine.send(id, 'hi')).reply
  return { ran, result: resultsOf(message)[0], message }
}

test.each([
  ['fenced', '```json\n{"n":1}\n```'],
  ['encoded twice', JSON.stringify('{"n":1}')],
  ['plain', ' {"n":1} '],
])('arguments that are %s are read', async (_, text) => {
  const { ran, result } = await verdictOn(text)
  expect(ran).toEqual([{ n: 1 }])
  expect(result?.isError).toBe(false)
})

test.each([
  ['cut', '{"n":1'],
  ['prose', 'I would double 1'],
  ['not a number', '{"n":NaN}'],
  ['of another type', '{"n":"1"}'],
  ['empty', ''],
  ['a list', '[1]'],
  ['nested 100,000 deep', `{"n":${'['.repeat(100_000)}${']'.repeat(100_000)}}`],
  ['of 2 MiB', `{"n":1,"x":"${'x'.repeat(2 * 1024 * 1024)}"}`],
])('arguments that are %s are refused, and nothing is guessed', async (_, text) => {
  const { ran, result, message } = await verdictOn(text)
  expect(ran).toEqual([])
  expect(result).toMatchObject({ isError: true, code: 'invalid-input' })
  expect(message.text).toBe('Done.')
})

test.each(['nothing', '__proto__', 'constructor', 'toString'])(
  'a call of the unknown tool %s is told which tools there are',
  async (name) => {
    const { ran, result } = await verdictOn('{"n":1}', name)
    expect(ran).toEqual([])
    expect(result).toMatchObject({
      code: 'no-such-tool',
      output: expect.stringContaining('double'),
    })
  },
)

test('calls beyond the limit of a step do not run', async () => {
  const ran: unknown[] = []
  const { provider, engine, id } = await toolChat({
    tools: { note: { execute: () => ran.push(1) } },
    limits: { callsPerStep: 2 },
  })
  provider.next(calling({ name: 'note' }, { name: 'note' }, { name: 'note' }), done)
  const { message } = await (await engine.send(id, 'hi')).reply
  expect(ran).toHaveLength(2)
  const byCall = new Map(resultsOf(message).map((result) => [result.toolCallId, result.code]))
  expect([byCall.get('a'), byCall.get('b'), byCall.get('c')]).toEqual([
    undefined,
    undefined,
    'too-many-calls',
  ])
})

test('a reply that was cut runs none of its calls, and is asked once more', async () => {
  const ran: unknown[] = []
  const { provider, engine, id } = await toolChat({
    tools: { note: { execute: () => ran.push(1) } },
  })
  const cut = chatReply('', {
    toolCalls: [{ id: 'a', name: 'note', arguments: '{}' }],
    finishReason: 'length',
  })
  provider.next(cut, cut)
  const { message, turn } = await (await engine.send(id, 'hi')).reply
  expect(ran).toEqual([])
  expect(resultsOf(message).map(({ code }) => code)).toEqual(['cut-off', 'cut-off'])
  expect(resultsOf(message).map(({ toolCallId }) => toolCallId)).toEqual(['a', 'a~2'])
  expect(message.finishReason).toBe('length')
  expect(turn).toMatchObject({ status: 'done', steps: 2 })
})

test('the last step is asked without calls, so that the turn ends with words', async () => {
  const { provider, engine, id } = await toolChat({
    tools: { note: { execute: () => 1 } },
    limits: { steps: 2 },
  })
  provider.next(calling({ name: 'note' }), done)
  await (
    await engine.send(id, 'hi')
  ).reply
  expect(provider.requests.map(({ body }) => body?.tool_choice)).toEqual([undefined, 'none'])
})

test.each([
  ['', 'tool-calls'],
  ['It is done.', 'stop'],
])('calls of the last step do not run; after %j the turn ends with %s', async (said, reason) => {
  const ran: unknown[] = []
  const { provider, engine, id } = await toolChat({
    tools: { note: { execute: () => ran.push(1) } },
  })
  provider.next(reply(said, { toolCalls: [{ id: 'a', name: 'note', arguments: '{}' }] }))
  const { message, turn } = await (await engine.send(id, 'hi', { limits: { steps: 1 } })).reply
  expect(ran).toEqual([])
  expect(resultsOf(message)[0]?.code).toBe('not-run')
  expect(message.finishReason).toBe(reason)
  expect(turn.status).toBe('done')
})

test('a tool without execute ends the turn for the host, after the others have run', async () => {
  const { provider, engine, id } = await toolChat({
    tools: { note: { execute: () => 'noted' }, ask: { description: 'the host answers' } },
  })
  provider.next(calling({ name: 'ask' }, { name: 'note' }), done)
  const { message } = await (await engine.send(id, 'hi')).reply
  expect(message.finishReason).toBe('tool-calls')
  expect(resultsOf(message)).toMatchObject([{ toolCallId: 'b', output: 'noted' }])
  const answer = { type: 'tool-result', toolCallId: 'a', toolName: 'ask', output: 'yes' } as const
  await (
    await engine.send(id, [answer])
  ).reply
  expect(provider.requests[1]?.body?.messages).toMatchObject([
    { role: 'user' },
    { role: 'assistant', tool_calls: [{ id: 'a' }, { id: 'b' }] },
    { role: 'tool', tool_call_id: 'a', content: 'yes' },
    { role: 'tool', tool_call_id: 'b', content: 'noted' },
  ])
})

test('calls without any tool of the engine end the turn as they did', async () => {
  const { provider, engine, id } = await toolChat()
  provider.next(calling({ name: 'ask' }))
  const tools = { ask: { inputSchema: { type: 'object' } } }
  const { message, turn } = await (await engine.send(id, 'hi', { tools })).reply
  expect(message.finishReason).toBe('tool-calls')
  expect(turn.steps).toBeUndefined()
  expect(await engine.listCalls(turn.id)).toEqual([])
})
