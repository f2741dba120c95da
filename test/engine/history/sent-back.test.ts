/** What a provider gets back of what it made itself, and what others get of it. */
import { describe, expect, test } from 'vitest'
import type { Dialect, Engine, InputPart, Quirks } from '../../../src/index.ts'
import { providerFingerprint } from '../../../src/transport/dialects/provider-fingerprint.ts'
import { testDatabase, testEngine, testProvider } from '../../support/engine.ts'
import {
  added,
  block,
  message as messagesReply,
  textBlock,
  thinkingBlock,
  toolBlock,
} from '../../support/messages-events.ts'
import type { Provider, Script } from '../../support/provider.ts'
import { chunk, json } from '../../support/scripts.ts'
import { outcomeOf } from '../../support/waiting.ts'

type Sent = Readonly<Record<string, unknown>>

const seen = (toolCallId: string): InputPart => {
  return { type: 'tool-result', toolCallId, toolName: 'look', output: 'seen', isError: false }
}
const fragment = (id: string, fields: object = {}, called: object = {}): object => ({
  index: 0,
  id,
  ...fields,
  function: { name: 'look', arguments: '{}', ...called },
})
const finished = chunk({}, { finish_reason: 'tool_calls' })

/** Chunks as a stream, or one message as a JSON answer. */
const streams = (...deltas: readonly object[]): Script => {
  return (exchange) =>
    exchange.done(...deltas.map((delta) => chunk(delta as { content?: unknown })), finished)
}
const answers = (message: object): Script =>
  json({ choices: [{ index: 0, message, finish_reason: 'tool_calls' }] })

interface Asked {
  readonly provider: Provider
  readonly engine: Engine
  readonly id: string
  /** The assistant messages of the request with the results. */
  readonly own: readonly Sent[]
  /** The same of a request to another model, and to another provider. */
  readonly others: readonly (readonly Sent[])[]
}

/** Has a reply made, answers its calls, and notes what its maker and others are sent. */
async function sentBack(
  reply: Script,
  results: readonly string[],
  options: { dialect?: Dialect; quirks?: Quirks } = {},
): Promise<Asked> {
  const { dialect = 'chat-completions', quirks } = options
  const provider = await testProvider()
  const engine = await testEngine()
  const endpoint = { apiKey: 'k', model: 'm', dialect, ...(quirks && { quirks }) }
  await engine.putEndpoint('online', { ...endpoint, url: provider.url })
  const { id } = await engine.startConversation()
  const ask = async (to: Provider, input: string | readonly InputPart[], model?: string) => {
    const before = to.requests.length
    await outcomeOf((await engine.send(id, input, model === undefined ? {} : { model })).reply)
    const { body } = await to.request(before)
    const said = (body.messages ?? body.input) as readonly Sent[]
    return said.filter(({ role, type }) => role === 'assistant' || (!role && type))
  }
  provider.next(reply)
  await ask(provider, 'hi')
  const own = await ask(provider, results.length === 0 ? 'and?' : results.map(seen))
  const ofModel = await ask(provider, 'and?', 'other')
  const other = await testProvider()
  await engine.putEndpoint('online', { ...endpoint, url: other.url })
  const ofOther = await ask(other, 'and?')
  return { provider, engine, id, own, others: [ofModel, ofOther] }
}

