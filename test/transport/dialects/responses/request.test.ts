/** Writing requests of the Responses dialect. */
import { describe, expect, test } from 'vitest'
import type { Part } from '../../../../src/protocol/message.ts'
import type { ReplyRequest } from '../../../../src/transport/reply-request.ts'
import { startProvider } from '../../../support/provider.ts'
import type { Exchange, Provider } from '../../../support/provider.ts'
import { responded } from '../../../support/response-events.ts'
import type { ResponseItem } from '../../../support/response-events.ts'
import { ask, reply, requestTo, targetAt, transportFor } from '../../asking.ts'

const hello = responded([{ type: 'message', texts: ['Hello'] }])

/** The request that the provider receives. */
async function sent(fields: Partial<ReplyRequest>, path = '/v1'): Promise<Exchange> {
  await using provider = await startProvider()
  provider.always(hello)
  const { error } = await reply('', { ...fields, target: targetOf(provider, path) })
  expect(error).toBeUndefined()
  return provider.requests[0] as Exchange
}

function targetOf(provider: Provider, path = '/v1') {
  return targetAt(provider.origin + path, { dialect: 'responses' })
}

const text = (said: string) => ({ type: 'text', text: said }) as const
const call = (toolCallId: string, inputText = '{"a": 1}') =>
  ({ type: 'tool-call', toolName: 'look', toolCallId, input: { a: 1 }, inputText }) as const
const result = (toolCallId: string, output: unknown) =>
  ({ type: 'tool-result', toolName: 'look', toolCallId, output, isError: false }) as const

test('sends the system prompt as instructions, the history in order, and the question', async () => {
  const { body, method, path } = await sent({
    model: 'small',
    system: 'Be brief.',
    messages: [
      { role: 'user', parts: [text('What '), text('is it?')] },
      { role: 'assistant', parts: [{ type: 'reasoning', text: 'Hm' }, text('It'), text('.')] },
      { role: 'user', parts: [text('Why?')] },
    ],
  })

  expect(method).toBe('POST')
  expect(path).toBe('/v1/responses')
  expect(body).toEqual({
    model: 'small',
    instructions: 'Be brief.',
    input: [
      { role: 'user', content: 'What is it?' },
      { role: 'assistant', content: 'It.' },
      { role: 'user', content: 'Why?' },
    ],
    store: false,
    include: ['reasoning.encrypted_content'],
    stream: true,
  })
})

test('asks for one JSON answer where there is no stream', async () => {
  const { body, headers } = await sent({ stream: false })

  expect(body.stream).toBe(false)
  expect(headers.accept).toBe('application/json')
})

test('sends settings, tools and extra fields, and keeps to the kind of answer asked for', async () => {
  const inputSchema = { type: 'object', properties: { a: { type: 'number' } } }
  const { body } = await sent({
    settings: { temperature: 0, topP: 0.5, maxOutputTokens: 9, stop: undefined, seed: undefined },
    tools: { look: { description: 'Looks.', inputSchema }, find: { inputSchema } },
    extraBody: { temperature: 1, reasoning: { effort: 'low' }, include: [], stream: false },
  })

  expect(body).toMatchObject({
    temperature: 1,
    top_p: 0.5,
    max_output_tokens: 9,
    reasoning: { effort: 'low' },
    include: [],
    stream: true,
    tools: [
      {
        type: 'function',
        name: 'look',
        description: 'Looks.',
        parameters: inputSchema,
        strict: false,
      },
      { type: 'function', name: 'find', parameters: inputSchema, strict: false },
    ],
  })
  expect((await sent({ tools: {} })).body).not.toHaveProperty('tools')
})

test.each<[string, ReplyRequest['settings']]>([
  ['stop', { stop: 'x' }],
  ['seed', { seed: 1 }],
  ['stop, seed', { stop: ['x'], seed: 0, temperature: 0 }],
])('refuses %s, which the format has no place for, and sends nothing', async (name, settings) => {
  await using provider = await startProvider()

  const { error } = await reply('', { target: targetOf(provider), settings })

  expect(error).toMatchObject({ code: 'invalid-option' })
  expect(error?.message).toContain(`no setting ${name}.`)
  expect(error?.message).toContain('"online"')
  expect(provider.requests).toEqual([])
})

