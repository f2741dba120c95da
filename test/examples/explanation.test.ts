/** The words for failures, retries and waits. */
import { ColloquyError } from 'colloquy'
import { expect, test } from 'vitest'
import { duration } from '../../examples/chat/durations.ts'
import { findEndpoints } from '../../examples/chat/endpoints.ts'
import { explain, retryNote } from '../../examples/chat/explanation.ts'

test.each([
  [350, '0.4 s'],
  [2_000, '2 s'],
  [1_138, '1.2 s'],
  [60_000, '60 s'],
  [61_001, '62 s'],
  [600_000, '10 min'],
  [86_400_000, '24 h'],
])('says %d ms as %s', (ms, words) => {
  expect(duration(ms)).toBe(words)
})

const failed = { attempt: 1, retryInMs: 2_000, endpoint: 'online' }

test.each([
  [
    { code: 'provider-error', message: '', status: 500 },
    'online answered 500, trying again in 2 s (2 of 3)',
  ],
  [
    { code: 'rate-limited', message: '', status: 429 },
    'online answered 429, trying again in 2 s (2 of 3)',
  ],
  [
    { code: 'connection-failed', message: '' },
    'online could not be reached, trying again in 2 s (2 of 3)',
  ],
  [
    { code: 'timeout-first-delta', message: '' },
    'online did not begin its reply in time, trying again in 2 s (2 of 3)',
  ],
  [{ code: 'internal', message: '' }, 'online failed, trying again in 2 s (2 of 3)'],
] as const)('says a retry in words: %j', (error, words) => {
  expect(retryNote({ ...failed, error }, 'online')).toBe(words)
})

test('says who is asked next', () => {
  const error = { code: 'overloaded', message: '' } as const
  expect(retryNote({ ...failed, error, endpoint: 'backup', retryInMs: 0 }, 'online')).toBe(
    'online is overloaded, asking backup now',
  )
})

test('names the variable of the endpoint that was asked', async () => {
  const env = { COLLOQUY_URL_BOX: 'http://127.0.0.1:9/api', OPENAI_API_KEY: 'k' }
  const { all } = await findEndpoints(env, { endpoint: undefined, dialect: undefined })
  const box = all.find(({ name }) => name === 'box')

  expect(explain(new ColloquyError('bad-key', 'No.'), box)).toContain('set COLLOQUY_KEY_BOX')
  expect(explain(new ColloquyError('bad-key', 'No.'), all[0])).toContain('Check OPENAI_API_KEY')
  expect(explain(new ColloquyError('request-rejected', 'No.', { status: 404 }), box)).toBe(
    'No.\nCheck COLLOQUY_URL_BOX: is /v1 missing at its end? It is http://127.0.0.1:9/api.',
  )
})

test('finds the endpoints that the environment names', async () => {
  const find = (env: NodeJS.ProcessEnv) =>
    findEndpoints(env, { endpoint: undefined, dialect: 'responses' })
  const { all, airplane } = await find({
    ANTHROPIC_API_KEY: 'a',
    COLLOQUY_URL_B_C: 'http://b',
    COLLOQUY_URL_AIRPLANE: 'http://local/v1',
    COLLOQUY_MODEL_AIRPLANE: 'tiny',
  })

  expect(all).toMatchObject([
    { name: 'anthropic', url: 'https://api.anthropic.com/v1', dialect: 'responses' },
    { name: 'b-c', url: 'http://b', dialect: undefined },
  ])
  expect(airplane).toMatchObject({ url: 'http://local/v1', model: 'tiny' })
  expect((await find({ OPENAI_API_KEY: 'k' })).airplane.url).toBe('http://127.0.0.1:11434/v1')
})
