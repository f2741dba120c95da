/** The terminal chat in a shell: pipes into it, pipes out of it, and what goes wrong there. */
import { readFile, rm, stat, writeFile } from 'node:fs/promises'
import Database from 'better-sqlite3'
import { expect } from 'vitest'
import { MIGRATION_TABLE } from '../../src/persistence/schema/migrate.ts'
import { endless, json, raw } from '../support/scripts.ts'
import { test } from './chat-test.ts'

const UNNAMED = { OPENAI_BASE_URL: '', OPENAI_API_KEY: '', OPENAI_MODEL: '' }

test('a piped text is one question, joined to the argument', async ({ provider, chats }) => {
  const process = chats.startInShell(
    String.raw`printf 'line 1\n/list\n\n  line 3\n' | chat what "went wrong?"`,
  )

  expect(await process.end({ input: false })).toMatchObject({ code: 0, stdout: 'Hello\n' })
  expect(provider.requests).toHaveLength(1)
  expect(provider.requests[0]?.body.messages).toEqual([
    { role: 'user', content: 'what went wrong?\n\nline 1\n/list\n\n  line 3' },
  ])
})

test('a piped text alone is one question, even if it begins with a slash', async ({
  provider,
  chats,
}) => {
  await chats.startInShell(String.raw`printf '/help\n/quit\n日本語\n' | chat`).end({ input: false })
  const file = chats.startInShell('chat "what is it?" < package.json')

  expect((await file.end({ input: false })).code).toBe(0)
  const sent = provider.requests.map(({ body }) => body.messages[0].content)
  expect(sent[0]).toBe('/help\n/quit\n日本語')
  expect(sent[1]).toBe(`what is it?\n\n${(await readFile('package.json', 'utf8')).trimEnd()}`)
})

test('a pipe that begins late is waited for', async ({ provider, chats }) => {
  const slow = '{ read line; echo "$line"; } | chat "what is it?"'
  const process = chats.startInShell(slow)
  process.say('late')

  expect((await process.end()).code).toBe(0)
  expect(provider.requests[0]?.body.messages[0].content).toBe('what is it?\n\nlate')
})

test('an empty pipe leaves the argument alone, and is nothing to ask without one', async ({
  provider,
  chats,
}) => {
  expect((await chats.startInShell(': | chat hello').end({ input: false })).code).toBe(0)
  expect(provider.requests[0]?.body.messages[0].content).toBe('hello')

  const { code, stderr } = await chats.startInShell(': | chat').end({ input: false })
  expect(code).toBe(2)
  expect(stderr).toContain('Nothing was asked: the input is empty.')
})

test('a piped text that is none is refused, and not sent', async ({ provider, chats }) => {
  const process = chats.startInShell(String.raw`printf 'PK\003\000\001' | chat "what is it?"`)

  const { code, stderr } = await process.end({ input: false })
  expect(code).toBe(2)
  expect(stderr).toContain('The piped input is not text')
  expect(provider.requests).toEqual([])
})

test('an argument with --lines is refused', async ({ chats }) => {
  const { code, stderr } = await chats.startInShell('chat --lines hello').end({ input: false })

  expect(code).toBe(2)
  expect(stderr).toContain('--lines takes its messages from the pipe.')
})

test('a single question runs beside a chat that has the file open', async ({ provider, chats }) => {
  provider.next(endless('word '))
  const first = chats.start('go on')
  await first.hears('word')

  const env = { COLLOQUY_DATABASE: chats.database }
  const second = chats.startInShell('chat hello < /dev/null', env)

  expect(await second.end({ input: false })).toMatchObject({ code: 0, stdout: 'Hello\n' })
})

test('says which process has the file open, and offers another one', async ({
  provider,
  chats,
}) => {
  provider.next(endless('word '))
  const first = chats.start('go on')
  await first.hears('word')

  const { code, stderr } = await chats.start('hello').end({ input: false })
  expect(code).toBe(1)
  expect(stderr).toMatch(/^Another (program \(process \d+\)|chat or program) has .*chat\.db open/)
  expect(stderr).toMatch(/--database .*chat-2\.db\n/)
  expect(stderr).not.toMatch(/engine|readOnly/)
})

