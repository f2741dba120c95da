/** Keys and headers that no request could carry are trimmed or refused when they are put. */
import { expect, test } from 'vitest'
import type { EndpointOptions } from '../../../src/index.ts'
import { canaries, canariesShownBy } from '../../support/canaries.ts'
import { testEngine, testProvider } from '../../support/engine.ts'
import { outcomeOf } from '../../support/waiting.ts'

const DIALECTS = ['chat-completions', 'responses', 'messages'] as const

test.each(['\n', '\r\n', ' ', '\t', '\u00a0', '\n\n  \n'])(
  'removes %j around a key, in every dialect',
  async (blank) => {
    for (const dialect of DIALECTS) {
      const provider = await testProvider()
      const engine = await testEngine()
      for (const apiKey of [`${blank}sk-key${blank}`, () => `sk-key${blank}`]) {
        await engine.putEndpoint('online', { url: provider.url, model: 'm', dialect, apiKey })
        await engine.complete({ prompt: 'hi' }).catch(() => undefined)
        await engine.listModels().catch(() => undefined)
      }

      const sent = provider.requests.map(({ headers }) =>
        dialect === 'messages' ? headers['x-api-key'] : headers.authorization,
      )
      const expected = dialect === 'messages' ? 'sk-key' : 'Bearer sk-key'
      expect(sent).toEqual(Array.from({ length: 4 }, () => expected))
    }
  },
)

test.each([
  '\n',
  ' \r\n ',
  `${canaries.key}\n${canaries.key}`,
  `${canaries.key}\u0000`,
  'sk-\u2028x',
  'sk-ключ',
  'sk-\u007f',
  'sk-🔑',
])('refuses the key %j, and changes nothing', async (apiKey) => {
  const engine = await testEngine()
  const url = 'http://127.0.0.1:1/v1'
  const record = await engine.putEndpoint('online', { url, apiKey: 'sk-before' })

  const { error } = (await outcomeOf(engine.putEndpoint('online', { url, apiKey }))) as {
    error: unknown
  }

  expect(error).toMatchObject({
    code: 'invalid-option',
    message: expect.stringContaining('apiKey'),
  })
  expect(canariesShownBy(error)).toEqual([])
  expect(await engine.getEndpoint('online')).toEqual(record)
})

test.each([
  [`${canaries.key}\n${canaries.key}`, 'invalid-option'],
  [`${canaries.key}\u0000`, 'invalid-option'],
  ['ключ', 'invalid-option'],
  ['\n', 'key-unavailable'],
])('sends nothing where a function gives the key %j', async (key, code) => {
  const provider = await testProvider()
  const engine = await testEngine()
  await engine.putEndpoint('online', { url: provider.url, model: 'm', apiKey: () => key })

  for (const asked of [engine.complete({ prompt: 'hi' }), engine.listModels()]) {
    const { error } = (await outcomeOf<unknown>(asked)) as { error: unknown }
    expect(error).toMatchObject({ code })
    expect(canariesShownBy(error)).toEqual([])
  }
  expect(provider.requests).toEqual([])
})

/** Headers that no request can carry, and where the refusal says that the fault is. */
const HEADERS: readonly (readonly [string, Record<string, string>, string])[] = [
  ['a line break at its end', { 'x-tenant': `${canaries.header}\n` }, 'headers.(name 1)'],
  ['a carriage return', { 'x-tenant': `${canaries.header}\rx` }, 'headers.(name 1)'],
  ['NUL', { 'x-tenant': `${canaries.header}\u0000` }, 'headers.(name 1)'],
  ['a control character', { 'x-tenant': `${canaries.header}\u001b[2J` }, 'headers.(name 1)'],
  ['a letter beyond Latin-1', { 'x-tenant': `${canaries.header}ж` }, 'headers.(name 1)'],
  ['a line separator', { 'x-tenant': `${canaries.header}\u2028` }, 'headers.(name 1)'],
  ['an emoji', { 'x-tenant': `${canaries.header}😀` }, 'headers.(name 1)'],
  ['host', { host: canaries.header }, 'host'],
  ['Host', { Host: canaries.header }, 'host'],
  ['content-length', { 'Content-Length': '7' }, 'content-length'],
  ['transfer-encoding', { 'transfer-encoding': 'chunked' }, 'transfer-encoding'],
  ['upgrade', { upgrade: 'websocket' }, 'upgrade'],
  ['keep-alive', { 'keep-alive': 'timeout=5' }, 'keep-alive'],
  ['expect', { expect: '100-continue' }, 'expect'],
  ['connection', { connection: 'upgrade' }, 'connection'],
]

test.each(HEADERS)(
  'refuses a header with %s, when it is put and when it is sent',
  async (...row) => {
    const [, headers, place] = row
    const provider = await testProvider()
    const engine = await testEngine()
    const record = await engine.putEndpoint('online', { url: provider.url, model: 'm' })
    const { id } = await engine.startConversation()
    const options: EndpointOptions = { url: provider.url, model: 'm', headers }

    for (const refused of [
      engine.putEndpoint('online', options),
      engine.send(id, 'hi', { headers }),
      engine.retry(id, { headers }),
    ]) {
      const { error } = (await outcomeOf<unknown>(refused)) as { error: unknown }
      expect(error).toMatchObject({
        code: 'invalid-option',
        message: expect.stringContaining(place),
      })
      expect(canariesShownBy(error)).toEqual([])
    }
    expect(await engine.getEndpoint('online')).toEqual(record)
    expect(await engine.listTurns(id)).toEqual([])
    expect(provider.requests).toEqual([])
  },
)

test('sends headers of Latin-1, with blanks and tabs, as they are', async () => {
  const provider = await testProvider()
  const engine = await testEngine()
  const headers = { 'x-tenant': 'Zoë\tSmith', connection: 'close', 'x-empty': '' }
  await engine.putEndpoint('online', { url: provider.url, model: 'm', headers })

  await engine.complete({ prompt: 'hi' })

  expect(provider.requests[0]?.headers).toMatchObject({
    'x-tenant': 'Zoë\tSmith',
    connection: 'close',
    'x-empty': '',
  })
})
