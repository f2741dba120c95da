/** `test` for the terminal chat. Each test has its own scripted provider and database. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test as base } from 'vitest'
import { startProvider } from '../support/provider.ts'
import { ExampleProcess, type TerminalSize } from './example-process.ts'

type Environment = Readonly<Record<string, string>>

interface ScreenOptions {
  readonly env?: Environment
  readonly args?: readonly string[]
  /** The shell line that is run on the terminal. @defaultValue the program alone */
  readonly line?: (program: string) => string
}

/** Starts chats on one provider and one database. */
export class ChatStarter {
  readonly database: string
  readonly #env: Environment
  readonly #started: ExampleProcess[] = []

  constructor(directory: string, url: string) {
    this.database = join(directory, 'chat.db')
    this.#env = { OPENAI_BASE_URL: url, OPENAI_API_KEY: 'sk-test', OPENAI_MODEL: 'm' }
  }

  /** Starts a chat with pipes for input and output, and with these arguments. */
  start(...args: readonly string[]): ExampleProcess {
    return this.startWith({}, ...args)
  }

  startWith(env: Environment, ...args: readonly string[]): ExampleProcess {
    return this.#track(ExampleProcess.start(this.#options(env, args)))
  }

  startOnTerminal(env: Environment = {}): ExampleProcess {
    return this.#track(ExampleProcess.startOnTerminal(this.#options(env, [])))
  }

  /** Starts a chat on a terminal of a known size. */
  startOnScreen(
    size: TerminalSize,
    { env = {}, args = [], line }: ScreenOptions = {},
  ): ExampleProcess {
    return this.#track(ExampleProcess.startOnTerminal({ ...this.#options(env, args), size, line }))
  }

  /** Starts a shell line in which `chat` is the program. */
  startInShell(line: string, env: Environment = {}): ExampleProcess {
    const options = { args: [], env: { ...this.#env, ...env, DB: this.database } }
    return this.#track(ExampleProcess.startInShell(line, options))
  }

  async destroy(): Promise<void> {
    await Promise.all(this.#started.map((process) => process.destroy()))
  }

  #options(env: Environment, args: readonly string[]) {
    return { args: ['--database', this.database, ...args], env: { ...this.#env, ...env } }
  }

  #track(process: ExampleProcess): ExampleProcess {
    this.#started.push(process)
    return process
  }
}

export const test = base
  // oxlint-disable-next-line no-empty-pattern -- vitest reads the names of what is needed here
  .extend('provider', async ({}, { onCleanup }) => {
    const provider = await startProvider()
    onCleanup(() => provider.close())
    return provider
  })
  .extend('chats', async ({ provider }, { onCleanup }) => {
    const directory = await mkdtemp(join(tmpdir(), 'colloquy-chat-'))
    const chats = new ChatStarter(directory, provider.url)
    onCleanup(async () => {
      await chats.destroy()
      await rm(directory, { recursive: true })
    })
    return chats
  })
