/** Errors without the form of one: a code that is no success, and a text. */
import { describe, expect, test } from 'vitest'
import type { Dialect } from '../../../src/protocol/endpoint.ts'
import { startProvider } from '../../support/provider.ts'
import { chunk, json } from '../../support/scripts.ts'
import { reply, targetAt } from '../asking.ts'
import type { AskedReply } from '../asking.ts'
import { decoded } from '../decoding-twice.ts'
import { expectGrowth } from '../../support/growth.ts'

const DIALECTS: readonly Dialect[] = ['chat-completions', 'responses', 'messages']

/** Each error, and the code that it gives. */
const ERRORS: readonly (readonly [string, object, string | undefined])[] = [
  ['MiniMax', { base_resp: { status_code: 1008, status_msg: 'no way' } }, '1008'],
  ['MiniMax in a stream', { base_resp: { status_code: 1004, status_msg: 'no way' } }, '1004'],
  ['z.ai', { code: 1302, msg: 'no way' }, '1302'],
  ['DashScope', { code: 'Throttling', message: 'no way', request_id: 'r' }, 'Throttling'],
  ['ERNIE', { error_code: 336003, error_msg: 'no way', id: 'as-1' }, '336003'],
  ['Spark', { header: { code: 10013, message: 'no way', sid: 's', status: 2 } }, '10013'],
  ['camel case', { errorCode: 'E7', errorMessage: 'no way' }, 'E7'],
  ['AWS', { Code: 'Denied', Message: 'no way' }, 'Denied'],
  ['a flag', { success: false, message: 'no way' }, undefined],
  ['a flag as text', { ok: 'false', reason: 'no way' }, undefined],
  ['a status', { status: 'error', message: 'no way' }, 'error'],
  ['an HTTP status', { status: 429, message: 'no way' }, '429'],
  ['a code below zero', { ret: -1, errmsg: 'no way' }, '-1'],
  ['a code as text', { code: '50001', msg: 'no way' }, '50001'],
  ['vLLM', { object: 'error', message: 'no way', type: 'BadRequestError', code: 400 }, '400'],
  [
    'Mistral',
    {
      object: 'error',
      message: { detail: [{ loc: ['body', 'safe_mode'], msg: 'no way' }] },
      type: 'invalid_request_error',
    },
    'invalid_request_error',
  ],
  ['a type', { type: 'InternalServerError', message: 'no way' }, 'InternalServerError'],
  ['an exception', { __type: 'ThrottlingException', message: 'no way' }, 'ThrottlingException'],
  ['Cloudflare', { success: false, errors: [{ code: 7003, message: 'no way' }] }, '7003'],
  ['a list of errors', { errors: [{ message: 'no way' }], data: null }, undefined],
  ['a list of texts', { errors: ['no way'] }, undefined],
  ['a level below', { payload: { error: { message: 'no way', code: 'E1' } } }, 'E1'],
  ['Groq', { x_groq: { id: 'r', error: 'no way' } }, undefined],
]

/** Objects that report nothing, or a success. */
const NO_ERRORS: readonly object[] = [
  { base_resp: { status_code: 0, status_msg: '' } },
  { base_resp: { status_code: 0, status_msg: 'success' } },
  { code: 0, msg: 'ok' },
  { code: 200, message: 'OK' },
  { code: '000000', message: 'fine' },
  { code: 20000, message: 'Success' },
  { success: true, message: 'done' },
  { status: 'processing', message: 'Searching the web' },
  { code: 7 },
  { message: 'no code' },
  { code: { code: { code: 7, message: 'too deep' } } },
  { code: null, message: 'nothing' },
  { code: [], message: {} },
  { errors: [] },
  { errors: {}, success: true, message: 'done' },
  { object: 'status', message: 'still at it' },
  { x_groq: { id: 'r', error: null } },
]

async function asked(dialect: Dialect, ...events: readonly object[]): Promise<AskedReply> {
  await using provider = await startProvider()
  provider.next((exchange) => exchange.done(...events))
  return await reply('', { target: targetAt(provider.url, { dialect }) })
}

