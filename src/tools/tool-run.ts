/**
 * One run of a tool: it is started, and the first of result, error, timeout and stop is its outcome.
 *
 *   start ──▶ running ── result, error ──▶ settled
 *                 └── timeout, stop ──▶ over ── the tool settles after all ──▶ late
 *
 * A tool that ignores its signal, or never settles, holds up nobody. Knows nothing of steps and of
 * where an outcome goes.
 */
import { setImmediate as nextTask } from 'node:timers/promises'
import type { Clock } from '../protocol/clock.ts'
import { startTimer } from '../protocol/clock.ts'
import { type CallOutcome, failedOutcome, timeoutOutcome } from '../protocol/call-outcome.ts'
import { outputOutcome, type OutputOptions } from './output.ts'
import { type CallContext, ToolError } from './tool.ts'
import type { ReadyTool } from './toolbox.ts'

/** The longest message of an error that a model is told. */
const LONGEST_MESSAGE = 2_000
const FAILED = 'The tool failed.'
/** So many values of a generator are taken before timers and sockets have their turn. */
const VALUES_AT_ONCE = 64

export interface ToolRunPort extends OutputOptions {
  readonly clock: Clock
  readonly timeoutMs: number
  readonly context: Omit<CallContext, 'signal' | 'progress'>
  /** Removes secrets from a text. */
  readonly redact: (text: string) => string
  readonly progress: (value: unknown) => void
  /** Called at most once, unless the run was stopped before. */
  readonly settled: (outcome: CallOutcome) => void
  /** Called if the tool settles after a timeout or a stop. */
  readonly late: (outcome: CallOutcome) => void
}

export class ToolRun {
  readonly #tool: ReadyTool
  readonly #input: unknown
  readonly #port: ToolRunPort
  readonly #abort = new AbortController()
  #timer: unknown
  #isOver = false
  /** False until the tool's own code was entered. */
  #hasBegun = false

  constructor(tool: ReadyTool, input: unknown, port: ToolRunPort) {
    this.#tool = tool
    this.#input = input
    this.#port = port
  }

  /** Starts the tool, in a microtask of its own. */
  start(): void {
    const { clock, timeoutMs } = this.#port
    this.#timer = startTimer(clock, timeoutMs, () => {
      if (this.#end()) this.#port.settled(timeoutOutcome(timeoutMs))
    })
    void this.#run()
  }

  /** Ends the run without an outcome. Returns true if the tool's own code was entered. */
  stop(): boolean {
    this.#end()
    return this.#hasBegun
  }

  async #run(): Promise<void> {
    await Promise.resolve()
    if (this.#isOver) return
    this.#hasBegun = true
    const outcome = await this.#outcome()
    if (this.#isOver) return this.#port.late(outcome)
    this.#isOver = true
    this.#port.clock.clearTimeout(this.#timer)
    this.#port.settled(outcome)
  }

  async #outcome(): Promise<CallOutcome> {
    const { tool } = this.#tool
    const { context, progress } = this.#port
    try {
      const call: CallContext = {
        ...context,
        signal: this.#abort.signal,
        progress: (value) => {
          if (!this.#isOver) progress(value)
        },
      }
      const { execute } = tool
      const returned: unknown =
        typeof execute === 'function' ? execute(this.#input, call) : undefined
      const value = isGenerator(returned) ? await this.#drawn(returned) : await returned
      return outputOutcome(value, tool, this.#port)
    } catch (error) {
      this.#port.threw(error)
      return failedOutcome('failed', this.#messageOf(error))
    }
  }

  /** The result of a generator, whose values are progress until then. */
  async #drawn(generator: AsyncGenerator): Promise<unknown> {
    let last: unknown
    for (let count = 1; ; count += 1) {
      const { done, value } = await generator.next()
      if (done === true) return value ?? last
      if (this.#isOver) {
        await generator.return(undefined)
        throw new ToolError('The tool was stopped between two of its values.')
      }
      last = value
      this.#port.progress(value)
      // A generator that never waits would keep its own timeout, and all else, from coming.
      if (count % VALUES_AT_ONCE === 0) await nextTask()
    }
  }

  #messageOf(error: unknown): string {
    try {
      const message: unknown = error instanceof Error ? error.message : error
      const isTold = error instanceof ToolError || this.#tool.tool.exposeErrors !== false
      if (!isTold || typeof message !== 'string' || message.trim() === '') return FAILED
      return this.#port.redact(message).slice(0, LONGEST_MESSAGE).toWellFormed()
    } catch {
      // The tool threw a proxy, or an error whose message cannot be read.
      return FAILED
    }
  }

  /** Returns true if the run was not over. */
  #end(): boolean {
    if (this.#isOver) return false
    this.#isOver = true
    this.#port.clock.clearTimeout(this.#timer)
    this.#abort.abort()
    return true
  }
}

function isGenerator(value: unknown): value is AsyncGenerator {
  return (
    typeof value === 'object' &&
    value !== null &&
    Symbol.asyncIterator in value &&
    typeof (value as { readonly next?: unknown }).next === 'function'
  )
}