describe('reasoning before calls in chat completions', () => {
  const text = { type: 'reasoning.text', text: 'Let me look.', index: 0 }
  const encrypted = { type: 'reasoning.encrypted', id: 't1', index: 0, data: 'c2lnbmF0dXJl' }

  test('goes back with its encrypted details, beside the calls', async () => {
    const { own, others } = await sentBack(
      streams(
        { reasoning: 'Let me look.', reasoning_details: [text] },
        { tool_calls: [fragment('t1')] },
        { content: '', reasoning_details: [encrypted] },
      ),
      ['t1'],
    )

    expect(own).toEqual([
      {
        role: 'assistant',
        content: null,
        reasoning: 'Let me look.',
        reasoning_details: [text, encrypted],
        tool_calls: [{ id: 't1', type: 'function', function: { name: 'look', arguments: '{}' } }],
      },
    ])
    expect(JSON.stringify(others)).not.toMatch(/reasoning|Let me look|c2lnbmF0dXJl/)
  })

  test.each([
    [
      'reasoning_details',
      ['I ', 'look.'].map((said) => ({ type: 'reasoning.text', text: said, index: 0 })),
      { type: 'reasoning.text', text: '', index: 0, signature: 'sig', format: 'anthropic' },
      { type: 'reasoning.text', text: 'I look.', index: 0, signature: 'sig', format: 'anthropic' },
    ],
    [
      'thinking_blocks',
      ['I ', 'look.'].map((thinking) => ({ type: 'thinking', thinking, signature: null })),
      { type: 'thinking', thinking: '', signature: 'sig' },
      { type: 'thinking', thinking: 'I look.', signature: 'sig' },
    ],
  ])('goes back in %s with its signature', async (list, pieces, signature, whole) => {
    const { own, others } = await sentBack(
      streams(
        ...pieces.map((piece) => ({ [list]: [piece] })),
        { [list]: [signature] },
        { content: 'I see.', tool_calls: [fragment('t1')] },
      ),
      ['t1'],
    )

    expect(own[0]).toMatchObject({ content: 'I see.', [list]: [whole] })
    expect(JSON.stringify(others)).not.toMatch(/sig|I look/)
  })

  test('goes back in one detail for each signed block', async () => {
    const piece = (index: number, fields: object) => {
      return { reasoning_details: [{ type: 'reasoning.text', index, ...fields }] }
    }
    const { own } = await sentBack(
      streams(
        piece(0, { text: 'a' }),
        piece(0, { signature: 's0' }),
        piece(1, { text: 'b' }),
        piece(1, { text: 'c' }),
        piece(1, { signature: 's1' }),
        { tool_calls: [fragment('t1')] },
      ),
      ['t1'],
    )

    expect(own[0]?.['reasoning_details']).toEqual([
      { type: 'reasoning.text', index: 0, text: 'a', signature: 's0' },
      { type: 'reasoning.text', index: 1, text: 'bc', signature: 's1' },
    ])
  })

  test('goes back once, where details came before the calls and after them', async () => {
    const signed = { ...text, text: '', signature: 'sig' }
    const { own } = await sentBack(
      streams(
        { reasoning: 'Let me look.', reasoning_details: [text] },
        { reasoning_details: [signed] },
        { content: 'I look.' },
        { tool_calls: [fragment('t1')] },
        { reasoning_details: [encrypted] },
      ),
      ['t1'],
    )

    expect(own[0]?.['reasoning_details']).toEqual([{ ...text, signature: 'sig' }, encrypted])
  })

  test('goes back with many details, each once and in order', async () => {
    const details = Array.from({ length: 50 }, (_, n) => {
      return { type: 'reasoning.encrypted', index: n, data: `d${n}` }
    })
    const { own } = await sentBack(
      streams(...details.map((detail) => ({ reasoning_details: [detail] })), {
        tool_calls: [fragment('t1')],
      }),
      ['t1'],
    )

    expect(own[0]?.['reasoning_details']).toEqual(details)
  })

  test.each(['reasoning_content', 'reasoning', 'reasoning_text', 'thinking'])(
    'goes back in %s, where it came, if it is plain',
    async (field) => {
      const { own, others } = await sentBack(
        streams({ [field]: 'I must ' }, { [field]: 'look.' }, { tool_calls: [fragment('t1')] }),
        ['t1'],
      )

      expect(own[0]).toMatchObject({ content: null, [field]: 'I must look.' })
      expect(JSON.stringify(others)).not.toContain('look.')
    },
  )

  test.each([
    ['a stream', (message: object) => streams(message)],
    ['a JSON answer', answers],
  ])('goes back as a list of content, as it came in %s', async (_, script) => {
    const thinking = { type: 'thinking', thinking: [{ type: 'text', text: 'I look.' }] }
    const { own, others } = await sentBack(
      script({
        content: [thinking, { type: 'text', text: 'So' }],
        tool_calls: [fragment('t1')],
      }),
      ['t1'],
    )

    expect(own[0]?.['content']).toEqual([thinking, { type: 'text', text: 'So' }])
    expect(others.map(([first]) => first?.['content'])).toEqual(['So', 'So'])
  })

  test('goes back from a JSON answer', async () => {
    const { own } = await sentBack(
      answers({
        reasoning_content: 'Hm.',
        reasoning_opaque: 'b3BhcXVl',
        content: null,
        tool_calls: [fragment('t1')],
      }),
      ['t1'],
    )

    expect(own[0]).toMatchObject({ reasoning_content: 'Hm.', reasoning_opaque: 'b3BhcXVl' })
  })

  test('goes back for calls of a reply that was cut after them', async () => {
    const provider = await testProvider()
    const engine = await testEngine()
    await engine.putEndpoint('online', { url: provider.url, apiKey: 'k', model: 'm' })
    const { id } = await engine.startConversation()
    provider.next((exchange) => {
      exchange.write(
        chunk({ reasoning_content: 'I look.' }),
        chunk({ tool_calls: [fragment('t1')] }),
        chunk({ reasoning_content: 'And th' }),
      )
      return exchange.closed
    })
    const cut = await engine.send(id, 'hi')
    for await (const { parts } of cut.snapshots()) if (parts.length === 3) break
    await cut.cancel()
    await outcomeOf(cut.reply)

    await outcomeOf((await engine.send(id, [seen('t1')])).reply)

    const { body } = await provider.request(1)
    expect(body.messages[1]).toMatchObject({ reasoning_content: 'I look.' })
  })

  test('goes back after a restart', async () => {
    const provider = await testProvider()
    const database = await testDatabase()
    const opened = async () => {
      const engine = await testEngine({ database })
      await engine.putEndpoint('online', { url: provider.url, apiKey: 'k', model: 'm' })
      return engine
    }
    const before = await opened()
    const { id } = await before.startConversation()
    provider.next(
      streams(
        { reasoning: 'Let me look.', reasoning_details: [text] },
        { tool_calls: [fragment('t1', { extra_content: { sign: 's' } })] },
        { reasoning_details: [encrypted] },
      ),
    )
    await (
      await before.send(id, 'hi')
    ).reply
    await before.close()

    const after = await opened()
    await outcomeOf((await after.send(id, [seen('t1')])).reply)

    const { body } = await provider.request(1)
    expect(body.messages[1]).toMatchObject({
      reasoning: 'Let me look.',
      reasoning_details: [text, encrypted],
      tool_calls: [{ id: 't1', extra_content: { sign: 's' } }],
    })
  })

  test('stays here without calls, if it is plain', async () => {
    const { own } = await sentBack(streams({ reasoning_content: 'Hm.' }, { content: 'So.' }), [])

    expect(own).toEqual([{ role: 'assistant', content: 'So.' }])
  })

  test('stays here where the host said so', async () => {
    const { own } = await sentBack(
      streams(
        { reasoning: 'Hm.', reasoning_details: [text, encrypted] },
        { tool_calls: [fragment('t1')] },
      ),
      ['t1'],
      { quirks: { sendReasoning: 'never' } },
    )

    expect(JSON.stringify(own)).not.toMatch(/reasoning|Hm/)
  })
})