test.each([
  ['gpt-5', true],
  ['o3-mini', true],
  ['gpt-5.3-codex', true],
  ['grok-4', true],
  ['openai/gpt-oss-20b', true],
  ['gpt-4o-mini', false],
  ['openai/gpt-4.1', false],
  ['ft:gpt-4o-mini:me::x', false],
  ['chatgpt-4o-latest', false],
  ['gpt-5-chat-latest', false],
])('asks %s for encrypted reasoning: %s', async (model, isAsked) => {
  expect((await sent({ model })).body.include !== undefined).toBe(isAsked)
})

test('sends files as parts', async () => {
  const file = (mediaType: string, url: string) => ({ type: 'file', mediaType, url }) as const
  const image = file('image/png', 'https://x.example/a.png')
  const inline = file('image/png', 'data:image/png;base64,AA')
  const paper = file('application/pdf', 'data:application/pdf;base64,AA')
  const page = file('text/html', 'https://x.example/a')

  const { body } = await sent({
    messages: [{ role: 'user', parts: [text('See'), image, inline, paper, page] }],
  })

  expect(body.input[0].content).toEqual([
    { type: 'input_text', text: 'See' },
    { type: 'input_image', image_url: image.url, detail: 'auto' },
    { type: 'input_image', image_url: inline.url, detail: 'auto' },
    { type: 'input_file', filename: 'file.pdf', file_data: paper.url },
    { type: 'input_file', file_url: page.url },
  ])
})

test('sends function calls and their results in the order in which they happened', async () => {
  const wire = (id: string, args: string) => ({
    type: 'function_call',
    call_id: id,
    name: 'look',
    arguments: args,
  })
  const output = (id: string, said: string) => ({
    type: 'function_call_output',
    call_id: id,
    output: said,
  })

  const { body } = await sent({
    messages: [
      { role: 'user', parts: [text('Look')] },
      {
        role: 'assistant',
        parts: [
          call('a'),
          call('b', ''),
          result('a', { found: true }),
          result('b', 'plain'),
          text('And '),
          text('then'),
          { ...call('c', ''), input: undefined },
        ],
      },
      { role: 'tool', parts: [result('c', undefined)] },
      { role: 'assistant', parts: [{ type: 'reasoning', text: 'nothing said' }] },
    ],
  })

  expect(body.input).toEqual([
    { role: 'user', content: 'Look' },
    wire('a', '{"a": 1}'),
    wire('b', '{"a":1}'),
    output('a', '{"found":true}'),
    output('b', 'plain'),
    { role: 'assistant', content: 'And then' },
    wire('c', '{}'),
    output('c', ''),
  ])
})

test.each([
  ['/v1', '/v1/responses'],
  ['/v1/', '/v1/responses'],
  ['', '/responses'],
  ['/v1/responses', '/v1/responses'],
  ['/v1/chat/completions', '/v1/responses'],
  ['/openai/v1/responses?api-version=preview', '/openai/v1/responses?api-version=preview'],
])('asks a provider at %o at %s', async (path, expected) => {
  expect((await sent({}, path)).path).toBe(expected)
})

test('lists the models beside the operation, with the key', async () => {
  await using provider = await startProvider()
  await using transport = transportFor()

  await transport.listModels(targetOf(provider, '/v1/responses'))

  expect(provider.requests[0]).toMatchObject({
    path: '/v1/models',
    headers: { authorization: 'Bearer sk-canary-key' },
  })
})

test('sends the key as chat completions do', async () => {
  const { headers } = await sent({})

  expect(headers).toMatchObject({
    authorization: 'Bearer sk-canary-key',
    accept: 'text/event-stream',
    'content-type': 'application/json',
  })
})

