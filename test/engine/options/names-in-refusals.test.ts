/** Names that may be secrets, put by mistake where an option or a header has its name. */
import { describe, expect, test } from 'vitest'
import { createEngine } from '../../../src/index.ts'
import { testEngine } from '../../support/engine.ts'

/** Keys of providers and tokens, as hosts have them. */
const SECRETS = [
  'sk-canary-key-4f1d90e2',
  'sk-ab',
  'AKIAIOSFODNN7EXAMPLE',
  'gsk_a8Jd93kdLs02mcPqRt',
  'Bearer abc',
  'eyJhbGciOi.eyJzdWIi.c2ln',
  `x${'y'.repeat(100_000)}`,
  'key\u0000\u202e',
  'schlüssel',
  '',
]

async function refusal(call: () => Promise<unknown>): Promise<string> {
  const error: unknown = await call().then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toMatchObject({ name: 'ColloquyError', code: 'invalid-option' })
  return String((error as Error).stack)
}

describe.each(SECRETS)('a secret in the place of a name (%#)', (secret) => {
  test('is named by its place only, wherever it stands', async () => {
    const engine = await testEngine()
    const { id } = await engine.startConversation()
    const url = 'http://127.0.0.1:1/v1'
    const odd = { [secret]: undefined } as never
    const bad = { [secret]: 5 } as never

    const texts = [
      await refusal(() => engine.putEndpoint('online', { url, headers: odd })),
      await refusal(() => engine.putEndpoint('online', { url, headers: bad })),
      await refusal(() => engine.putEndpoint('online', Object.assign({ url }, bad))),
      await refusal(() => engine.putEndpoint('online', { url, quirks: bad })),
      await refusal(() => engine.send(id, 'hello', { headers: odd })),
      await refusal(() => engine.send(id, 'hello', bad)),
      await refusal(() => engine.complete({ prompt: 'x', settings: bad })),
      await refusal(() => createEngine({ secrets: bad })),
      await refusal(() => createEngine(bad)),
    ]

    for (const text of texts) {
      if (secret !== '') expect(text).not.toContain(secret)
      expect(text.length).toBeLessThan(5_000)
    }
    expect(texts[3]).toContain('quirks.(name 1) is not a known option')
  })
})

test.each([
  [{ shiny: 1 }, 'createEngine: shiny is not a known option'],
  [{ timeouts: { headersMilliseconds: 1 } }, 'timeouts.headersMilliseconds is not a known option'],
  [{ timeouts: { a: 1, 'headers-ms': 1 } }, 'timeouts.a is not a known option'],
  [{ timeouts: { headersMs: 1, 'x-y': 1 } }, 'timeouts.(name 2) is not a known option'],
])('a name that may be an option stays in the refusal: %j', async (options, text) => {
  expect(await refusal(() => createEngine(options as never))).toContain(text)
})