describe('a refusal that names the reasoning of earlier replies', () => {
  /** The assistant messages of all requests, of which the second one is refused. */
  async function asked(message: string, replies: readonly Script[], quirks: Quirks = {}) {
    const provider = await testProvider()
    const engine = await testEngine()
    await engine.putEndpoint('online', { url: provider.url, apiKey: 'k', model: 'm', quirks })
    const { id } = await engine.startConversation()
    provider.next(...replies, json({ error: { message } }, { status: 400 }))
    await outcomeOf((await engine.send(id, 'hi')).reply)
    const [, reply] = await engine.listMessages(id)
    const isCalled = reply?.parts.some(({ type }) => type === 'tool-call')
    const outcome = await outcomeOf(
      (await engine.send(id, isCalled === true ? [seen('t1')] : 'and?')).reply,
    )
    const sent = provider.requests.map(({ body }) => (body.messages as Sent[])[1])
    return { outcome, sent: sent.slice(1) }
  }
  const called = streams({ reasoning_content: 'Hm.' }, { tool_calls: [fragment('t1')] })
  const told = streams({ reasoning_content: 'Hm.' }, { content: 'So.' })

  test.each([
    'The `reasoning_content` in the thinking mode must be passed back to the API.',
    'reasoning_content is missing in assistant message at index 1',
    'Missing required field: messages[1].reasoning_content',
  ])('has it sent with every reply: %s', async (message) => {
    const { outcome, sent } = await asked(message, [told])

    expect(outcome).toHaveProperty('value')
    expect(sent).toEqual([
      { role: 'assistant', content: 'So.' },
      { role: 'assistant', content: 'So.', reasoning_content: 'Hm.' },
    ])
  })

  test.each([
    "property 'messages.1.reasoning_content' is unsupported",
    'Extra inputs are not permitted: reasoning_content',
    'Unrecognized request argument supplied: reasoning_content',
    'The reasoning_content must not be part of the messages.',
  ])('has it kept here: %s', async (message) => {
    const { outcome, sent } = await asked(message, [called])

    expect(outcome).toHaveProperty('value')
    expect(sent.map((each) => each?.['reasoning_content'])).toEqual(['Hm.', undefined])
  })

  test.each<[string, string, Script, Quirks]>([
    ['the host decided', 'reasoning_content must be passed back', told, { sendReasoning: 'never' }],
    ['none was sent', 'reasoning_content is unsupported', told, {}],
    ['another field is named', 'reasoning_effort is unsupported', called, {}],
  ])('is the answer where %s', async (_, message, reply, quirks) => {
    const { outcome, sent } = await asked(message, [reply], quirks)

    expect(outcome).toMatchObject({ error: { code: 'request-rejected' } })
    expect(sent).toHaveLength(1)
  })
})

