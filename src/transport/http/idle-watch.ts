/**
 * Notices when a connection has gone quiet.
 *
 * A read costs one assignment: a ticking timer looks whether there was one, so
 * no timer is set or moved for a read. The silence noticed is as long as asked
 * for, or up to a quarter longer.
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

  /** @param idleMs - `Infinity` never notices anything. */
  constructor(clock: Clock, idleMs: number, onIdle: () => void) {
    this.#clock = clock
    this.#idleMs = idleMs
    this.#tickMs = Math.min(Math.max(1, Math.ceil(idleMs / TICKS)), LONGEST_TIMER_MS)
    this.#onIdle = onIdle
    if (Number.isFinite(idleMs)) this.#arm()
  }

  /** Something was read. */
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
