/** Quirks: set by the host, or learned from a refusal. */
import { expect, test } from 'vitest'
import type { Quirks } from '../../src/protocol/endpoint.ts'
import type { ReplyRequest } from '../../src/transport/reply-request.ts'
import { startProvider } from '../support/provider.ts'
import type { Exchange, Script } from '../support/provider.ts'
import { json } from '../support/scripts.ts'
import { ask, reply, requestTo, targetAt, transportFor } from './asking.ts'

/** The body of a request to an endpoint with these quirks. */
async function sent(quirks: Quirks, fields: Partial<ReplyRequest> = {}): Promise<Exchange['body']> {
  await using provider = await startProvider()
  await reply(provider.url, { ...fields, target: targetAt(provider.url, { quirks }) })
  return provider.requests[0]?.body
}

test('writes requests as the switches of the endpoint say', async () => {
  const system = 'Be brief.'
  const settings = { maxOutputTokens: 9 }

  expect(await sent({ streamOptions: false })).not.toHaveProperty('stream_options')
  expect(await sent({ streamOptions: true })).toHaveProperty('stream_options')
  const renamed = await sent({ maxTokensField: 'max_completion_tokens' }, { settings })
  expect(renamed).toMatchObject({ max_completion_tokens: 9 })
  expect(renamed).not.toHaveProperty('max_tokens')
  expect((await sent({ systemRole: 'developer' }, { system })).messages[0]).toEqual({
    role: 'developer',
    content: system,
  })
})

test('merges the extra fields of the endpoint over the body, and those of the send over them', async () => {
  const body = await sent(
    { extraBody: { a: 1, b: 1, temperature: 1, stream: false } },
    { extraBody: { b: 2 }, settings: { temperature: 0 } },
  )

  expect(body).toMatchObject({ a: 1, b: 2, temperature: 1, stream: true })
})

test.each(['reasoning_content', 'reasoning', 'reasoning_text'] as const)(
  'sends reasoning back in %s, beside what was said and called after it',
  async (field) => {
    const thinks = (text: string) => ({ type: 'reasoning', text }) as const
    const call = { toolCallId: 'c', toolName: 'look' }
    const messages: ReplyRequest['messages'] = [
      { role: 'user', parts: [{ type: 'text', text: 'hi' }] },
      {
        role: 'assistant',
        parts: [
          thinks('I must '),
          thinks('look.'),
          { type: 'tool-call', ...call, input: {}, inputText: '{}' },
          { type: 'tool-result', ...call, output: 'seen', isError: false },
          thinks('Now I know.'),
          { type: 'text', text: 'It is.' },
        ],
      },
      { role: 'assistant', parts: [thinks('alone')] },
      { role: 'user', parts: [{ type: 'text', text: 'why?' }] },
    ]

    const returned = await sent({ sendReasoning: field }, { messages })
    const kept = await sent({ sendReasoning: 'never' }, { messages })

    expect(returned.messages).toMatchObject([
      { role: 'user' },
      { role: 'assistant', content: null, [field]: 'I must look.', tool_calls: [{ id: 'c' }] },
      { role: 'tool' },
      { role: 'assistant', content: 'It is.', [field]: 'Now I know.' },
      { role: 'user' },
    ])
    expect(JSON.stringify(kept)).not.toMatch(/look\.|know|alone/)
    expect(kept.messages.length).toBe(5)
  },
)

/** Refuses requests that have the field, and answers the others. */
const refusing =
  (field: string, message: string, status = 400): Script =>
  (exchange) => {
    if (field in exchange.body) return json({ error: { message } }, { status })(exchange)
    exchange.done({ choices: [{ index: 0, delta: { content: 'a' }, finish_reason: 'stop' }] })
    return undefined
  }

test.each([
  ['stream_options', 'Unrecognized request argument supplied: stream_options', 400],
  ['stream_options', 'body.stream_options: Extra inputs are not permitted', 422],
  [
    'max_tokens',
    "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
    400,
  ],
])(
  'asks again at once without %s where that is refused, and remembers it',
  async (field, message, status) => {
    await using provider = await startProvider()
    await using transport = transportFor()
    provider.always(refusing(field, message, status))
    const settings = { maxOutputTokens: 7 }
    const request = requestTo(provider.url, { settings })

    const first = await ask(transport, request).ended
    const second = await ask(transport, request).ended
    const other = await ask(transport, { ...request, model: 'other' }).ended

    expect([first.text, second.text, other.text]).toEqual(['a', 'a', 'a'])
    expect(first.calls).toEqual(['started', 'deltas', 'finished'])
    // The second request was right at once. Another model may be another server, so it learns anew.
    expect(provider.requests.map(({ body }) => field in body)).toEqual([
      true,
      false,
      false,
      true,
      false,
    ])
    const [refused, accepted] = provider.requests.map(({ body }) => body)
    if (field === 'max_tokens') expect(accepted.max_completion_tokens).toBe(7)
    delete refused[field]
    delete accepted.max_completion_tokens
    expect(accepted).toEqual(refused)
  },
)

test('learns one thing after the other, and no more than there is to learn', async () => {
  await using provider = await startProvider()
  const settings = { maxOutputTokens: 7 }
  const message = 'no stream_options, and max_completion_tokens for max_tokens'
  provider.always(json({ error: { message } }, { status: 400 }))

  const { error, calls } = await reply(provider.url, { settings })

  expect(error).toMatchObject({ code: 'request-rejected', status: 400 })
  expect(calls).toEqual(['failed'])
  expect(
    provider.requests.map(({ body }) => [
      'stream_options' in body,
      'max_tokens' in body,
      'max_completion_tokens' in body,
    ]),
  ).toEqual([
    [true, true, false],
    [false, true, false],
    [false, false, true],
  ])
})

test.each<[string, Partial<ReplyRequest>, Quirks, number, string]>([
  ['the host has said so', {}, { streamOptions: true }, 400, 'no stream_options'],
  [
    'the host has said so',
    { settings: { maxOutputTokens: 7 } },
    { maxTokensField: 'max_tokens' },
    400,
    'max_tokens: use max_completion_tokens',
  ],
  ['the host has sent it', { extraBody: { stream_options: {} } }, {}, 400, 'no stream_options'],
  ['it was not sent', { stream: false }, {}, 400, 'no stream_options'],
  [
    'it is a question of the count',
    { settings: { maxOutputTokens: 7 } },
    {},
    400,
    'max_tokens is too large',
  ],
  ['the status is another', {}, {}, 500, 'no stream_options'],
  ['the status is another', {}, {}, 401, 'no stream_options'],
  ['nothing is named', {}, {}, 400, 'no'],
])('does not ask again where %s', async (_, fields, quirks, status, message) => {
  await using provider = await startProvider()
  provider.always(json({ error: { message } }, { status }))

  const { error } = await reply(provider.url, {
    ...fields,
    target: targetAt(provider.url, { quirks }),
  })

  expect(error?.status).toBe(status)
  expect(provider.requests.length).toBe(1)
})

test('can be aborted before it asks again', async () => {
  await using provider = await startProvider()
  await using transport = transportFor()
  provider.always(async (exchange) => {
    if ('stream_options' in exchange.body) {
      return json({ error: 'no stream_options' }, { status: 400 })(exchange)
    }
    exchange.open()
    return exchange.closed
  })
  const asked = ask(transport, requestTo(provider.url))
  const second = await provider.request(1)

  expect(asked.handle.abort()).toBe(true)

  await second.closed
  expect(asked.calls).not.toContain('failed')
})