describe('extra fields of a call', () => {
  const extra = { extra_content: { google: { thought_signature: 'sig' } } }

  test.each<[string, object]>([
    ['extra_content', extra],
    ['provider_specific_fields', { provider_specific_fields: { thought_signature: 'sig' } }],
    ['a text', { thought_signature: 'sig' }],
    ['several', { ...extra, caller: { type: 'direct' } }],
  ])('go back to their maker only, like %s', async (_, fields) => {
    const { own, others } = await sentBack(
      streams({ tool_calls: [fragment('t1', fields)] }, { tool_calls: [{ index: 0, ...fields }] }),
      ['t1'],
    )

    expect(own[0]?.['tool_calls']).toEqual([
      { id: 't1', type: 'function', ...fields, function: { name: 'look', arguments: '{}' } },
    ])
    expect(JSON.stringify(others)).not.toMatch(/sig|google|caller|maker/)
  })

  test('go back in the function of the call, where they came', async () => {
    const { own } = await sentBack(
      answers({ tool_calls: [fragment('t1', {}, { thought_signature: 'sig' })] }),
      ['t1'],
    )

    expect(own[0]?.['tool_calls']).toMatchObject([
      { function: { name: 'look', arguments: '{}', thought_signature: 'sig' } },
    ])
  })

  test('cannot change what is called', async () => {
    const { own } = await sentBack(
      answers({
        tool_calls: [fragment('t1', { maker: 'x', dialect: 'messages', reasoningField: 'role' })],
      }),
      ['t1'],
    )

    expect(own).toEqual([
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ id: 't1', type: 'function', function: { name: 'look', arguments: '{}' } }],
      },
    ])
  })

  test('go back in Responses and Messages too', async () => {
    const fields = { thought_signature: 'sig' }
    const item = { type: 'function_call', id: 'fc_1', call_id: 't1', name: 'look', arguments: '{}' }
    const inResponses = await sentBack(
      json({ status: 'completed', output: [{ ...item, status: 'completed', ...fields }] }),
      ['t1'],
      { dialect: 'responses' },
    )
    expect(inResponses.own[0]).toEqual({
      type: 'function_call',
      call_id: 't1',
      name: 'look',
      arguments: '{}',
      ...fields,
    })
    const use = { type: 'tool_use', id: 't1', name: 'look', input: {}, ...fields }
    const inMessages = await sentBack(messagesReply(block(0, use), 'tool_use'), ['t1'], {
      dialect: 'messages',
    })
    expect(inMessages.own[0]?.['content']).toEqual([use])
    for (const { others } of [inResponses, inMessages]) {
      expect(JSON.stringify(others)).not.toContain('sig')
    }
  })

  test('do not go to the same model in another dialect', async () => {
    const { provider, engine, id } = await sentBack(
      streams({ reasoning: 'Hm.' }, { tool_calls: [fragment('t1', extra)] }),
      ['t1'],
    )
    const before = provider.requests.length
    const endpoint = { url: provider.url, apiKey: 'k', model: 'm', dialect: 'messages' } as const
    await engine.putEndpoint('online', endpoint)
    await outcomeOf((await engine.send(id, 'and?')).reply)

    const { body } = await provider.request(before)
    expect(body.messages[1].content).toEqual([
      { type: 'tool_use', id: 't1', name: 'look', input: {} },
    ])
  })
})