test.for([
  ['is of a newer version', (file: string) => makeNewer(file), 'newer version'],
  ['is no database', (file: string) => writeFile(file, 'Once upon a time. '.repeat(100)), 'not'],
  ['is in no folder', async (file: string) => file, 'folder'],
] as const)('says that a file %s', async ([name, prepare, said], { chats }) => {
  await chats.start('hello').end()
  const file = name === 'is in no folder' ? `${chats.database}/none/chat.db` : chats.database
  await prepare(file)

  const { code, stdout, stderr } = await chats.startInShell(`chat -d '${file}' hello`).end()
  expect(code).toBe(1)
  expect(stdout).toBe('')
  expect(stderr).toContain(said)
  expect(stderr).toContain('--database')
  expect(stderr).not.toContain('    at ')
})

async function makeNewer(file: string): Promise<void> {
  const database = new Database(file)
  database.prepare(`insert into ${MIGRATION_TABLE} (name) values ('9999-later')`).run()
  database.close()
}

test('a reader that has enough stops the reply, which is kept', async ({ provider, chats }) => {
  provider.next(endless('a line\n'))
  const process = chats.startInShell(
    '{ chat -d "$DB" "go on" < /dev/null; echo "code $?" >&2; } | head -2',
  )

  const { stdout, stderr } = await process.end({ input: false })
  expect(stdout).toBe('a line\na line\n')
  expect(stderr).toContain('Nobody reads the output any more: stopped.')
  expect(stderr).toContain('code 0\n')
  await provider.requests[0]?.closed
  const shown = chats.start('--lines')
  shown.say('/open 1')
  expect((await shown.end()).stdout).toMatch(/^> go on\na line\n[^]*\[stopped here\]\n$/)
})

test('says that the output cannot be written', async ({ chats }) => {
  const process = chats.startInShell('chat hello < /dev/null > /dev/full')

  const { code, stderr } = await process.end({ input: false })
  expect(code).toBe(1)
  expect(stderr).toContain('The output cannot be written: there is no space left.')
})

