/** Fields that nobody asked for, and servers that refuse them; models that answer only in streams. */
import { describe, expect, test } from 'vitest'
import type { Dialect } from '../../src/index.ts'
import { reply as answer } from '../../src/testing.ts'
import type { ReplyRequest } from '../../src/transport/reply-request.ts'
import { startProvider } from '../support/provider.ts'
import type { Exchange, Script } from '../support/provider.ts'
import { json } from '../support/scripts.ts'
import { ask, reply, requestTo, targetAt, transportFor } from './asking.ts'

type Body = Record<string, unknown>

const TOOLS = { look: { description: 'Looks.', inputSchema: { type: 'object' } } }
const CALL = { toolCallId: 'c', toolName: 'look' }
const CALLED: ReplyRequest['messages'] = [
  { role: 'user', parts: [{ type: 'text', text: 'hi' }] },
  {
    role: 'assistant',
    parts: [
      { type: 'tool-call', ...CALL, input: {}, inputText: '{}' },
      { type: 'tool-result', ...CALL, output: 'seen', isError: false },
      { type: 'text', text: 'It is.' },
    ],
  },
  { role: 'user', parts: [{ type: 'text', text: 'why?' }] },
]
const PICTURE: ReplyRequest['messages'] = [
  {
    role: 'user',
    parts: [
      { type: 'text', text: 'what is this?' },
      { type: 'file', mediaType: 'image/png', url: 'https://pictures.example/1.png' },
    ],
  },
]

interface Row {
  readonly dialect: Dialect
  /** Returns true if the body has the field. */
  readonly has: (body: Body) => boolean
  readonly fields?: Partial<ReplyRequest>
}

const nested = (body: Body, name: string): boolean => JSON.stringify(body).includes(`"${name}":`)

const FIELDS = {
  include: { dialect: 'responses', has: (body) => 'include' in body },
  store: { dialect: 'responses', has: (body) => 'store' in body },
  strict: { dialect: 'responses', has: (body) => nested(body, 'strict'), fields: { tools: TOOLS } },
  detail: {
    dialect: 'responses',
    has: (body) => nested(body, 'detail'),
    fields: { messages: PICTURE },
  },
  tool_choice: {
    dialect: 'messages',
    has: (body) => 'tool_choice' in body,
    fields: { messages: CALLED },
  },
  stream_options: { dialect: 'chat-completions', has: (body) => 'stream_options' in body },
} satisfies Record<string, Row>

/** Refuses requests with the field, and answers the others. */
function refusing({ has }: Row, error: unknown, status: number): Script {
  return (exchange: Exchange) =>
    has(exchange.body as Body) ? json(error, { status }) : answer('a')
}

test.each<[keyof typeof FIELDS, number, unknown]>([
  [
    'include',
    400,
    { error: { message: 'Encrypted content is not supported with this model.', param: 'include' } },
  ],
  ['include', 400, { error: { message: 'Encrypted content is not supported with this model.' } }],
  ['include', 422, { error: { message: 'No.', param: 'include[0]' } }],
  ['include', 400, { error: { message: "Unknown parameter: 'include'." } }],
  [
    'include',
    422,
    { detail: [{ loc: ['body', 'include'], msg: 'Extra inputs are not permitted' }] },
  ],
  ['store', 400, { error: { message: 'Unrecognized request argument supplied: store' } }],
  ['store', 400, { message: 'store is not supported' }],
  ['store', 400, { error: { message: 'No.', param: 'body.store' } }],
  ['strict', 400, { error: { message: "Unknown parameter: 'tools[0].strict'." } }],
  ['strict', 422, { detail: [{ loc: ['body', 'tools', 0, 'strict'], msg: 'Extra inputs' }] }],
  ['strict', 400, { error: { message: 'No.', param: 'tools[3].strict' } }],
  ['detail', 400, { error: { message: 'No.', param: 'input[0].content[1].detail' } }],
  ['tool_choice', 400, { type: 'error', error: { message: 'tool_choice: Input should be auto' } }],
  ['stream_options', 400, { error: { message: 'No.', param: 'stream_options' } }],
  ['stream_options', 422, { message: { detail: [{ loc: ['body', 'stream_options'], msg: 'x' }] } }],
])('asks again without %s after %i %j, and remembers it', async (name, status, error) => {
  const row: Row = FIELDS[name]
  await using provider = await startProvider()
  await using transport = transportFor()
  provider.always(refusing(row, error, status))
  const target = targetAt(provider.url, { dialect: row.dialect })
  const request = requestTo('', { ...row.fields, target })

  const replies = []
  for (const model of ['m', 'm', 'other']) {
    replies.push(await ask(transport, { ...request, model }).ended)
  }

  expect(replies.map(({ text }) => text)).toEqual(['a', 'a', 'a'])
  expect(replies[0]?.calls).toEqual(['started', 'deltas', 'finished'])
  const bodies = provider.requests.map(({ body }) => body as Body)
  expect(bodies.map(row.has)).toEqual([true, false, false, true, false])
  const rest = (body: Body | undefined): string =>
    JSON.stringify(body, (key, value: unknown) => (key === name ? undefined : value))
  expect(rest(bodies[1])).toBe(rest(bodies[0]))
})

