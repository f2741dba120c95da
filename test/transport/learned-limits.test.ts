/** Limits that a server tells only when it refuses: of the tokens of a reply, of the ids of calls. */
import { describe, expect, test } from 'vitest'
import type { Dialect } from '../../src/index.ts'
import { reply as answer } from '../../src/testing.ts'
import { providerFingerprint } from '../../src/transport/dialects/provider-fingerprint.ts'
import type { ReplyRequest } from '../../src/transport/reply-request.ts'
import { startProvider } from '../support/provider.ts'
import type { Exchange, Script } from '../support/provider.ts'
import { json } from '../support/scripts.ts'
import { ask, reply, requestTo, targetAt, transportFor } from './asking.ts'

const refused = (message: string, status = 400): Script => json({ error: { message } }, { status })

describe('the default of max_tokens', () => {
  const tokensOf = ({ body }: Exchange): unknown => (body as { max_tokens?: unknown }).max_tokens

  test.each([
    ['max_tokens: 8192 > 4096, which is the maximum allowed number of output tokens for m', 4096],
    ['The maximum tokens you requested exceeds the model limit of 4096.', 4096],
    ['Try again with a maximum tokens value that is lower than 4097.', 4096],
    ['Invalid max_tokens value, the valid range of max_tokens is [1, 4096]', 4096],
    ['the valid range of max_tokens is [1,512]', 512],
    ['max_tokens must be between 1 and 4096', 4096],
    ['body.max_tokens: Input should be less than or equal to 4096', 4096],
    ['max_tokens (8192) must be at most 4,096', 4096],
    ['max_tokens is too large: 8192. This model supports at most 4096 completion tokens', 4096],
    ['Maximum number of tokens cannot exceed 1000', 1000],
    [
      "'max_tokens' is too large: 8192. This model's maximum context length is 4096 tokens and your request has 50 input tokens (8192 > 4096 - 50).",
      2048,
    ],
  ])('is lowered after %j, and stays so', async (message, limit) => {
    await using provider = await startProvider()
    await using transport = transportFor()
    provider.always((exchange) =>
      Number(tokensOf(exchange)) > limit ? refused(message) : answer('a'),
    )
    const request = requestTo('', { target: targetAt(provider.url, { dialect: 'messages' }) })

    const first = await ask(transport, request).ended
    const second = await ask(transport, request).ended

    expect([first.text, second.text]).toEqual(['a', 'a'])
    expect(provider.requests.map(tokensOf)).toEqual([8192, limit, limit])
  })

  test.each<[string, Partial<ReplyRequest>, string, number]>([
    [
      'the host has set one',
      { settings: { maxOutputTokens: 9000 } },
      'max_tokens: 9000 > 4096',
      400,
    ],
    ['the host has sent one', { extraBody: { max_tokens: 9000 } }, 'max_tokens: 9000 > 4096', 400],
    ['no limit is named', {}, 'max_tokens is too large', 400],
    ['the limit is higher', {}, 'max_tokens must be at most 9000', 400],
    ['the limit is none that a model has', {}, 'max_tokens must be less than 2', 400],
    ['something else is limited', {}, 'tools: at most 128 are allowed', 400],
    ['the status is another', {}, 'max_tokens: 8192 > 4096', 403],
  ])('is not lowered where %s', async (_, fields, message, status) => {
    await using provider = await startProvider()
    provider.always(refused(message, status))

    const target = targetAt(provider.url, { dialect: 'messages' })
    const { error } = await reply('', { ...fields, target })

    expect(error?.status).toBe(status)
    expect(provider.requests).toHaveLength(1)
  })

  test('is lowered a few times in one request, and not for ever', async () => {
    await using provider = await startProvider()
    provider.always((exchange) => refused(`max_tokens: at most ${Number(tokensOf(exchange)) - 1}`))

    const { error } = await reply('', { target: targetAt(provider.url, { dialect: 'messages' }) })

    expect(error?.code).toBe('request-rejected')
    expect(provider.requests.length).toBeLessThan(10)
  })
})

