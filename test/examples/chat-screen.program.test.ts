/** The terminal chat on a screen of 80 and of 32 columns: what a person sees. */
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { reply as replied } from '../../src/testing.ts'
import { endless, json, steps, streamed } from '../support/scripts.ts'
import { answer, asked, PROMPT, questions, waits } from './chat-provider.ts'
import { test } from './chat-test.ts'
import type { ExampleProcess } from './example-process.ts'

const WIDE = { columns: 80, rows: 24 }
const NARROW = { columns: 32, rows: 12 }

/** Types a line and waits for the end of the reply. */
async function ask(process: ExampleProcess, line: string): Promise<void> {
  process.type(`${line}\r`)
  await process.shows((text) => {
    const after = text.slice(text.lastIndexOf(`${PROMPT}${line}`))
    return / s\n/.test(after) && after.endsWith('you>')
  })
}

/**
 * Waits until all that was written is on the screen, by two movements of the cursor.
 *
 * @param typed - the end of what is in the line
 */
async function drawn(process: ExampleProcess, typed: string): Promise<void> {
  for (const [key, fromEnd] of [
    ['\u0005', 0],
    ['\u001B[D', 1],
  ] as const) {
    process.type(key)
    await process.shows(() => {
      const { lines, cursor } = process.screen
      const last = lines.at(-1) ?? ''
      return last.endsWith(typed) && cursor[1] === last.length - fromEnd
    })
  }
}

