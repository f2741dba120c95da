/**
 * Decides the effect of Ctrl-C. The first stops the streaming reply, or says how to leave. The
 * second leaves. The third leaves without waiting for anything.
 */
import type { Terminal } from './terminal.ts'

export class Interrupts {
  readonly #terminal: Terminal
  readonly #leaving = new AbortController()
  #reply: AbortController | undefined
  #count = 0

  constructor(terminal: Terminal) {
    this.#terminal = terminal
  }

  /** Aborts when it is time to leave. */
  get leaving(): AbortSignal {
    return this.#leaving.signal
  }

  /** Tells that a reply begins. Ctrl-C aborts the returned signal until the reply has ended. */
  replyBegins(): AbortSignal {
    this.#reply = new AbortController()
    return this.#reply.signal
  }

  replyEnded(): void {
    this.#reply = undefined
  }

  /** Handles one Ctrl-C, as a key or as a signal. */
  readonly arrived = (): void => {
    this.#count++
    if (this.#count > 2) process.exit(130)
    this.#reply?.abort()
    if (this.#count === 2) this.#leaving.abort()
    else if (this.#reply === undefined) this.#terminal.note('Ctrl-C again leaves.')
  }

  /** Starts the count anew: after other input the next Ctrl-C is the first again. */
  forget(): void {
    this.#count = 0
  }
}