test('ends with the code of the signal, and keeps what had arrived', async ({
  provider,
  chats,
}) => {
  provider.always(endless('word '))
  for (const [signal, code] of [
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const) {
    const process = chats.start('go on')
    await process.hears('word word')
    process.kill(signal)
    expect(await process.end({ input: false })).toMatchObject({
      code,
      stderr: expect.stringContaining('Stopped. What had arrived is kept.'),
    })
  }
})

test('a signal ends it after a while also where nothing can be saved', async ({
  provider,
  chats,
}) => {
  provider.always(endless('word '))
  const process = chats.start('go on')
  await process.hears('word word')
  await rm(chats.database)
  process.kill('SIGTERM')

  const { code, stderr } = await process.end({ input: false })
  expect(code).toBe(143)
  expect(stderr).toContain('Not everything could be saved.')
})

test('Ctrl-C while the pipe is read leaves, and sends nothing', async ({ provider, chats }) => {
  const process = chats.start()
  process.type('half a question')
  // The process listens to signals before it reads.
  await chats.start('hello').end()
  process.kill('SIGINT')

  expect((await process.end({ input: false })).code).toBe(130)
  expect(provider.requests).toHaveLength(1)
})

test('a terminal without a cursor gets plain lines', async ({ chats }) => {
  const process = chats.startOnTerminal({ TERM: 'dumb' })
  await process.hears('you> ')
  process.say('hello')
  await process.hears('Hello')
  await process.hears('you> ')
  process.pressCtrlD()

  const { code, stdout } = await process.end({ input: false })
  expect(code).toBe(0)
  expect(stdout).not.toContain('\u001B')
})

test.for([
  [
    'without /v1',
    '',
    raw(['404 page not found'], { status: 404 }),
    'OPENAI_BASE_URL: is /v1 missing at its end?',
  ],
  [
    'with a wrong path',
    '/v1',
    raw(['<html>'], { status: 405 }),
    'OPENAI_BASE_URL: nothing is served there.',
  ],
  [
    'of a web page',
    '/app',
    raw(['<!doctype html><p>Hi'], { headers: { 'content-type': 'text/html' } }),
    'is /v1 missing at its end?',
  ],
] as const)('a url %s is said with a hint', async ([, path, script, hint], { provider, chats }) => {
  provider.always(script)
  const url = new URL(provider.url).origin + path

  const { code, stderr } = await chats.startWith({ OPENAI_BASE_URL: url }, 'hello').end()
  expect(code).toBe(1)
  expect(stderr).toContain(hint)
  expect(stderr).toContain(url)
})

test('a model that is missing and a key that is missing are said with a hint', async ({
  provider,
  chats,
}) => {
  provider.next(json({ error: { message: 'model "m" not found' } }, { status: 404 }))
  const model = await chats.start('hello').end()
  expect(model.stderr).toContain('Choose another one with /model, --model, or OPENAI_MODEL.')

  provider.next(json({ error: { message: 'Unauthorized' } }, { status: 401 }))
  const key = await chats.startWith({ OPENAI_API_KEY: '' }, 'hello').end()
  expect(key.stderr).toContain('No key is given: set OPENAI_API_KEY.')
})

test('a rate limit is said with its wait', async ({ provider, chats }) => {
  provider.always(
    json({ error: { message: 'Slow down.' } }, { status: 429, headers: { 'retry-after': '90' } }),
  )

  const { code, stderr } = await chats.start('hello').end()
  expect(code).toBe(1)
  expect(stderr).toContain('Try again in 90 s.')
  expect(stderr).not.toContain('Try again later')
})

test('asks an endpoint by its name, in its dialect, with the system prompt', async ({
  provider,
  chats,
}) => {
  const env = { COLLOQUY_URL_MY_BOX: provider.url, COLLOQUY_KEY_MY_BOX: 'sk-box' }
  const args = ['--endpoint', 'my-box', '--dialect', 'responses', '-m', 'big', '-s', 'Be brief.']
  await chats.startWith(env, ...args, 'hello').end()
  await chats.startWith(env, '-m', 'a@b@my-box', 'hello').end()

  expect(provider.requests[0]).toMatchObject({
    path: '/v1/responses',
    headers: { authorization: 'Bearer sk-box' },
    body: { model: 'big', instructions: 'Be brief.' },
  })
  expect(provider.requests[1]).toMatchObject({
    path: '/v1/chat/completions',
    body: { model: 'a@b' },
  })
})

test('refuses an endpoint, a dialect and a variable that make no sense', async ({
  provider,
  chats,
}) => {
  const runs = [
    [{}, ['--endpoint', 'nowhere'], 'There is no endpoint "nowhere".'],
    [{}, ['--dialect', 'latin'], '--dialect: there is no dialect "latin".'],
    [{ COLLOQUY_KEY_X: 'k' }, [], 'COLLOQUY_KEY_X is set, but COLLOQUY_URL_X is not'],
    [{ COLLOQUY_URL_X: 'http://x', COLLOQUY_DIALECT_X: 'y' }, [], 'COLLOQUY_DIALECT_X'],
    [{}, ['--model', ''], '--model needs a value.'],
  ] as const
  for (const [env, args, said] of runs) {
    const { code, stderr } = await chats.startWith(env, ...args, 'hello').end()
    expect(stderr).toContain(said)
    expect(code, said).toBe(2)
  }
  expect(provider.requests).toEqual([])
})

test('a single question keeps nothing', async ({ chats }) => {
  const process = chats.startInShell('chat hello < /dev/null', {
    ...UNNAMED,
    COLLOQUY_DATABASE: `${chats.database}.none`,
  })

  expect((await process.end({ input: false })).code).toBe(0)
  await expect(stat(`${chats.database}.none`)).rejects.toThrow('ENOENT')
})
