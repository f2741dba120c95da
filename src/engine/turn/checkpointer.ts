/**
 * Writes replies to disk while they stream, so that a killed process loses little of them.
 *
 * One timer serves all turns, and runs while any reply streams. Each round writes only the deltas
 * since the round before, so its cost does not grow with the reply. A reply whose last piece is
 * still being written is left out of a round. A piece that could not be written goes with the next
 * round. Nothing waits for a checkpoint, and a failed one does not harm its turn. Knows nothing of
 * states or of how a turn ends.
 */
import type { TurnStore } from '../../persistence/ports/turn-store.ts'
import type { Clock } from '../../protocol/clock.ts'
import type { UnplacedDelta } from '../../protocol/delta.ts'
import { errorRecord } from '../../protocol/errors.ts'
import type { Logger } from '../../protocol/logger.ts'
import { Registry } from '../../registry.ts'
import { unheld } from '../actors/timers.ts'
import type { LiveTurn } from './live-turn.ts'

interface CheckpointsOptions {
  readonly store: TurnStore
  readonly clock: Clock
  readonly logger: Logger
  /** `Infinity` = never. */
  readonly everyMs: number
}

/** How much of a reply is on disk. */
interface Progress {
  readonly live: LiveTurn
  /** The number of pieces on disk. */
  written: number
  /** The pieces that are not on disk, oldest first. */
  pending: (readonly UnplacedDelta[])[]
  isWriting: boolean
}

export class Checkpoints {
  readonly #store: TurnStore
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #everyMs: number
  /** By turn id. */
  readonly #streaming = new Registry<string, Progress>()
  #timer: unknown
  /** True if the last write failed. A database that stays away is logged once, not each second. */
  #isFailing = false

  constructor({ store, clock, logger, everyMs }: CheckpointsOptions) {
    this.#store = store
    this.#clock = clock
    this.#logger = logger
    this.#everyMs = everyMs
  }

  /** Starts the checkpoints of a reply, once it has content. */
  begin(live: LiveTurn): void {
    if (this.#everyMs === Infinity) return
    this.#streaming.set(live.turnId, { live, written: 0, pending: [], isWriting: false })
    this.#timer ??= this.#scheduled()
  }

  /** Ends the checkpoints of a reply. `TurnEnding` saves the sealed reply. */
  end(live: LiveTurn): void {
    if (!this.#streaming.delete(live.turnId) || this.#streaming.size > 0) return
    this.#clock.clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #scheduled(): unknown {
    return unheld(this.#clock.setTimeout(() => this.#round(), this.#everyMs))
  }

  #round(): void {
    this.#timer = this.#scheduled()
    for (const progress of this.#streaming.values()) {
      if (!progress.isWriting) void this.#write(progress)
    }
  }

  async #write(progress: Progress): Promise<void> {
    const { live } = progress
    const added = live.replyFeed.additions()
    if (added.length > 0) progress.pending.push(added)
    const pieces = [...progress.pending]
    if (pieces.length === 0) return
    progress.isWriting = true
    live.hasCheckpoints = true
    try {
      const { turnId, step } = live
      const { attempts = 0, failedAttempts, fallbackAsked } = step ?? {}
      const n = progress.written + 1
      const asked = { attempts, failedAttempts, fallbackAsked }
      const isOurs = await this.#store.checkpoint({ turnId, ...asked, n, pieces })
      this.#isFailing = false
      if (!isOurs) return this.end(live)
      progress.written += pieces.length
      progress.pending = progress.pending.slice(pieces.length)
    } catch (error) {
      this.#failed(live, error)
    } finally {
      progress.isWriting = false
    }
  }

  #failed(live: LiveTurn, error: unknown): void {
    const { code, message } = errorRecord(error)
    // A piece that JSON cannot hold fails in every retry, and later pieces do not fit without it.
    if (code === 'invalid-input') this.end(live)
    if (this.#isFailing) return
    this.#isFailing = true
    this.#logger.warn(
      { turnId: live.turnId, code, err: error },
      `Checkpoints of running replies cannot be saved at present: ${message}`,
    )
  }
}
