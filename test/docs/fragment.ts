/**
 * Makes a module of a fragment of a page: of a few lines that use `engine` or `chat` without saying
 * where they come from.
 *
 * The module declares these names around the fragment. Knows nothing of pages.
 */

import * as testing from '../../src/testing.ts'

/** The addresses that pages print. The scripted provider stands for all of them. */
export const PRINTED_URLS = [
  'https://llm.example/v1',
  'https://api.openai.com/v1',
  'https://backup.example/v1',
  'http://127.0.0.1:11434/v1',
  'http://127.0.0.1:8080/v1',
]

/** Messages whose last one has a tool call without a result. */
const A_CALL = `[
  { role: 'user', content: 'How warm is it?' },
  {
    role: 'assistant',
    content: [
      { type: 'tool-call', toolCallId: 'call_1', toolName: 'weather', input: {}, inputText: '{}' },
    ],
  },
]`

/** The names that fragments may use, in the order in which their values are made. */
const GIVEN: readonly (readonly [name: string, declaration: string])[] = [
  ['url', "const url = 'https://llm.example/v1'"],
  ['apiKey', "const apiKey = 'sk-test'"],
  ['signal', 'const { signal } = new AbortController()'],
  ['tokens', "const tokens = { current: () => 'sk-test' }"],
  ['show', 'const show = (text: string): void => void text'],
  ['render', 'const render = (text: string): void => void text'],
  ['warn', 'const warn = (error: unknown): void => void error'],
  ['showList', 'const showList = async (): Promise<void> => {}'],
  ['showMode', 'const showMode = async (engine: Engine): Promise<void> => void engine'],
  [
    'showEndpoint',
    'const showEndpoint = async (name: string | undefined): Promise<void> => void name',
  ],
  [
    'response',
    'const response = { writeHead: (status: number) => ({ status, end(_: string) {} }) }',
  ],
  ['toolCallId', "const toolCallId = 'call_1'"],
  ['engine', "const engine = await createEngine({ database: ':memory:', autoTitle: false })"],
  [
    'engine',
    "await engine.putEndpoint('online', { url: 'https://llm.example/v1', apiKey: 'sk-test', model: 'small' })",
  ],
  ['chat', 'const chat = await engine.startConversation()'],
  ['conversation', `const conversation = await engine.startConversation({ messages: ${A_CALL} })`],
  ['turn', "const turn = await engine.send(chat.id, 'hello')"],
  ['turnId', 'const turnId = (await (await engine.send(chat.id, "hi")).reply).turn.id'],
  ['provider', 'const provider = await startProvider()'],
]

/** What the values of the table are made of. */
const NEEDS: Readonly<Record<string, readonly string[]>> = {
  chat: ['engine'],
  conversation: ['engine'],
  turn: ['chat', 'engine'],
  turnId: ['chat', 'engine'],
}

/** The functions that a fragment may call without their import, and where they come from. */
const IMPORTED: Readonly<Record<string, string>> = {
  ...Object.fromEntries(Object.keys(testing).map((name) => [name, 'colloquy/testing'])),
  createEngine: 'colloquy',
  createHandler: 'colloquy/http',
  createClient: 'colloquy/client',
}

/** The text of a module that runs the fragment, with the provider at `url`. */
export function moduleOf(fragment: string, language: string, url: string): string {
  const imports = fragment.match(/^import [^]*?['"]$/gm) ?? []
  const body = imports.reduce((rest, line) => rest.replace(line, ''), fragment)
  const declared = (name: string) =>
    new RegExp(
      `\\b(?:const|let|using|function|class|type|interface) (?:\\{[^}]*\\b)?${name}\\b`,
    ).test(body) || imports.some((line) => new RegExp(`\\b${name}\\b`).test(line))
  const used = (name: string) =>
    new RegExp(`(?<![.\\w'#-])${name}\\b(?!['\\w-]|\\??:)|[{,] ${name}(?=,| \\})`).test(body) &&
    !declared(name)

  const names = new Set(GIVEN.map(([name]) => name).filter(used))
  for (const name of names) for (const need of NEEDS[name] ?? []) names.add(need)
  const given = GIVEN.filter(([name]) => names.has(name)).map(([, line]) => line)
  const prelude = given.join('\n')
  const called = (name: string) =>
    new RegExp(`(?<![.\\w'])${name}\\(`).test(`${body}\n${prelude}`) && !declared(name)
  const functions = Object.keys(IMPORTED).filter(called)
  return withProvider(
    [
      ...functions.map((name) => `import { ${name} } from '${IMPORTED[name]}'`),
      ...(language === 'ts' && prelude.includes(': Engine')
        ? ["import type { Engine } from 'colloquy'"]
        : []),
      ...imports,
      language === 'ts' ? prelude : prelude.replaceAll(/: (string|number|unknown|void)\b/g, ''),
      // The fragment may declare a name of the table itself.
      '{',
      body,
      '}',
      ...(names.has('engine') ? ['await engine.close()'] : []),
      'export {}',
      '',
    ].join('\n'),
    url,
  )
}

/** The code with the url of the provider in place of the printed ones. */
export function withProvider(code: string, url: string): string {
  return PRINTED_URLS.reduce((text, printed) => text.replaceAll(printed, url), code)
}