describe('thinking before calls in Messages', () => {
  const thought = 'I have to look.'
  const use = toolBlock(1, 't1', 'look', '{}')

  test.each([
    [
      'a stream',
      messagesReply(
        [
          ...block(
            0,
            { type: 'thinking', thinking: '' },
            { type: 'thinking_delta', thinking: 'I have ' },
            { type: 'thinking_delta', thinking: 'to look.' },
          ),
          ...use,
        ],
        'tool_use',
      ),
    ],
    [
      'an empty signature',
      messagesReply(
        [
          ...block(
            0,
            { type: 'thinking', thinking: '', signature: '' },
            { type: 'thinking_delta', thinking: thought },
          ),
          ...use,
        ],
        'tool_use',
      ),
    ],
    [
      'a JSON answer',
      json({
        type: 'message',
        content: [
          { type: 'thinking', thinking: thought },
          { type: 'tool_use', id: 't1', name: 'look', input: {} },
        ],
        stop_reason: 'tool_use',
      }),
    ],
  ])('goes back without a signature, where it came without one in %s', async (_, script) => {
    const { own, others } = await sentBack(script, ['t1'], { dialect: 'messages' })

    expect(own[0]?.['content']).toEqual([
      { type: 'thinking', thinking: thought },
      { type: 'tool_use', id: 't1', name: 'look', input: {} },
    ])
    expect(JSON.stringify(others)).not.toContain('thinking')
  })

  test('stays here if its signature never came and the others did', async () => {
    const { own } = await sentBack(
      messagesReply(
        [
          ...block(
            0,
            { type: 'thinking', thinking: '' },
            { type: 'thinking_delta', thinking: 'a' },
          ),
          ...thinkingBlock(1, 's', 'b'),
          ...toolBlock(2, 't1', 'look', '{}'),
        ],
        'tool_use',
      ),
      ['t1'],
      { dialect: 'messages' },
    )

    expect(own[0]?.['content']).toEqual([
      { type: 'thinking', thinking: 'b', signature: 's' },
      { type: 'tool_use', id: 't1', name: 'look', input: {} },
    ])
  })

  test('stays here without calls, if it is not signed', async () => {
    const { own } = await sentBack(
      messagesReply([
        ...block(0, { type: 'thinking', thinking: '' }),
        added(0, { type: 'thinking_delta', thinking: thought }),
        ...textBlock(1, 'So.'),
      ]),
      [],
      { dialect: 'messages' },
    )

    expect(own[0]?.['content']).toEqual([{ type: 'text', text: 'So.' }])
  })
})

