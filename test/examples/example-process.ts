/**
 * An example as a child process, started in the way its npm script starts it.
 *
 * A test writes lines to it and waits for its output. Knows nothing of time: no wait is a sleep.
 */
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const REPOSITORY = join(import.meta.dirname, '../..')
/** Node's compile cache: with it, each start takes half as long. */
const COMPILED = join(REPOSITORY, 'node_modules/.cache/examples')
const CTRL_C = '\u0003'
const CTRL_D = '\u0004'

export interface ExampleOptions {
  /** The npm script. @defaultValue `'start'` */
  readonly script?: string
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

/** The exit code of a process, and all its output. */
export interface Ending {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

type Output = 'stdout' | 'stderr'

export class ExampleProcess {
  readonly #child: ChildProcessWithoutNullStreams
  readonly #ended: Promise<unknown>
  readonly #said: Record<Output, string> = { stdout: '', stderr: '' }
  /** The length of each output that the test has already seen. */
  readonly #seen: Record<Output, number> = { stdout: 0, stderr: 0 }
  #hasEnded = false
  #look: (() => void) | undefined

  private constructor(program: string, args: readonly string[], env: ExampleOptions['env']) {
    // Only the variables that a test names: a developer's own OPENAI_BASE_URL must not reach the
    // child.
    this.#child = spawn(program, args, {
      cwd: REPOSITORY,
      env: { PATH: process.env['PATH'] ?? '', NODE_COMPILE_CACHE: COMPILED, ...env },
    })
    this.#ended = once(this.#child, 'close').then(() => {
      this.#hasEnded = true
      this.#look?.()
    })
    for (const output of ['stdout', 'stderr'] as const) {
      this.#child[output].setEncoding('utf8').on('data', (piece: string) => {
        this.#said[output] += piece
        this.#look?.()
      })
    }
  }

  /** Starts it with pipes for input and output. */
  static start({ script, args = [], env }: ExampleOptions): ExampleProcess {
    return new ExampleProcess(process.execPath, [...nodeArguments(script), ...args], env)
  }

  /** Starts it on its own terminal. The content of the terminal is its `stdout`. */
  static startOnTerminal({ script, args = [], env }: ExampleOptions): ExampleProcess {
    const command = [process.execPath, ...nodeArguments(script), ...args].map(quoted).join(' ')
    const options = ['--quiet', '--return', '--command', command, '/dev/null']
    return new ExampleProcess('script', options, { TERM: 'xterm', ...env })
  }

  /** Types a line on a terminal, or writes it to the pipe. */
  say(line: string): void {
    this.#child.stdin.write(`${line}\n`)
  }

  /** Types text without a newline, on a terminal. */
  type(text: string): void {
    this.#child.stdin.write(text)
  }

  pressCtrlC(): void {
    this.type(CTRL_C)
  }

  pressCtrlD(): void {
    this.type(CTRL_D)
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** Waits for output after the last match. Returns the new match. */
  async hears(what: string | RegExp, output: Output = 'stdout'): Promise<readonly string[]> {
    for (;;) {
      const unseen = this.#said[output].slice(this.#seen[output])
      const found = matchOf(unseen, what)
      if (found !== undefined) {
        this.#seen[output] += found.end
        return found.groups
      }
      if (this.#hasEnded) throw new Error(`It never said ${what}, but:\n${this.#all()}`)
      await new Promise<void>((resolve) => (this.#look = resolve))
    }
  }

  /** Ends the input, unless a test wants the process to end by itself. Waits for the exit. */
  async end({ input = true } = {}): Promise<Ending> {
    if (input) this.#child.stdin.end()
    await this.#ended
    return { code: this.#child.exitCode, ...this.#said }
  }

  #all(): string {
    return `${this.#said.stdout}\n--- stderr ---\n${this.#said.stderr}`
  }

  /** For `afterEach`: no process outlives its test. */
  async destroy(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#ended
  }
}

/** The arguments that an npm script gives to node. */
function nodeArguments(script = 'start'): string[] {
  const { scripts } = JSON.parse(readFileSync(join(REPOSITORY, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>
  }
  const [node, ...args] = scripts[script]?.split(' ') ?? []
  if (node !== 'node') throw new Error(`npm run ${script} does not run node.`)
  return args
}

function matchOf(text: string, what: string | RegExp) {
  if (typeof what === 'string') {
    const at = text.indexOf(what)
    return at < 0 ? undefined : { end: at + what.length, groups: [what] }
  }
  const match = what.exec(text)
  return match === null ? undefined : { end: match.index + match[0].length, groups: [...match] }
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`
}
