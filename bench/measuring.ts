/**
 * Starts the processes of a benchmark run: the provider once, and one process for each measurement.
 * So no client warms up, fills or fragments the process of another.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Figures, Task } from './measures/task.ts'

/** A measure, a client and the options of the measure. */
export type Measurement = Pick<Task, 'measure' | 'client' | 'options'>

/** The limit for one process: a process that hangs must not stop an unattended run. */
const PATIENCE_MS = 120_000

export class Measuring {
  readonly #provider: ChildProcess
  readonly #url: string
  readonly #build: string

  private constructor(provider: ChildProcess, url: string, build: string) {
    this.#provider = provider
    this.#url = url
    this.#build = build
  }

  /** @param build - the folder of the measured Colloquy build */
  static async start(build: string): Promise<Measuring> {
    const provider = fork(join(import.meta.dirname, 'provider', 'provider-process.ts'))
    const [{ url }] = (await once(provider, 'message')) as [{ url: string }]
    return new Measuring(provider, url, build)
  }

  /** @throws if the process fails or hangs, or its client got a wrong reply */
  async measure(measurement: Measurement): Promise<Figures> {
    const directory = await mkdtemp(join(tmpdir(), 'colloquy-bench-'))
    try {
      const task: Task = { ...measurement, url: this.#url, build: this.#build, directory }
      return await figuresOf(task)
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  }

  /** Ends the provider. */
  stop(): void {
    this.#provider.kill()
  }
}

async function figuresOf(task: Task): Promise<Figures> {
  const child = fork(join(import.meta.dirname, 'process.ts'), [JSON.stringify(task)], {
    execArgv: ['--expose-gc', '--no-warnings'],
  })
  const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS)
  let figures: Figures | undefined
  child.on('message', (told) => {
    figures = told as Figures
  })
  await once(child, 'exit')
  clearTimeout(timer)
  if (figures === undefined) {
    throw new Error(`${task.client} failed at ${task.measure} ${JSON.stringify(task.options)}.`)
  }
  return figures
}
