/**
 * The files that the pages tell the reader to save run as they are printed, each as a process of
 * its own, on the built package. Those about bundling are in bundling.program.test.ts.
 */
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { errorReply } from '../../src/testing.ts'
import type { Block } from './pages.ts'
import { files, SavedFiles } from './saved-files.ts'

/** Each test starts processes, which take long where the machine is busy. */
const LONGEST = 60_000

let saved: SavedFiles

beforeAll(async () => {
  saved = await SavedFiles.create()
}, LONGEST)

afterAll(async () => {
  await saved[Symbol.asyncDispose]()
})

test(
  'every file compiles',
  async () => {
    const typed = files.filter(({ file = '' }) => file.endsWith('.ts'))

    expect(typed.length).toBeGreaterThan(3)
    expect(await saved.project.complaints(typed.map((block) => saved.pathOf(block)))).toEqual([])
  },
  LONGEST,
)

test(
  'every file is run, or is part of one that is',
  async () => {
    const tests = ['programs.program.test.ts', 'bundling.program.test.ts'].map((name) =>
      join(import.meta.dirname, name),
    )
    const source = (await Promise.all(tests.map((path) => readFile(path, 'utf8')))).join('')
    const isRun = ({ page, file = '', output }: Block) =>
      output !== undefined ||
      source.includes(`'${page}', '${file}'`) ||
      // Every command of this page is run.
      page === 'docs/bundling.md' ||
      files.some((other) => other.page === page && other.code.includes(`./${file}'`))

    expect(files.length).toBeGreaterThan(10)
    expect(
      files.filter((block) => !isRun(block)).map(({ page, file }) => `${page}: ${file}`),
    ).toEqual([])
  },
  LONGEST,
)

test(
  'the chat of the quick start streams, saves, and goes on after a restart',
  async () => {
    const first = await saved.run('docs/quick-start.md', 'chat.mjs', {
      input: 'What is an actor?\n',
    })
    const second = await saved.run('docs/quick-start.md', 'chat.mjs', { input: '' })

    expect(first).toBe('An actor has a mailbox.\n')
    expect(second).toBe(
      'user (complete): What is an actor?\nassistant (complete): An actor has a mailbox.\n',
    )
  },
  LONGEST,
)

test(
  'the chat of the quick start tells errors, and takes the next question',
  async () => {
    saved.provider.next(errorReply(401, 'Incorrect API key provided.'))

    const output = await saved.run('docs/quick-start.md', 'chat.mjs', {
      input: 'One?\nTwo?\n',
      cwd: 'docs-wrong-key',
    })

    expect(output).toMatch(/^\nbad-key: .*\nAn actor has a mailbox\.\n$/)
  },
  LONGEST,
)

test(
  'the practice provider of the quick start answers its chat',
  async () => {
    const practice = saved.start('docs/quick-start.md', 'practice.mjs')
    const [printed] = (await once(practice.stdout, 'data')) as [Buffer]
    const url = /^OPENAI_BASE_URL=(\S+) node chat\.mjs\n$/.exec(printed.toString())?.[1] ?? ''

    const output = await saved.run('docs/quick-start.md', 'chat.mjs', {
      input: 'hello there\n',
      url,
      cwd: 'docs-practice',
    })

    expect(output).toBe('You said: hello there\n')
  },
  LONGEST,
)

test(
  'the agent runs its tool and answers',
  async () => {
    expect(await saved.run('docs/agent-loop.md', 'agent.ts')).toBe('An actor has a mailbox.\n')
    const results = saved.provider.requests.flatMap(({ body }) =>
      (body as { messages: { role: string }[] }).messages.filter(({ role }) => role === 'tool'),
    )
    expect(results).toEqual([
      { role: 'tool', tool_call_id: 'call_1', content: '{"city":"Oslo","celsius":21}' },
    ])
  },
  LONGEST,
)

test.each(files.filter(({ output }) => output !== undefined))(
  '$file of $page prints what the page says',
  async ({ page, file = '', output }) => {
    expect(await saved.run(page, file)).toBe(output)
  },
  LONGEST,
)
