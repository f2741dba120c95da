/**
 * The waiting turns in memory, and when they leave it.
 *
 * A turn that has waited for a while leaves memory unless somebody reads it. What stays is the promise of
 * its reply, and a weak reference: while a host has a handle of the turn, it has the turn itself. One
 * timer serves all. Knows nothing of calls.
 */
import { LONGEST_TIMER_MS } from '../../../protocol/clock.ts'
import type { Clock } from '../../../protocol/clock.ts'
import { unheld } from '../../actors/timers.ts'
import type { Reply } from '../../api/turn.ts'
import type { LiveTurn } from '../live-turn/live-turn.ts'

/** What is left of a waiting turn that has left memory. */
export interface Asleep {
  readonly reply: PromiseWithResolvers<Reply>
  readonly ref: WeakRef<LiveTurn>
}

interface RestsParts {
  readonly clock: Clock
  /** How long a turn waits in memory, in milliseconds. */
  readonly afterMs: number
  readonly mayLeave: (live: LiveTurn) => boolean
  readonly leave: (live: LiveTurn) => void
}

/** A turn leaves late by at most `afterMs` divided by this number. */
const SWEEP_PART = 4

export class Rests {
  readonly #parts: RestsParts
  /** The time since which a turn waits. The longest wait is first. */
  readonly #resting = new Map<LiveTurn, number>()
  /** By turn id. */
  readonly #asleep = new Map<string, Asleep>()
  #sweep: unknown
  #isClosed = false

  constructor(parts: RestsParts) {
    this.#parts = parts
  }

  get counts(): { readonly inMemory: number; readonly asleep: number } {
    return { inMemory: this.#resting.size, asleep: this.#asleep.size }
  }

  add(live: LiveTurn): void {
    if (this.#isClosed) return
    this.#resting.delete(live)
    this.#resting.set(live, this.#parts.clock.now())
    this.#schedule()
  }

  remove(live: LiveTurn): void {
    this.#resting.delete(live)
  }

  /** What is left of a turn, which comes into memory again. */
  wake(turnId: string): Asleep | undefined {
    const asleep = this.#asleep.get(turnId)
    this.#asleep.delete(turnId)
    return asleep
  }

  /** Ends what is left: the turns that have left memory, and those in it. */
  close(
    end: (turnId: string, reply: PromiseWithResolvers<Reply>) => void,
    leave: (live: LiveTurn) => void,
  ): void {
    this.#isClosed = true
    if (this.#sweep !== undefined) this.#parts.clock.clearTimeout(this.#sweep)
    this.#sweep = undefined
    for (const [turnId, { reply }] of this.#asleep) end(turnId, reply)
    for (const live of this.#resting.keys()) leave(live)
    this.#asleep.clear()
    this.#resting.clear()
  }

  /** It does not keep the process alive. */
  #schedule(): void {
    const { clock, afterMs } = this.#parts
    const [longest] = this.#resting.values()
    if (this.#sweep !== undefined || longest === undefined || afterMs === Infinity) return
    const waitMs = Math.max(longest + afterMs - clock.now(), afterMs / SWEEP_PART)
    this.#sweep = unheld(
      clock.setTimeout(
        () => {
          this.#sweep = undefined
          this.#leave(clock.now() - afterMs)
          this.#schedule()
        },
        Math.min(waitMs, LONGEST_TIMER_MS),
      ),
    )
  }

  #leave(due: number): void {
    for (const [live, since] of this.#resting) {
      if (since > due) break
      this.#resting.delete(live)
      // One that is read, or needs its memory, is looked at again later.
      if (!this.#parts.mayLeave(live) || live.wait?.wish !== undefined) {
        this.#resting.set(live, this.#parts.clock.now())
        continue
      }
      this.#asleep.set(live.turnId, { reply: live.reply, ref: new WeakRef(live) })
      this.#parts.leave(live)
    }
  }
}
