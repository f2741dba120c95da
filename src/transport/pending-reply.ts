/**
 * The handle of a reply whose request waits for the transport to be loaded.
 *
 * Until then nothing has been sent: there is nothing to flush, to drain or to cut. Afterwards it
 * passes each call on.
 */
import type { ReplyEnd } from '../protocol/delta.ts'
import type { DrainLimits, ReplyFigures, ReplyHandle } from './reply-request.ts'

export class PendingReply implements ReplyHandle {
  #handle: ReplyHandle | undefined
  #isAborted = false

  /** Starts the reply, unless it was aborted meanwhile. */
  start(ask: () => ReplyHandle): void {
    if (!this.#isAborted) this.#handle = ask()
  }

  /** True if the sink is to be told nothing. */
  get isAborted(): boolean {
    return this.#isAborted
  }

  flush(): void {
    this.#handle?.flush()
  }

  endSoFar(): ReplyEnd {
    return this.#handle?.endSoFar() ?? {}
  }

  figures(): ReplyFigures {
    return this.#handle?.figures() ?? { bytes: 0, events: 0 }
  }

  drain(limits: DrainLimits, done: (end: ReplyEnd) => void): boolean {
    return this.#handle?.drain(limits, done) ?? false
  }

  abort(): boolean {
    this.#isAborted = true
    return this.#handle?.abort() ?? false
  }
}