test.each<[string, keyof typeof FIELDS, Partial<ReplyRequest>, number, object]>([
  ['the host has set it', 'include', { extraBody: { include: ['x'] } }, 400, { param: 'include' }],
  [
    'the host has set what holds it',
    'strict',
    { extraBody: { tools: [{ strict: true }] } },
    400,
    { param: 'tools[0].strict' },
  ],
  ['it was not sent', 'strict', {}, 400, { param: 'tools[0].strict' }],
  ['a word only sounds like it', 'include', {}, 400, { message: 'Messages must include a user.' }],
  ['a word only sounds like it', 'store', {}, 400, { message: 'The app store is closed.' }],
  ['another field is named', 'include', {}, 400, { message: 'No.', param: 'included' }],
  ['the status is another', 'include', {}, 403, { param: 'include' }],
])('does not ask again where %s', async (_, name, fields, status, error) => {
  await using provider = await startProvider()
  provider.always(json({ error: { message: 'No.', ...error } }, { status }))
  const target = targetAt(provider.url, { dialect: FIELDS[name].dialect })

  const asked = await reply('', { target, ...fields })

  expect(asked.error?.status).toBe(status)
  expect(provider.requests).toHaveLength(1)
})

test('forgets what did not help: the field was not the cause', async () => {
  await using provider = await startProvider()
  await using transport = transportFor()
  const request = requestTo('', { target: targetAt(provider.url, { dialect: 'responses' }) })
  provider.next(
    json({ error: { message: "Bad 'include'." } }, { status: 400 }),
    json({ error: { message: 'Bad input.' } }, { status: 400 }),
  )

  expect((await ask(transport, request).ended).error?.message).toContain('Bad input.')
  await ask(transport, request).ended

  expect(provider.requests.map(({ body }) => 'include' in body)).toEqual([true, false, true])
})

test('asks a server that refuses everything at most once for each field', async () => {
  await using provider = await startProvider()
  const message = "Unknown: 'include', 'store', 'tools[0].strict', and encrypted content"
  provider.always(json({ error: { message } }, { status: 400 }))

  const { error } = await reply('', {
    tools: TOOLS,
    target: targetAt(provider.url, { dialect: 'responses' }),
  })

  expect(error?.code).toBe('request-rejected')
  expect(provider.requests).toHaveLength(2)
  expect(error).not.toHaveProperty('refusal')
})

describe('a model that answers only in streams', () => {
  const STREAMED = [
    'parameter.enable_thinking must be set to false for non-streaming calls',
    'This model only support stream mode, please enable the stream parameter to access the model.',
    'Stream must be set to true',
    'Streaming is required for this model',
    'stream=false is not allowed here',
    'Only streaming requests are served',
    "Unsupported value: 'stream' does not support false with this model.",
    'body.stream: Input should be True',
  ]
  const onlyStreams =
    (message: string, status: number): Script =>
    ({ body }) =>
      (body as Body)['stream'] === true
        ? answer(['An', ' answer'])
        : json({ error: { message } }, { status })

  test.each(
    STREAMED.flatMap((message, n) =>
      (['chat-completions', 'responses', 'messages'] as const).map(
        (dialect) => [dialect, message, n % 2 === 0 ? 400 : 422] as const,
      ),
    ),
  )('is asked for a stream in %s after %j', async (dialect, message, status) => {
    await using provider = await startProvider()
    await using transport = transportFor()
    provider.always(onlyStreams(message, status))
    const target = targetAt(provider.url, { dialect })
    const request = requestTo('', { target, stream: false })

    const first = await ask(transport, request).ended
    const second = await ask(transport, request).ended

    expect([first.text, second.text]).toEqual(['An answer', 'An answer'])
    if (dialect === 'chat-completions') {
      expect(provider.requests[1]?.body).toHaveProperty('stream_options')
    }
    const streams = provider.requests.map(({ body, headers }) => [
      (body as Body)['stream'],
      headers.accept,
    ])
    expect(streams).toEqual([
      [false, 'application/json'],
      [true, 'text/event-stream'],
      [true, 'text/event-stream'],
    ])
  })

  test('says how it refuses what it is asked for as a stream', async () => {
    await using provider = await startProvider()
    provider.always(json({ error: { message: 'Streaming is required' } }, { status: 400 }))

    const { error } = await reply(provider.url, { stream: true })

    expect(error?.code).toBe('request-rejected')
    expect(provider.requests).toHaveLength(1)
  })
})