describe('a picture in a reply', () => {
  const png = 'data:image/png;base64,AAAA'
  const address = 'https://x.example/a.jpg'

  /** What is sent of a reply with this picture, which the asked model made or another one. */
  async function sent(
    dialect: Dialect,
    by: 'itself' | 'another' | 'nobody',
    url: string,
    more: readonly InputPart[] = [],
    source: object = {},
  ): Promise<readonly Sent[]> {
    const provider = await testProvider()
    const engine = await testEngine()
    await engine.putEndpoint('online', { url: provider.url, apiKey: 'k', model: 'm', dialect })
    const target = { endpoint: 'online', url: provider.url, dialect, headers: {}, direct: false }
    const maker = providerFingerprint({ target, model: by === 'itself' ? 'm' : 'other' })
    const mediaType = url === png ? 'image/png' : 'image/jpg'
    const picture: InputPart = {
      type: 'file',
      mediaType,
      url,
      ...(by !== 'nobody' && { providerData: { maker, ...source } }),
    }
    const { id } = await engine.startConversation({
      messages: [
        { role: 'user', content: 'Draw' },
        { role: 'assistant', content: [...more, picture] },
      ],
    })
    await outcomeOf((await engine.send(id, 'and?')).reply)
    const { body } = await provider.request(0)
    return ((body.messages ?? body.input) as Sent[]).slice(1, -1)
  }

  const here: InputPart = { type: 'text', text: 'Here.' }
  const text = { type: 'text', text: 'Here.' }
  const image = { type: 'image_url', image_url: { url: png } }

  test('goes back to the model that made it, in the form of its dialect', async () => {
    expect(await sent('chat-completions', 'itself', png, [here])).toEqual([
      { role: 'assistant', content: 'Here.', images: [image] },
    ])
    expect(await sent('chat-completions', 'itself', png)).toEqual([
      { role: 'assistant', content: '[Picture: image/png]', images: [image] },
    ])
    const item = {
      type: 'image_generation_call',
      id: 'ig_1',
      status: 'completed',
      result: 'AAAA',
    }
    const source = { type: 'image_generation_call', id: 'ig_1' }
    expect(await sent('responses', 'itself', png, [here], source)).toEqual([
      { role: 'assistant', content: 'Here.' },
      item,
    ])
    // A picture that was no item of its own has no form in which it could go back.
    expect(await sent('responses', 'itself', png, [here])).toEqual([
      { role: 'assistant', content: 'Here.\n[Picture: image/png]' },
    ])
    const bytes = { type: 'base64', media_type: 'image/png', data: 'AAAA' }
    expect(await sent('messages', 'itself', png, [here])).toEqual([
      { role: 'assistant', content: [text, { type: 'image', source: bytes }] },
    ])
  })

  test.each(['another', 'nobody'] as const)(
    'is named in a line of text if %s made it',
    async (by) => {
      const named = [{ role: 'assistant', content: 'Here.\n[Picture: image/png]' }]
      expect(await sent('chat-completions', by, png, [here])).toEqual(named)
      expect(await sent('responses', by, png, [here])).toEqual(named)
      expect(await sent('messages', by, png, [here])).toEqual([
        { role: 'assistant', content: [{ ...text, text: 'Here.\n[Picture: image/png]' }] },
      ])
    },
  )

  test('is named with its address', async () => {
    expect(await sent('chat-completions', 'nobody', address)).toEqual([
      { role: 'assistant', content: `[Picture: image/jpeg, ${address}]` },
    ])
  })
})
