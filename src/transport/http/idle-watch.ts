/**
 * Notices when a connection has gone silent.
 *
 * A read costs one assignment. A ticking timer checks if there was a read, so no read sets or moves
 * a timer. The silence that is noticed is as long as asked for, or up to a quarter longer. The
 * watch knows nothing of sockets or bytes.
 */
import type { Clock } from '../../protocol/clock.ts'
import { LONGEST_TIMER_MS } from '../../protocol/clock.ts'

const TICKS = 4

export class IdleWatch {
  readonly #clock: Clock
  readonly #idleMs: number
  readonly #tickMs: number
  readonly #onIdle: () => void
  #timer: unknown
  #heard = false
  #quietMs = 0

  /** @param idleMs - with `Infinity`, silence is never noticed. */
  constructor(clock: Clock, idleMs: number, onIdle: () => void) {
    this.#clock = clock
    this.#idleMs = idleMs
    this.#tickMs = Math.min(Math.max(1, Math.ceil(idleMs / TICKS)), LONGEST_TIMER_MS)
    this.#onIdle = onIdle
    if (Number.isFinite(idleMs)) this.#arm()
  }

  /** Notes that something was read. */
  heard(): void {
    this.#heard = true
  }

  stop(): void {
    this.#clock.clearTimeout(this.#timer)
  }

  #arm(): void {
    this.#timer = this.#clock.setTimeout(() => this.#tick(), this.#tickMs)
  }

  #tick(): void {
    this.#quietMs = this.#heard ? 0 : this.#quietMs + this.#tickMs
    this.#heard = false
    if (this.#quietMs >= this.#idleMs) this.#onIdle()
    else this.#arm()
  }
}