describe.each(ERRORS)('the error of %s', (_, error, code) => {
  test.each(DIALECTS)('is read in a stream and with status 200 in %s', async (dialect) => {
    await using provider = await startProvider()
    provider.next(json(error))
    const streamed = await asked(dialect, error)
    const whole = await reply('', { target: targetAt(provider.url, { dialect }), stream: false })

    for (const made of [streamed, whole]) {
      expect(made.error?.message).toContain('no way')
      expect(made.error?.providerCode).toBe(code)
      expect(made.error?.code).not.toBe('empty-response')
    }
  })

  test.each([
    ['no choices', {}],
    ['null for choices', { choices: null }],
    ['an empty list of choices', { choices: [] }],
  ])('ends a chat completion that had begun, with %s', async (_name, choices) => {
    const made = await asked('chat-completions', chunk({ content: 'Once' }), {
      ...choices,
      ...error,
    })

    expect(made.text).toBe('Once')
    expect(made.error?.message).toContain('no way')
  })
})

test('an empty account of MiniMax is out of quota', async () => {
  const { error } = await asked('chat-completions', {
    choices: null,
    base_resp: { status_code: 1008, status_msg: 'insufficient balance' },
  })

  expect(error).toMatchObject({ code: 'quota-exceeded', providerCode: '1008' })
})

test.each(NO_ERRORS)('%j is no error inside a stream', async (event) => {
  const made = await asked(
    'chat-completions',
    { choices: [], ...event },
    chunk({ content: 'a' }),
    event,
    chunk({ content: 'b' }),
    { ...chunk({}, { finish_reason: 'stop' }), ...event },
  )

  expect(made.error).toBeUndefined()
  expect(made.text).toBe('ab')
})

test('an event of very many fields costs in proportion to them', () => {
  const body = (fields: number): Buffer => {
    const event = Object.fromEntries(
      Array.from({ length: fields }, (_, n) => [`code_${n}`, { message: 'x', [`c${n}`]: n }]),
    )
    return Buffer.from(`data: ${JSON.stringify(event)}\n\n`)
  }
  const [small, large] = [body(5_000), body(20_000)]

  expectGrowth(
    () => decoded([small]),
    () => decoded([large]),
  )
})

test('an event with a choice is content, whatever code stands beside it', async () => {
  const made = await asked(
    'chat-completions',
    chunk({ content: 'a' }, { base_resp: { status_code: 1, status_msg: 'x' }, code: 7, msg: 'x' }),
    chunk({}, { finish_reason: 'stop' }),
  )

  expect([made.text, made.error]).toEqual(['a', undefined])
})

test('what Groq says of a stream that it stopped early is an error, even beside a choice', async () => {
  const { error, text } = await asked('chat-completions', chunk({ content: 'a' }), {
    ...chunk({}, { finish_reason: 'stop' }),
    x_groq: { id: 'r', error: 'over_capacity' },
  })

  expect(text).toBe('a')
  expect(error).toMatchObject({ code: 'overloaded' })
})

describe.each(DIALECTS)('a stream of %s without content', (dialect) => {
  test.each([
    [{ Message: 'User is not authorized … explicit deny' }, 'empty-response', 'explicit deny'],
    [{ message: 'Input is too long for requested model.' }, 'context-overflow', 'too long'],
    [{ type: 'notice', error_msg: 'Model Not Exist' }, 'model-not-found', 'Not Exist'],
  ])('fails in the words of its last event, %j', async (event, code, words) => {
    const { error } = await asked(dialect, { type: 'ping' }, event)

    expect(error?.code).toBe(code)
    expect(error?.message).toContain(words)
  })

  test('fails without them where the event tells of a success', async () => {
    const { error } = await asked(dialect, { message: 'queued', code: 0 })

    expect(error).toMatchObject({ code: 'empty-response' })
    expect(error?.message).toMatch(/answered with nothing\.$/)
  })

  test('ignores events of unknown types, whatever they tell', async () => {
    const notice = { type: 'notice', message: 'Searching', status: 'in_progress' }
    const { error } = await asked(dialect, notice, { error: { message: 'no way' } })

    expect(error?.message).toContain('no way')
  })
})

test('a stream that is cut before any content says why, if an event told it', async () => {
  await using provider = await startProvider()
  provider.next((exchange) => {
    exchange.write({ message: 'Worker left' })
    exchange.response.end()
  })

  const { error } = await reply(provider.url)

  expect(error).toMatchObject({ code: 'stream-truncated' })
  expect(error?.message).toContain('Worker left')
})
