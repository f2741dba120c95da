/** The terminal chat in a pipe with `--lines`: each line is a message, or a command. */
import { expect } from 'vitest'
import { endless, json, streamed } from '../support/scripts.ts'
import { test } from './chat-test.ts'

// oxlint-disable-next-line no-control-regex -- what must not reach a pipe
const CONTROL = /[\u0000-\u0008\u000B-\u001F\u007F-\u009F]/

test('is answered line by line, in one conversation', async ({ provider, chats }) => {
  provider.next(streamed(['One.']), streamed(['Two.']))
  const process = chats.start('--lines')
  process.say('first')
  process.say('second')

  const { code, stdout } = await process.end()

  expect(code).toBe(0)
  expect(stdout).toBe('One.\nTwo.\n')
  expect(provider.requests[1]?.body.messages).toMatchObject([
    { role: 'user', content: 'first' },
    { role: 'assistant', content: 'One.' },
    { role: 'user', content: 'second' },
  ])
})

test('ends at the first line that is not answered', async ({ provider, chats }) => {
  provider.always(json({ error: { message: 'no' } }, { status: 400 }))
  const process = chats.start('--lines')
  process.say('first')
  process.say('second')

  expect((await process.end()).code).toBe(1)
  expect(provider.requests).toHaveLength(1)
})

test('stops a reply at the first interrupt and leaves at the second', async ({
  provider,
  chats,
}) => {
  provider.next(endless('word '))
  const process = chats.start('--lines')
  process.say('go on')
  await process.hears('word word')

  process.kill('SIGINT')
  await process.hears('Stopped.', 'stderr')
  await provider.requests[0]?.closed
  process.kill('SIGINT')

  expect((await process.end({ input: false })).code).toBe(130)
})

test('lists and resumes what an earlier run left, with its stops marked', async ({
  provider,
  chats,
}) => {
  provider.next(streamed(['Once upon a time']), endless('word '))
  const first = chats.start('--lines')
  first.say('tell me a story')
  await first.hears('Once upon a time')
  first.say('go on')
  await first.hears('word word')
  first.kill('SIGINT')
  await first.hears('Stopped.', 'stderr')
  first.say('/new')
  first.say('another one')
  await first.end()

  const second = chats.start('--lines')
  second.say('/list')
  second.say('/open 2')
  second.say('and then?')

  const { code, stdout } = await second.end()
  const [newest, older, ...shown] = stdout.split('\n')
  expect(code).toBe(0)
  expect(newest).toMatch(/^ {3}1 {2}\d{4}-\d\d-\d\d \d\d:\d\d {2}another one$/)
  expect(older).toMatch(/^ {3}2 {2}\d{4}-\d\d-\d\d \d\d:\d\d {2}tell me a story$/)
  expect(shown).toEqual([
    '> tell me a story',
    'Once upon a time',
    '> go on',
    expect.stringMatching(/^word word/),
    '[stopped here]',
    'Hello',
    '',
  ])
  expect(provider.requests.at(-1)?.body.messages.at(0)).toMatchObject({
    content: 'tell me a story',
  })
})

test('goes on with the last conversation when it is asked to', async ({ provider, chats }) => {
  await chats.start('tell me a story').end()

  const { code, stdout } = await chats.start('--continue', 'and then?').end()

  expect(code).toBe(0)
  expect(stdout).toBe('Hello\n')
  expect(provider.requests[1]?.body.messages).toHaveLength(3)
})

test('marks a reply that a killed run left', async ({ provider, chats }) => {
  provider.next(endless('word '))
  const killed = chats.start('go on')
  await killed.hears('word word')
  killed.kill('SIGKILL')
  await killed.end({ input: false })

  const process = chats.start('--lines')
  process.say('/open 1')

  const { stdout } = await process.end()
  expect(stdout).toContain('> go on\n')
  expect(stdout).toContain('[interrupted: the program ended before the reply did]\n')
})

test('says that another chat has the database open', async ({ provider, chats }) => {
  provider.next(endless('word '))
  const first = chats.start('go on')
  await first.hears('word')

  const { code, stderr } = await chats.start('hello').end()

  expect(code).toBe(1)
  expect(stderr).toContain('--database')
  expect(stderr).not.toContain('    at ')
})

test('explains its commands, and knows a path from one', async ({ chats }) => {
  const process = chats.start('--lines')
  process.say('/help')
  process.say('/usr/bin is what?')
  process.say('/nonsense')

  const { code, stdout, stderr } = await process.end()

  expect(code).toBe(1)
  expect(stdout).toMatch(/\/list .*\/open N .*\/new .*\/quit .*Hello/s)
  expect(stderr).toContain('There is no /nonsense.')
})

test('gets no colours, no spinner and no control characters', async ({ provider, chats }) => {
  provider.next(
    streamed(['42'], {
      reasoning: ['Let me see.'],
      usage: { prompt_tokens: 9, completion_tokens: 4 },
    }),
  )
  const process = chats.start('--lines')
  for (const line of ['why?', '/list', '/help', '/new', 'again', '/nonsense']) process.say(line)

  const { stdout, stderr } = await process.end()

  expect(stdout + stderr).not.toMatch(CONTROL)
})

test('gets no escape sequence that a model or a provider wrote', async ({ provider, chats }) => {
  provider.next(
    streamed(['safe \u001B]0;ow', 'ned\u0007and \u001B', '[31msound\r\n'], {
      reasoning: ['hm\u001B[2J'],
    }),
    json({ error: { message: 'no\u001B[31m way' } }, { status: 400 }),
  )
  const process = chats.start('--lines')
  process.say('one')
  process.say('two')

  const { stdout, stderr } = await process.end()

  expect(stdout).toBe('safe and sound\n')
  expect(stdout + stderr).not.toMatch(CONTROL)
})
