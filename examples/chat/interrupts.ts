/**
 * Decides the effect of Ctrl-C and of signals. The first Ctrl-C stops the streaming reply, or says
 * how to leave. The second leaves. The third leaves without waiting for anything.
 */
import type { Terminal } from './terminal.ts'

const CTRL_C = 130
/** The exit codes of signals that ask a program to end. */
const SIGNALS = { SIGHUP: 129, SIGTERM: 143 } as const
/** The longest wait, in milliseconds, for a save that keeps failing, where nobody can press Ctrl-C again. */
const PATIENCE_MS = 5_000

export class Interrupts {
  /** True if nobody is there to press Ctrl-C a second time: the first one leaves. */
  isHasty = false
  /** The exit code of Ctrl-C. A person who leaves a conversation has not failed. */
  ctrlCCode = CTRL_C
  /** True while another program has the terminal: Ctrl-C is for that program. */
  isPaused = false
  /** The exit code, if the chat was told to leave. */
  exitCode: number | undefined
  readonly #terminal: Terminal
  readonly #leaving = new AbortController()
  #work: AbortController | undefined
  #count = 0

  constructor(terminal: Terminal) {
    this.#terminal = terminal
  }

  /** Aborts when it is time to leave. */
  get leaving(): AbortSignal {
    return this.#leaving.signal
  }

  /** True while there is a reply, or other work, that Ctrl-C would stop. */
  get replying(): boolean {
    return this.#work !== undefined
  }

  /** Listens to signals. */
  listen(): void {
    process.on('SIGINT', this.arrived)
    for (const [signal, code] of Object.entries(SIGNALS)) {
      process.on(signal, () => this.leaveUnwatched(code))
    }
  }

  /** Tells that work begins. Ctrl-C aborts the returned signal until the work has ended. */
  workBegins(): AbortSignal {
    this.#work = new AbortController()
    if (this.#leaving.signal.aborted) this.#work.abort()
    return this.#work.signal
  }

  workEnded(): void {
    this.#work = undefined
  }

  /** Handles one Ctrl-C, as a key or as a signal. */
  readonly arrived = (): void => {
    if (this.isPaused) return
    this.#count++
    if (this.#count > 2) process.exit(CTRL_C)
    const isWorking = this.#work !== undefined
    this.#work?.abort()
    if (this.#count === 2 || (this.isHasty && !isWorking)) this.leave(this.ctrlCCode)
    else if (!isWorking) this.#terminal.note('Ctrl-C again leaves.')
  }

  /** Stops the work, keeps what there is of it, and leaves. */
  leave(exitCode: number): void {
    this.exitCode ??= exitCode
    this.#work?.abort()
    this.#leaving.abort()
  }

  /** Leaves, after a while also without having saved: nobody is there to end the wait. */
  leaveUnwatched(exitCode: number): void {
    this.leave(exitCode)
    const giveUp = () => {
      this.#terminal.problem('Not everything could be saved.')
      process.exit(exitCode)
    }
    setTimeout(giveUp, PATIENCE_MS).unref()
  }

  /** Starts the count anew: after other input the next Ctrl-C is the first again. */
  forget(): void {
    this.#count = 0
  }
}