describe.runIf(process.platform === 'linux')('on a screen', () => {
  test.for([WIDE, NARROW])(
    'a pasted text is one message, at $columns columns',
    async (size, { provider, chats }) => {
      answer(provider, streamed(['Hello']))
      const process = chats.startOnScreen(size)
      await waits(process)

      process.paste('def f(x):\n\treturn x\r\n\r\nprint(f(1)) # 日本語')
      await process.shows('日本語')
      expect(asked(provider)).toEqual([])
      process.type('\r')
      await process.shows('Hello')

      expect(questions(provider)).toEqual(['def f(x):\n\treturn x\n\nprint(f(1)) # 日本語'])
    },
  )

  test('a message goes on after a backslash, in marks, and after Alt-Enter', async ({
    provider,
    chats,
  }) => {
    answer(provider, streamed(['1']), streamed(['2']), streamed(['3']))
    const process = chats.startOnScreen(WIDE)
    await waits(process)

    process.type('one\\\r')
    await process.shows((text) => text.endsWith(`${PROMPT}one`))
    process.type('two\r')
    await process.shows('\n1\n')
    await waits(process)
    process.type('"""\rthree\r\rfour\r"""\r')
    await process.shows('\n2\n')
    await waits(process)
    process.type('five\u001B\rsix\r')
    await process.shows('\n3\n')

    expect(questions(provider)).toEqual(['one\ntwo', 'three\n\nfour', 'five\nsix'])
  })

  test.for([WIDE, NARROW])(
    'words wrap, markdown is rendered, speakers are named, at $columns columns',
    async (size, { provider, chats }) => {
      const text =
        '# Actors\n\nAn **actor** has a mailbox, reads one message at a time, and never shares its state.\n\n' +
        '- first: 日本語の文章がここにあります、そして続きます\n- second\n\n> you> quoted\n\n```js\nconst a = 1\n```\n'
      answer(provider, streamed(text.match(/[^]{1,7}/g) ?? []))
      const process = chats.startOnScreen(size)
      await waits(process)
      await ask(process, 'explain')

      const { lines, text: shown } = process.screen
      const reply = shown.slice(
        shown.indexOf('m:\n'),
        shown.indexOf('tokens') < 0 ? undefined : shown.indexOf('tokens'),
      )
      expect(reply).toContain('m:\nActors\n\nAn actor has a mailbox')
      expect(reply).not.toMatch(/\*\*|^# /m)
      expect(reply).toContain('• first: 日本語')
      expect(reply).toContain('\n│ you> quoted\n')
      expect(reply).toContain('```js\nconst a = 1\n```')
      if (size === NARROW) {
        expect(reply).toContain(
          'An actor has a mailbox, reads\none message at a time, and never\nshares its state.',
        )
        expect(reply).toMatch(/• first: 日本語の文章がここにあ\n {2}ります、そして続きます/)
      }
      for (const line of lines) expect(Array.from(line).length).toBeLessThanOrEqual(size.columns)
    },
  )

  test('shows a reply as it is with --plain', async ({ provider, chats }) => {
    answer(provider, streamed(['# Head\n', '- **one** ', 'word'.repeat(10)]))
    const process = chats.startOnScreen(NARROW, { args: ['--plain'] })
    await waits(process)
    await ask(process, 'explain')

    expect(process.screen.text).toContain(
      `m:\n# Head\n- **one** wordwordwordwordwordwo\nrdwordwordwordword\n`,
    )
  })

  test.for([WIDE, NARROW])(
    'a long line is edited without copies of its rows, at $columns columns',
    async (size, { provider, chats }) => {
      answer(provider, streamed(['Hello']))
      const process = chats.startOnScreen(size)
      await waits(process)
      const before = process.screen.lines.length
      const long = '語a'.repeat(60)

      process.type(long)
      await process.shows((text) => text.replaceAll(/\s/g, '').endsWith(long))
      const rows = process.screen.lines.length - before
      process.type('\u0001X\u001B[C\u001B[CY')
      const edited = `you>X語aY${'語a'.repeat(59)}`
      await process.shows((text) => text.replaceAll(/\s/g, '').endsWith(edited))
      expect(process.screen.lines.length - before).toBe(rows)
      process.type('\u0005\u0017')
      await process.shows((text) => text.endsWith('you>'))
      process.type('\u0019!\r')
      await process.shows('Hello')

      expect(questions(provider)).toEqual([`X語aY${'語a'.repeat(59)}!`])
    },
  )

  test('what is typed while a reply streams is shown, and sent by Enter only', async ({
    provider,
    chats,
  }) => {
    const deltas = steps()
    answer(
      provider,
      streamed(['One', ' two', ' three', ' end'], { gate: deltas.gate }),
      streamed(['Next.']),
      streamed(['More.']),
    )
    const process = chats.startOnScreen(WIDE)
    await waits(process)
    process.type('go\r')
    deltas.step()
    await process.shows('One')

    process.type('draft')
    await process.shows((text) => text.endsWith('m:\nOne\nyou> draft'))
    deltas.step()
    await process.shows((text) => text.endsWith('m:\nOne two\nyou> draft'))
    process.type(' sent\rkept')
    await process.shows((text) => text.endsWith('One two\nqueued: draft sent\nyou> kept'))
    deltas.step(2)
    await process.shows((text) => text.includes('you> draft sent\nm:\nNext.'))
    await waits(process, 'kept')

    expect(process.screen.text).toContain('m:\nOne two three end\n')
    expect(questions(provider)).toEqual(['go', 'draft sent'])
  })

  test('the line and a reply that streams survive a resize', async ({ provider, chats }) => {
    const deltas = steps()
    const word = 'mailbox '
    answer(provider, streamed([word.repeat(8), 'and ', 'state.'], { gate: deltas.gate }))
    const process = chats.startOnScreen(WIDE)
    await waits(process)
    process.type('a long question about the actors of this library, and their mailboxes')
    await drawn(process, 'mailboxes')

    await process.resize(NARROW.columns)
    await process.shows((text) =>
      text.endsWith(
        'you> a long question about the\n     actors of this library, an\n     d their mailboxes',
      ),
    )
    expect(process.screen.text.match(/you>/g)).toHaveLength(1)
    process.type('\r')
    deltas.step()
    await process.shows(/mailbox$/)
    process.type('next question, which is longer than a row')
    await drawn(process, 'than a row')
    await process.resize(20)
    await process.shows('you> next question,\n      which is long\n     er than a row')
    deltas.step()
    await process.shows('\nand\n')
    await drawn(process, 'than a row')
    await process.resize(WIDE.columns)
    await process.shows((text) => text.endsWith('\nyou> next question, which is longer than a row'))
    deltas.step()
    await process.shows(/\d s\n/)

    const { text } = process.screen
    expect(text.match(/you>/g)).toHaveLength(2)
    expect(text.replaceAll(/\s+/g, ' ')).toContain(`m: ${word.repeat(8)}and state. `)
  })

  test('Ctrl-Z gives the terminal to the shell, and fg gives it back', async ({
    provider,
    chats,
  }) => {
    answer(provider, streamed(['Hello']))
    const line = (program: string) =>
      `set -m; ${program}; stty -a | grep -o -e '-\\?icanon'; echo stopped; read answer; fg`
    const process = chats.startOnScreen(WIDE, { line })
    await waits(process)
    process.type('draft')
    await waits(process, 'draft')

    process.type('\u001A')
    await process.shows(/\nicanon\nstopped$/)
    expect(process.screen.modes).not.toContain('?2004')
    process.type('y\r')
    await process.shows((text) => text.endsWith('\nyou> draft'))
    expect(process.screen.modes).toContain('?2004')
    process.type(' sent\r')
    await process.shows('Hello')

    expect(questions(provider)).toEqual(['draft sent'])
  })

  test('Ctrl-C takes back a command that waits', async ({ provider, chats }) => {
    answer(provider, endless('word '))
    const process = chats.startOnScreen(WIDE)
    await waits(process)
    process.type('go\r')
    await process.shows('word word')
    process.type('/list\rtyped')
    await process.shows('next: /list')

    process.pressCtrlC()
    await process.shows('Stopped. What had arrived is kept.')
    await process.shows((text) => text.endsWith('you> /list\n     typed'))
    await asked(provider)[0]?.closed
    expect(asked(provider)).toHaveLength(1)
  })

  test('retries and rate limits are said in words, with their waits', async ({
    provider,
    chats,
  }) => {
    answer(
      provider,
      json({ error: { message: 'broken' } }, { status: 500, headers: { 'retry-after': '0' } }),
      json(
        { error: { message: 'broken' } },
        { status: 503, headers: { 'retry-after-ms': '1200' } },
      ),
      streamed(['Hello']),
      json({ error: { message: 'Slow down' } }, { status: 429, headers: { 'retry-after': '60' } }),
    )
    const process = chats.startOnScreen(WIDE)
    await waits(process)
    await ask(process, 'go')
    expect(process.screen.text).toMatch(
      /online answered 500, trying again (now|in 0\.\d s) \(2 of 3\)/,
    )
    expect(process.screen.text).toContain('online answered 503, trying again in 1.2 s (3 of 3)')
    process.type('again\r')
    await process.shows('Slow down. Try again in 60 s.')
    await waits(process)
  })

  test('Ctrl-C during the wait before a retry stops it', async ({ provider, chats }) => {
    answer(provider, json({}, { status: 500, headers: { 'retry-after': '9' } }))
    const process = chats.startOnScreen(WIDE)
    await waits(process)
    process.type('go\r')
    await process.shows('trying again in 9 s (2 of 3)')
    process.pressCtrlC()
    await process.shows('Stopped.')
    await waits(process)
  })

  test('each command does what /help says', async ({ provider, chats }) => {
    answer(
      provider,
      streamed(['One.']),
      streamed(['Two.']),
      streamed(['Three.']),
      streamed(['Four.']),
      streamed(['Five.']),
    )
    const process = chats.startOnScreen({ columns: 100, rows: 50 })
    await waits(process)
    process.type('/help\r')
    const help = await process.shows('Ctrl-C stops a reply')
    for (const name of [
      'retry',
      'model',
      'system',
      'regenerate',
      'edit',
      'branches',
      'editor',
      'copy',
      'list',
      'open',
      'show',
      'new',
      'title',
      'delete',
      'airplane',
      'quit',
    ]) {
      expect(help).toContain(`/${name}`)
    }
    process.type('/retry\r')
    await process.shows('There is nothing to ask again yet.')
    process.type('/system Be brief.\r')
    await process.shows('The system prompt: Be brief.')
    await ask(process, 'first')
    expect(asked(provider)[0]?.body.messages[0]).toEqual({ role: 'system', content: 'Be brief.' })

    process.type('/retry\r')
    await process.shows('Two.')
    await waits(process)
    expect(questions(provider)).toEqual(['first', 'first'])

    process.type('/model\r')
    await process.shows('2  scripted-2')
    await process.shows('Asking m at online')
    process.type('/model 2\r')
    await process.shows('Asking scripted-2 at online')
    process.type('/model any/thing@v1\r')
    await process.shows('Asking any/thing@v1 at online')
    await ask(process, 'second')
    expect(asked(provider)[2]?.body.model).toBe('any/thing@v1')
    expect(process.screen.text).toContain('any/thing@v1:\nThree.')

    process.type('/title My talk\r')
    await process.shows('Title: My talk')
    process.type('/system -\r')
    await process.shows('There is no system prompt.')
    process.type('/new\r')
    await process.shows('A new conversation.')
    await ask(process, 'third')
    process.type('/list\r')
    await process.shows('2 conversations')
    await process.shows('My talk')
    process.type('/open 2\r')
    await process.shows('Going on with: My talk')
    process.type('/delete\r')
    await process.shows('This deletes "My talk" for good.')
    process.type('n\r')
    await process.shows('Nothing was deleted.')
    process.type('/delete\r')
    await process.shows((text) => text.endsWith('Delete it? (y/N)'))
    process.type('y\r')
    await process.shows('Deleted: My talk')
    process.type('/list\r')
    await process.shows('1 conversation')
    process.type('/nonsense\r')
    await process.shows('There is no /nonsense.')
    process.type('/quit\r')
    expect((await process.end({ input: false })).code).toBe(0)
  })

  test('Tab completes commands, models and endpoints', async ({ provider, chats }) => {
    answer(provider)
    const process = chats.startOnScreen(WIDE)
    await waits(process)
    process.type('/mo\t')
    await process.shows((text) => text.endsWith('you> /model'))
    process.type('sc\t')
    await process.shows((text) => text.endsWith('you> /model scripted-'))
    process.type('\t')
    await process.shows('scripted-1  scripted-2')
    process.type('2\r')
    await process.shows('Asking scripted-2')
  })

  test('/editor opens the editor, and its text waits in the line', async ({ provider, chats }) => {
    answer(provider, streamed(['Hello']))
    const folder = await mkdtemp(join(tmpdir(), 'colloquy-editor-'))
    const editor = join(folder, 'editor')
    await writeFile(
      editor,
      '#!/bin/sh\ncat "$2" > "$1.seen"; printf "from\\nthe editor\\n" > "$2"\n',
    )
    await chmod(editor, 0o700)
    try {
      const process = chats.startOnScreen(WIDE, { env: { EDITOR: `${editor} ${folder}/out` } })
      await waits(process)
      process.type('/editor a start\r')
      await process.shows((text) => text.endsWith('you> from\n     the editor'))
      expect(await readFile(join(folder, 'out.seen'), 'utf8')).toBe('a start')
      expect(asked(provider)).toEqual([])
      process.type('\r')
      await process.shows('Hello')
      expect(questions(provider)).toEqual(['from\nthe editor'])
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  test('a single question on a screen shows its answer alone, and reasoning by its name', async ({
    provider,
    chats,
  }) => {
    answer(
      provider,
      streamed(['It is **42**, as far as anybody knows.'], { reasoning: ['Let me see.'] }),
    )
    const process = chats.startOnScreen(NARROW, { args: ['why?'] })

    expect((await process.end({ input: false })).code).toBe(0)
    expect(process.screen.text).toMatch(
      /^thinking:\nLet me see\.\nanswer:\nIt is 42, as far as anybody\nknows\.\n\d+\.\d s$/,
    )
  })

  test('Ctrl-C at a question about deleting deletes nothing', async ({ provider, chats }) => {
    answer(provider, streamed(['Hello']))
    const process = chats.startOnScreen(WIDE)
    await waits(process)
    await ask(process, 'hello')
    process.type('/delete\r')
    await process.shows((text) => text.endsWith('Delete it? (y/N)'))
    process.pressCtrlC()
    await process.shows('Nothing was deleted.')
    await waits(process)
    process.type('/list\r')
    await process.shows('1 conversation')
  })

  test('/copy prefers a program of the system', async ({ provider, chats }) => {
    answer(provider, streamed(['Copy me']))
    const folder = await mkdtemp(join(tmpdir(), 'colloquy-clipboard-'))
    await writeFile(join(folder, 'xclip'), `#!/bin/sh\ncat > '${folder}/copied'\n`, { mode: 0o700 })
    try {
      const env = { DISPLAY: ':0', PATH: `${folder}:${globalThis.process.env['PATH']}` }
      const process = chats.startOnScreen(WIDE, { env })
      await waits(process)
      await ask(process, 'hello')
      process.type('/copy\r')
      await process.shows('Copied 7 characters.')
      expect(await readFile(join(folder, 'copied'), 'utf8')).toBe('Copy me')
      expect(process.screen.strings).toEqual([])
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  test('an editor that is missing is said', async ({ chats }) => {
    const process = chats.startOnScreen(WIDE, { env: { EDITOR: 'no-such-editor' } })
    await waits(process)
    process.type('/editor\r')
    await process.shows('The editor no-such-editor was not found. Set EDITOR to another one.')
  })

  test('/copy gives the last reply, or its code, to the clipboard of the terminal', async ({
    provider,
    chats,
  }) => {
    answer(provider, streamed(['See:\n```sh\nls -l\n```\nDone. é']))
    const process = chats.startOnScreen(WIDE)
    await waits(process)
    process.type('/copy\r')
    await process.shows('There is no reply to copy yet.')
    await ask(process, 'how?')
    process.type('/copy\r')
    await process.shows('Copied 28 characters.')
    process.type('/copy code\r')
    await process.shows('Copied 5 characters.')

    const copied = process.screen.strings.map((string) =>
      Buffer.from(string.replace('52;c;', ''), 'base64').toString(),
    )
    expect(copied).toEqual(['See:\n```sh\nls -l\n```\nDone. é', 'ls -l'])
  })

  test('the arrow keys bring back what was said before a restart', async ({ provider, chats }) => {
    answer(provider, streamed(['One.']), streamed(['Two.']), streamed(['Three.']))
    const first = chats.startOnScreen(WIDE)
    await waits(first)
    await ask(first, 'the first')
    await ask(first, 'the second')
    first.pressCtrlD()
    await first.end({ input: false })

    const second = chats.startOnScreen(WIDE)
    await waits(second)
    second.type('draft\u001B[A\u001B[A')
    await waits(second, 'the first')
    second.type('\u001B[B\u001B[B')
    await waits(second, 'draft')
  })

  test('a conversation that goes on says who spoke and how each turn ended', async ({
    provider,
    chats,
  }) => {
    answer(
      provider,
      streamed(['One.']),
      json({ error: { message: 'no way' } }, { status: 400 }),
      json({}, { status: 500, headers: { 'retry-after': '9' } }),
    )
    const first = chats.startOnScreen(WIDE)
    await waits(first)
    await ask(first, 'first')
    first.type('second\r')
    await first.shows('no way')
    first.type('third\r')
    await first.shows('trying again')
    first.pressCtrlC()
    await first.shows('Stopped.')
    first.pressCtrlD()
    await first.end({ input: false })

    const second = chats.startOnScreen(WIDE, { args: ['--continue'] })
    await waits(second)
    const { text } = second.screen
    expect(text).toContain(
      'you> first\nm:\nOne.\nyou> second\n[failed: Endpoint "online" answered 400: no way',
    )
    expect(text).toContain('you> third\n[stopped before there was any text]\nyou>')
  })

  test('/open shows the last screenful, and /show all of it', async ({ provider, chats }) => {
    const long = Array.from({ length: 8 }, (_, index) => `row ${index}`).join('\n')
    answer(provider, streamed([`A\n${long}`]), streamed([`B\n${long}`]))
    const first = chats.startOnScreen(NARROW)
    await waits(first)
    await ask(first, 'one')
    await ask(first, 'two')
    first.pressCtrlD()
    await first.end({ input: false })

    const second = chats.startOnScreen(NARROW, { args: ['-c'] })
    await waits(second)
    expect(second.screen.text).toContain('earlier messages: /show has')
    expect(second.screen.text).not.toContain('you> one')
    second.type('/show\r')
    await second.shows((text) => /you> one\nm:\nA\nrow 0[^]*row 7\nyou> two\nm:\nB/.test(text))
  })

  test('any model may be typed where there is a choice', async ({ provider, chats }) => {
    answer(provider, streamed(['Hello']))
    const process = chats.startOnScreen(WIDE, { env: { OPENAI_MODEL: '' } })
    await process.shows('Model (number or name):')
    process.type('9\r')
    await process.shows('Type the name of a model, or a number of the list.')
    process.type('not/listed:1\r')
    await waits(process)
    await ask(process, 'hello')
    expect(asked(provider)[0]?.body.model).toBe('not/listed:1')
  })

  test('airplane mode asks its own endpoint, and is told of at the next start', async ({
    provider,
    chats,
  }) => {
    answer(provider, streamed(['Local.']), streamed(['Remote.']))
    const env = { COLLOQUY_URL_AIRPLANE: provider.url, COLLOQUY_MODEL_AIRPLANE: 'small' }
    const first = chats.startOnScreen(WIDE, { env })
    await waits(first)
    first.type('/airplane on\r')
    await first.shows('Airplane mode is on: asking small')
    await ask(first, 'hello')
    expect(first.screen.text).toContain('small:\nLocal.')
    first.type('/model m@online\r')
    await first.shows('Airplane mode is on: only its own models')
    first.pressCtrlD()
    await first.end({ input: false })

    const second = chats.startOnScreen(WIDE, { env, args: ['-c'] })
    await second.shows('Airplane mode is on: only the endpoint "airplane" is asked.')
    await waits(second)
    second.type('/airplane off\r')
    await second.shows('Airplane mode is off: asking m')
    await ask(second, 'hello again')
    expect(asked(provider).map(({ body }) => body.model)).toEqual(['small', 'm'])
  })

  test('several endpoints are asked by their names, each in its dialect', async ({
    provider,
    chats,
  }) => {
    answer(provider, replied(['In messages.']))
    const env = {
      COLLOQUY_URL_OTHER: provider.url,
      COLLOQUY_MODEL_OTHER: 'o',
      COLLOQUY_DIALECT_OTHER: 'messages',
    }
    const process = chats.startOnScreen(WIDE, { env })
    await waits(process)
    process.type('/model @other\r')
    await process.shows('Asking o at other')
    await ask(process, 'hello')
    expect(process.screen.text).toContain('o:\nIn messages.')
    expect(asked(provider)[0]).toMatchObject({ path: '/v1/messages', body: { model: 'o' } })
    process.type('/model @nowhere\r')
    await process.shows('There is no endpoint "nowhere".')
    process.type('/model m@online\r')
    await process.shows('Asking m at online')
  })

  test('a terminal that closes ends the chat, and keeps what had arrived', async ({
    provider,
    chats,
  }) => {
    answer(provider, endless('word '), streamed(['Hello']))
    const first = chats.startOnScreen(WIDE)
    await waits(first)
    first.type('go on\r')
    await first.shows('word word')
    first.kill('SIGKILL') // `script` has the other end of the terminal
    await asked(provider)[0]?.closed

    const second = chats.startOnScreen(WIDE, { args: ['-c'] })
    await waits(second)
    expect(second.screen.text).toMatch(/word word[^]*\[stopped here\]/)
  })

  test('Ctrl-L empties the screen, and the terminal is given back as it was', async ({ chats }) => {
    const process = chats.startOnScreen(NARROW)
    await waits(process)
    process.type('\u000C')
    await process.shows((text) => text.trim() === 'you>')
    expect(process.screen.modes).toContain('?2004')
    process.pressCtrlD()
    await process.end({ input: false })
    expect(process.screen.modes).not.toContain('?2004')
  })
})