describe('reasoning', () => {
  /** The stored parts of a reply with these items. */
  async function partsOf(provider: Provider, items: readonly ResponseItem[]): Promise<Part[]> {
    await using transport = transportFor()
    provider.next(responded(items))
    const { deltas } = await ask(
      transport,
      requestTo('', { target: targetOf(provider), model: 'm' }),
    ).ended
    const parts: Part[] = []
    for (const delta of deltas) {
      const last = parts.at(-1)
      if (delta.type === 'tool-call') {
        if (delta.inputText === '') parts.push(call(delta.toolCallId))
      } else if (
        (delta.type === 'text' || delta.type === 'reasoning') &&
        last?.type === delta.type
      ) {
        const providerData = delta.providerData ?? last.providerData
        parts[parts.length - 1] = { ...last, text: last.text + delta.text, providerData }
      } else parts.push(delta)
    }
    return parts
  }

  /** The items of the next request that are made from these parts. */
  async function sentBack(
    provider: Provider,
    parts: readonly Part[],
    fields: Partial<ReplyRequest> = {},
  ): Promise<unknown[]> {
    provider.next(hello)
    const sofar = provider.requests.length
    await reply('', {
      target: targetOf(provider),
      model: 'm',
      ...fields,
      messages: [
        { role: 'user', parts: [text('one')] },
        { role: 'assistant', parts },
        { role: 'user', parts: [text('two')] },
      ],
    })
    const { body } = await provider.request(sofar)
    return (body.input as unknown[]).slice(1, -1)
  }

  const thought: ResponseItem = { type: 'reasoning', texts: ['Hm'], encrypted: 'secret' }
  const wire = {
    type: 'reasoning',
    id: 'item_0',
    summary: [{ type: 'summary_text', text: 'Hm' }],
    encrypted_content: 'secret',
  }

  test('goes back as it came, before what followed it', async () => {
    await using provider = await startProvider()
    const said = await partsOf(provider, [thought, { type: 'message', texts: ['So'] }])
    expect(await sentBack(provider, said)).toEqual([wire, { role: 'assistant', content: 'So' }])

    const items: readonly ResponseItem[] = [
      { type: 'reasoning', texts: [], encrypted: 'first' },
      thought,
      { type: 'function_call', callId: 'c', name: 'look', arguments: '{"a": 1}' },
    ]
    const called = [...(await partsOf(provider, items)), call('d')]
    const results = [result('c', 'x'), result('d', 'y')]
    expect(await sentBack(provider, [...called, ...results])).toEqual([
      { type: 'reasoning', id: 'item_0', summary: [], encrypted_content: 'first' },
      { ...wire, id: 'item_1' },
      { type: 'function_call', call_id: 'c', name: 'look', arguments: '{"a": 1}' },
      { type: 'function_call', call_id: 'd', name: 'look', arguments: '{"a": 1}' },
      { type: 'function_call_output', call_id: 'c', output: 'x' },
      { type: 'function_call_output', call_id: 'd', output: 'y' },
    ])
  })

  test('goes back with its text, where that is the reasoning itself', async () => {
    await using provider = await startProvider()
    const parts = await partsOf(provider, [
      { type: 'reasoning', texts: ['I think.'], as: 'reasoning' },
      { type: 'message', texts: ['So'] },
    ])

    expect(await sentBack(provider, parts)).toEqual([
      {
        type: 'reasoning',
        id: 'item_0',
        summary: [],
        content: [{ type: 'reasoning_text', text: 'I think.' }],
      },
      { role: 'assistant', content: 'So' },
    ])
  })

  test('stays here without what followed it', async () => {
    await using provider = await startProvider()
    const [reasoning] = await partsOf(provider, [thought, { type: 'message', texts: ['So'] }])
    const parts = [reasoning as Part]

    expect(await sentBack(provider, parts)).toEqual([])
    expect(await sentBack(provider, [...parts, text('')])).toEqual([])
    const before = [call('c'), ...parts, result('c', 'x'), text('So')]
    expect(await sentBack(provider, before)).toHaveLength(3)
  })

  test('goes to nobody but the model that thought it', async () => {
    await using provider = await startProvider()
    await using other = await startProvider()
    const parts = await partsOf(provider, [thought, { type: 'message', texts: ['So'] }])
    const only = [{ role: 'assistant', content: 'So' }]

    expect(await sentBack(provider, parts, { model: 'gpt-4' })).toEqual(only)
    expect(await sentBack(other, parts)).toEqual(only)
    const chat = { target: targetAt(provider.url) }
    provider.next(hello)
    await reply('', { ...chat, messages: [{ role: 'assistant', parts }] })
    expect(JSON.stringify(provider.requests.at(-1)?.body)).not.toContain('secret')
  })

  test.each<[string, unknown]>([
    ['nothing', undefined],
    ['a text', 'secret'],
    ['what another dialect keeps', { reasoning_details: [{ data: 'secret' }] }],
    [
      'entries of other kinds',
      [null, 'x', { type: 'reasoning' }, { type: 'shiny', id: 'a', maker: 'b' }],
    ],
  ])('that a host stored with %s is left out', async (_, providerData) => {
    await using provider = await startProvider()
    const parts: Part[] = [{ type: 'reasoning', text: 'Hm', providerData }, text('So')]

    expect(await sentBack(provider, parts)).toEqual([{ role: 'assistant', content: 'So' }])
  })
})
