/** `/regenerate`, `/edit` and `/branches` of the terminal chat, on a screen and in a pipe. */
import { describe, expect } from 'vitest'
import type { Provider } from '../support/provider.ts'
import { endless, streamed } from '../support/scripts.ts'
import { answer, asked } from './chat-provider.ts'
import { test, type ChatStarter } from './chat-test.ts'
import type { ExampleProcess, TerminalSize } from './example-process.ts'

const SIZES = [
  { columns: 80, rows: 30 },
  { columns: 32, rows: 30 },
]

/** The texts of each request. */
function sent(provider: Provider): readonly string[][] {
  return asked(provider).map(({ body }) =>
    body.messages.map(({ content }: { content: string }) => content),
  )
}

/** Types a line, and waits until the chat asks for the next one. */
async function enter(process: ExampleProcess, line: string, shown: string): Promise<void> {
  process.type(`${line}\r`)
  await process.shows((text) => {
    const after = text.slice(text.lastIndexOf(shown))
    return text.includes(shown) && after.endsWith('\nyou>')
  })
}

async function start(chats: ChatStarter, size: TerminalSize): Promise<ExampleProcess> {
  const process = chats.startOnScreen(size)
  await process.shows((text) => text.endsWith('\nyou>'))
  return process
}

describe.runIf(process.platform === 'linux').each(SIZES)('at $columns columns', (size) => {
  test('/regenerate streams another reply, and /branches goes back', async ({
    provider,
    chats,
  }) => {
    answer(provider, streamed(['Red.']), streamed(['Blue.']), streamed(['Sky.']))
    const process = await start(chats, size)
    await enter(process, '/regenerate', 'There is no question')
    await enter(process, '/branches', 'This conversation has no')
    await enter(process, 'colour?', 'Red.')
    await enter(process, '/regenerate', 'Reply 2 of 2')
    expect(process.screen.text).toContain('m:\nBlue.\n')

    process.type('/branches\r')
    const listed = await process.shows((text) => text.endsWith('Go on with (number):'))
    expect(listed).toContain('After "colour?":\n   1  Red.\n*  2  Blue.\n')
    await enter(process, '1', 'you> colour?\nm:\nRed.\n')
    await enter(process, 'a thing?', 'Sky.')

    expect(sent(provider)).toEqual([['colour?'], ['colour?'], ['colour?', 'Red.', 'a thing?']])
    await enter(process, '/branches 9', '/branches takes a number')
    await enter(process, '/branches 2', 'you> colour?\nm:\nBlue.\n')
  })

  test('/edit offers a question, and sends it as a new branch', async ({ provider, chats }) => {
    answer(provider, streamed(['One.']), streamed(['Two.']), streamed(['Three.']), streamed(['4']))
    const process = await start(chats, size)
    await enter(process, '/edit', 'There is no question to edit')
    await enter(process, 'first', 'One.')
    await enter(process, 'second', 'Two.')

    process.type('/edit\r')
    await process.shows((text) => text.endsWith('\nedit> second'))
    process.type(' again')
    await enter(process, '', 'Version 2 of 2')
    process.type('/edit 1\r')
    await process.shows((text) => text.endsWith('\nedit> first'))
    await enter(process, '!', 'm:\n4\n')
    await enter(process, '/edit 7', '/edit takes the number')

    expect(sent(provider).slice(2)).toEqual([['first', 'One.', 'second again'], ['first!']])
    process.type('/branches\r')
    const listed = await process.shows((text) => text.endsWith('Go on with (number):'))
    expect(listed).toContain('At the beginning:\n   1  first\n*  2  first!\n')
    await enter(process, '1', 'you> second again\nm:\nThree.\n')
  })

  test('Ctrl-C leaves an edit, a choice, and a reply as they are', async ({ provider, chats }) => {
    answer(provider, streamed(['One.']), endless('word '), endless('other '))
    const process = await start(chats, size)
    await enter(process, 'first', 'One.')

    process.type('/edit\r')
    await process.shows((text) => text.endsWith('\nedit> first'))
    process.type(' changed')
    await process.shows((text) => text.endsWith('edit> first changed'))
    process.pressCtrlC()
    await process.shows((text) => /Nothing was changed\.[^]*\nyou>$/.test(text))
    expect(sent(provider)).toHaveLength(1)
    await enter(process, '/title T', 'Title: T')

    process.type('/regenerate\r')
    await process.shows('word word')
    process.pressCtrlC()
    await process.shows((text) => /Stopped\.[^]*\nyou>$/.test(text))

    process.type('/branches\r')
    await process.shows((text) => text.endsWith('Go on with (number):'))
    process.pressCtrlC()
    await process.shows((text) => /number\):[^]*Nothing was changed\.[^]*\nyou>$/.test(text))

    process.type('/edit\r')
    await process.shows((text) => text.endsWith('\nedit> first'))
    process.type('!\r')
    await process.shows('other other')
    process.pressCtrlC()
    await process.shows((text) => /other[^]*Stopped\.[^]*\nyou>$/.test(text))
    process.pressCtrlD()
    expect((await process.end({ input: false })).code).toBe(0)
  })
})

test('Tab completes the numbers of questions and of branches', async ({ provider, chats }) => {
  answer(provider, streamed(['One.']), streamed(['Two.']))
  const process = await start(chats, { columns: 80, rows: 30 })
  await enter(process, 'first', 'One.')
  process.type('/edit \t')
  await process.shows((text) => text.endsWith('you> /edit 1'))
  process.type('\u0015')
  await enter(process, '/regenerate', 'Reply 2 of 2')
  process.type('/branches \t')
  await process.shows((text) => text.includes('\n1  2\n'))
})

test('a pipe takes the new question from the next line', async ({ provider, chats }) => {
  provider.next(streamed(['One.']), streamed(['Two.']), streamed(['Three.']))
  const process = chats.startWith({ NO_COLOR: '1' }, '--lines')
  for (const line of ['first', '/edit', 'other', '/regenerate', '/branches', '/branches 1']) {
    process.say(line)
  }

  const { code, stdout } = await process.end()
  expect(code).toBe(0)
  expect(stdout).toBe(
    'One.\nTwo.\nThree.\n   1  first\n*  2  other\n   3  Two.\n*  4  Three.\n> first\nOne.\n',
  )
  expect(sent(provider)).toEqual([['first'], ['other'], ['other']])
})

test('a pipe that ends after /edit, or names no branch, has failed', async ({ chats }) => {
  for (const [lines, said] of [
    [['first', '/edit'], '/edit takes the new question from the next line.'],
    [['first', '/branches 3'], '/branches takes a number that it lists.'],
  ] as const) {
    const process = chats.start('--lines')
    for (const line of lines) process.say(line)
    const { code, stderr } = await process.end()
    expect(code).toBe(1)
    expect(stderr).toContain(said)
  }
})
