/**
 * An example as a child process, started in the way its npm script starts it.
 *
 * A test writes lines to it and waits for its output. Knows nothing of time: no wait is a sleep.
 */
import { execFile, spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Screen } from './screen.ts'

const REPOSITORY = join(import.meta.dirname, '../..')
/** Node's compile cache: with it, each start takes half as long. */
const COMPILED = join(REPOSITORY, 'node_modules/.cache/examples')
/** A test that waits longer fails with what is on the screen. */
const PATIENCE_MS = 15_000
const CTRL_C = '\u0003'
const CTRL_D = '\u0004'

export interface ExampleOptions {
  /** The npm script. @defaultValue `'chat'` */
  readonly script?: string
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** The size of the terminal. Absent: the terminal does not know it. */
  readonly size?: TerminalSize | undefined
  /** Makes the shell line that is run on the terminal. @param program - the program as a command */
  readonly line?: ((program: string) => string) | undefined
}

export interface TerminalSize {
  readonly columns: number
  readonly rows: number
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
  /** The screen of a terminal whose size is known. */
  readonly #screen: Screen | undefined
  #hasEnded = false
  #look: (() => void) | undefined

  private constructor(
    program: string,
    args: readonly string[],
    { env, size }: { env?: ExampleOptions['env'] | undefined; size?: TerminalSize | undefined },
  ) {
    this.#screen = size && new Screen(size.columns, size.rows)
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
        if (output === 'stdout') this.#screen?.write(piece)
        this.#look?.()
      })
    }
  }

  /** Starts it with pipes for input and output. */
  static start({ script, args = [], env }: ExampleOptions): ExampleProcess {
    return new ExampleProcess(process.execPath, [...nodeArguments(script), ...args], { env })
  }

  /** Starts it on its own terminal. The content of the terminal is its `stdout`. */
  static startOnTerminal({
    script,
    args = [],
    env,
    size,
    line = (program) => `exec ${program}`,
  }: ExampleOptions): ExampleProcess {
    const program = [process.execPath, ...nodeArguments(script), ...args].map(quoted).join(' ')
    const setup = size === undefined ? '' : `stty rows ${size.rows} cols ${size.columns}; `
    const options = ['--quiet', '--return', '--command', setup + line(program), '/dev/null']
    return new ExampleProcess('script', options, { env: { TERM: 'xterm', ...env }, size })
  }

  /** Starts a shell line in which `$CHAT` is the program with its arguments. */
  static startInShell(line: string, { script, args = [], env }: ExampleOptions): ExampleProcess {
    const program = [process.execPath, ...nodeArguments(script), ...args].map(quoted).join(' ')
    return new ExampleProcess('sh', ['-c', `chat() { ${program} "$@"; }; ${line}`], { env })
  }

  /** The screen of the terminal. */
  get screen(): Screen {
    if (this.#screen === undefined) throw new Error('This process has no screen of a known size.')
    return this.#screen
  }

  /** Waits until the screen has a text, or fulfils a condition. */
  async shows(what: string | RegExp | ((text: string) => boolean)): Promise<string> {
    const holds =
      typeof what === 'function'
        ? what
        : (text: string) => (typeof what === 'string' ? text.includes(what) : what.test(text))
    const late = AbortSignal.timeout(PATIENCE_MS)
    for (;;) {
      const { text } = this.screen
      if (holds(text)) return text
      if (this.#hasEnded || late.aborted) {
        throw new Error(`It never showed ${String(what)}, but:\n${text}`)
      }
      await new Promise<void>((resolve) => {
        this.#look = resolve
        late.addEventListener('abort', () => resolve(), { once: true })
      })
    }
  }

  /**
   * Gives the terminal another width, as a person does who drags its side. On Linux only. The height
   * stays: `stty` would set it in a step of its own.
   */
  async resize(columns: number): Promise<void> {
    const { pid } = this.#child
    const [shell] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ')
    const device = readlinkSync(`/proc/${shell}/fd/0`)
    this.screen.resize(columns)
    await promisify(execFile)('stty', ['-F', device, 'cols', `${columns}`])
  }

  /** Pastes a text, as a terminal does that marks it. */
  paste(text: string): void {
    this.type(`\u001B[200~${text}\u001B[201~`)
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
function nodeArguments(script = 'chat'): string[] {
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
