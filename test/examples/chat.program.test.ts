/** The terminal chat with one message: `npm start -- "tell me a story"`. */
import { expect } from 'vitest'
import { endless, json, steps, streamed } from '../support/scripts.ts'
import { test } from './chat-test.ts'

const UNNAMED = { OPENAI_BASE_URL: '', OPENAI_API_KEY: '', OPENAI_MODEL: '' }

test('prints the reply as it streams, and exits', async ({ provider, chats }) => {
  const deltas = steps()
  provider.next(
    streamed(['Once', ' upon', ' a time'], {
      gate: deltas.gate,
      usage: { prompt_tokens: 9, completion_tokens: 4 },
    }),
  )

  const process = chats.start('tell me a story')
  for (const delta of ['Once', ' upon', ' a time']) {
    deltas.step()
    await process.hears(delta)
  }

  const { code, stdout, stderr } = await process.end({ input: false })
  expect(code).toBe(0)
  expect(stdout).toBe('Once upon a time\n')
  expect(stderr).toMatch(/^tokens: 9 in, 4 out · \d+\.\d s\n$/)
  expect(provider.requests[0]?.headers.authorization).toBe('Bearer sk-test')
  expect(provider.requests[0]?.body).toMatchObject({
    model: 'm',
    messages: [{ role: 'user', content: 'tell me a story' }],
  })
})

test('is answered by the practice provider where none is named, which says so', async ({
  provider,
  chats,
}) => {
  const { code, stdout, stderr } = await chats.startWith(UNNAMED, 'hello').end()

  expect(code).toBe(0)
  expect(stdout).toContain('My answers are scripted')
  expect(stderr).toContain('its replies are scripted')
  expect(stderr).toMatch(/tokens: \d+ in, \d+ out/)
  expect(provider.requests).toEqual([])
})

test('keeps the reasoning out of the answer', async ({ provider, chats }) => {
  provider.next(streamed(['42'], { reasoning: ['Let me ', 'see.'] }))

  const { stdout, stderr } = await chats.start('why?').end()

  expect(stdout).toBe('42\n')
  expect(stderr).toMatch(/^Let me see\.\n/)
})

test('says that a provider cannot be reached', async ({ provider, chats }) => {
  await provider.close()

  const { code, stdout, stderr } = await chats.start('hello').end()

  expect(code).toBe(1)
  expect(stdout).toBe('')
  expect(stderr).toContain('OPENAI_BASE_URL')
  expect(stderr).not.toContain('    at ')
})

test('says that a key is refused, and does not show it', async ({ provider, chats }) => {
  provider.always(json({ error: { message: 'Incorrect API key: sk-test' } }, { status: 401 }))

  const { code, stderr } = await chats.start('hello').end()

  expect(code).toBe(1)
  expect(stderr).toContain('Check OPENAI_API_KEY.')
  expect(stderr).not.toContain('sk-test')
})

test('keeps what had arrived when a stream breaks', async ({ provider, chats }) => {
  provider.next(streamed(['Once', ' upon'], { finishReason: null, done: false }))

  const { code, stdout, stderr } = await chats.start('tell me a story').end()

  expect(code).toBe(1)
  expect(stdout).toBe('Once upon\n')
  expect(stderr).toContain('What had arrived is kept.')
})

test('is stopped by Ctrl-C', async ({ provider, chats }) => {
  provider.next(endless('word '))
  const process = chats.start('go on')
  await process.hears('word word')

  process.kill('SIGINT')

  const { code, stderr } = await process.end({ input: false })
  expect(code).toBe(130)
  expect(stderr).toContain('Stopped. What had arrived is kept.')
  await provider.requests[0]?.closed
})

test('asks with the only model that a provider has', async ({ provider, chats }) => {
  provider.models(json({ object: 'list', data: [{ id: 'the-only-one', object: 'model' }] }))

  expect(await chats.startWith({ OPENAI_MODEL: '' }, 'hello').end()).toMatchObject({
    code: 0,
    stdout: 'Hello\n',
  })
  expect(provider.requests.at(-1)?.body).toMatchObject({ model: 'the-only-one' })
})

test('names the models there are, if it cannot choose', async ({ chats }) => {
  const { code, stderr } = await chats.startWith({ OPENAI_MODEL: '' }, 'hello').end()

  expect(code).toBe(1)
  expect(stderr).toContain('Set OPENAI_MODEL')
  expect(stderr).toContain('scripted-1, scripted-2')
})

test('is not sent when the command line is wrong', async ({ provider, chats }) => {
  const { code, stderr } = await chats.start('--databse=x', 'hello').end()

  expect(code).toBe(2)
  expect(stderr).toContain("Unknown option '--databse'")
  expect(stderr).not.toContain('    at ')
  expect(provider.requests).toEqual([])
})