describe('ids of calls', () => {
  interface Sent {
    readonly tool_calls?: readonly { readonly id: string }[]
    readonly tool_call_id?: string
  }
  /** The ids of the calls and those of the results, in order. */
  const idsOf = ({ body }: Exchange): readonly [string[], string[]] => {
    const { messages } = body as unknown as { messages: readonly Sent[] }
    return [
      messages.flatMap(({ tool_calls: calls = [] }) => calls.map(({ id }) => id)),
      messages.flatMap(({ tool_call_id: id }) => (id === undefined ? [] : [id])),
    ]
  }
  const call = (toolCallId: string, providerData?: unknown) =>
    [
      { type: 'tool-call', toolCallId, toolName: 'look', input: {}, inputText: '{}', providerData },
      { type: 'tool-result', toolCallId, toolName: 'look', output: 'seen', isError: false },
    ] as const
  const historyOf = (...calls: ReturnType<typeof call>[]): ReplyRequest['messages'] => [
    { role: 'user', parts: [{ type: 'text', text: 'hi' }] },
    {
      role: 'assistant',
      parts: [...calls.map(([asked]) => asked), ...calls.map(([, seen]) => seen)],
    },
    { role: 'user', parts: [{ type: 'text', text: 'why?' }] },
  ]
  /** As strict as Mistral, and as the templates of its models. */
  const strict =
    (message: string): Script =>
    (exchange) => {
      const fits = idsOf(exchange)
        .flat()
        .every((id) => /^[a-z\d]{9}$/i.test(id))
      return fits ? answer('a') : refused(message)
    }

  test.each([
    'Tool call id was call_1 but must be a-z, A-Z, 0-9, with a length of 9.',
    'Tool call IDs should be alphanumeric strings with length 9!',
    'tool_call_id must be a-z, A-Z, 0-9,\nwith a length of 9',
  ])('are of letters and digits alone after %j, and stay so', async (message) => {
    await using provider = await startProvider()
    await using transport = transportFor()
    provider.always(strict(message))
    const target = targetAt(provider.url)
    const own = { maker: providerFingerprint({ target, model: 'm' }), dialect: target.dialect }
    const long = `call_${'x'.repeat(80)}`
    const messages = historyOf(
      call('call_1'),
      call('D681PevKs'),
      call('call_1'),
      call(long, own),
      call('functions.look:0'),
    )
    const request = requestTo(provider.url, { messages })

    const first = await ask(transport, request).ended
    const second = await ask(transport, request).ended

    expect([first.text, second.text]).toEqual(['a', 'a'])
    const sent = provider.requests.map(idsOf)
    expect(sent).toHaveLength(3)
    // Refused: as everywhere else.
    expect(sent[0]?.[0]).toEqual(['call_1', 'D681PevKs', 'call_1_1', long, 'functions_look_0'])
    const [calls, results] = sent[1] ?? [[], []]
    expect(results).toEqual(calls)
    expect(new Set(calls).size).toBe(5)
    expect(calls[1]).toBe('D681PevKs')
    // The same id for a call in each request, so that providers can cache the beginning.
    expect(sent[2]).toEqual(sent[1])
  })

  test.each<[string, Dialect, ReplyRequest['messages'] | undefined, string]>([
    ['there is no call', 'chat-completions', undefined, 'Tool call id: with a length of 9.'],
    ['no length is named', 'chat-completions', historyOf(call('a')), 'Tool call id is wrong.'],
    ['ids would meet', 'chat-completions', historyOf(call('a')), 'Tool call id of length 2'],
    ['the dialect is another', 'responses', historyOf(call('a')), 'call_id: of length 9'],
  ])('stay as they are where %s', async (_, dialect, messages, message) => {
    await using provider = await startProvider()
    provider.always(refused(message))

    const target = targetAt(provider.url, { dialect })
    const { error } = await reply('', { target, ...(messages && { messages }) })

    expect(error?.code).toBe('request-rejected')
    expect(provider.requests).toHaveLength(1)
  })
})
