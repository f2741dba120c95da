/**
 * What Ctrl-C means: stop the reply that streams, or say how to leave; the next time, leave; then
 * leave without waiting for anything.
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

  /** A reply begins: Ctrl-C aborts this signal, until the reply has ended. */
  replyBegins(): AbortSignal {
    this.#reply = new AbortController()
    return this.#reply.signal
  }

  replyEnded(): void {
    this.#reply = undefined
  }

  /** Ctrl-C was pressed, or its signal came. */
  readonly arrived = (): void => {
    this.#count++
    if (this.#count > 2) process.exit(130)
    this.#reply?.abort()
    if (this.#count === 2) this.#leaving.abort()
    else if (this.#reply === undefined) this.#terminal.note('Ctrl-C again leaves.')
  }

  /** Something else was typed: the next one counts as the first. */
  forget(): void {
    this.#count = 0
  }
}
