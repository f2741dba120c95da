/**
 * Writes replies to disk while they stream, so that a killed process loses little of them.
 *
 * One timer serves all turns, and runs while any reply streams. Each round writes only the deltas
 * since the round before, so its cost does not grow with the reply. A reply whose last piece is
 * still being written is left out of a round. A piece that could not be written goes with the next
 * round. Nothing waits for a checkpoint, and a failed one does not harm its turn. Knows nothing of
 * states or of how a turn ends.
 */
import type { TurnStore } from '../../../persistence/ports/turn-store.ts'
import type { Clock } from '../../../protocol/clock.ts'
import type { UnplacedDelta } from '../../../protocol/delta.ts'
import { errorRecord } from '../../../protocol/errors.ts'
import type { Logger } from '../../../protocol/logger.ts'
import { Registry } from '../../../registry.ts'
import { unheld } from '../../actors/timers.ts'
import type { LiveTurn } from '../live-turn/live-turn.ts'

interface CheckpointsOptions {
  readonly store: TurnStore
  readonly clock: Clock
  readonly logger: Logger
  /** `Infinity` = never. */
  readonly everyMs: number
}

interface Piece {
  readonly n: number
  readonly deltas: readonly UnplacedDelta[]
}

/** Pieces to write, of which `n` is the number of the first and `last` that of the last. */
interface Pieces {
  readonly n: number
  readonly pieces: readonly (readonly UnplacedDelta[])[]
  readonly last: number
}

/** How much of a reply is on disk. */
interface Progress {
  readonly live: LiveTurn
  /** The number of the newest piece. */
  made: number
  /** The pieces that are not on disk, oldest first. */
  pending: readonly Piece[]
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
    this.#progressOf(live)
    this.#timer ??= this.#scheduled()
  }

  /** Notes that the reply begins with a piece that is on disk. */
  beginAfter(live: LiveTurn): void {
    live.replyFeed.additions()
    this.#progressOf(live).made = 1
    live.hasCheckpoints = true
  }

  /**
   * What is not on disk of a reply, for a write that must last. A checkpoint may write some of it at
   * the same time: pieces keep their numbers.
   */
  pieces(live: LiveTurn): Pieces {
    live.hasCheckpoints = true
    return taken(this.#progressOf(live))
  }

  /** Notes that the pieces up to a number are on disk. */
  written(live: LiveTurn, last: number): void {
    const progress = this.#streaming.get(live.turnId)
    if (progress !== undefined) forget(progress, last)
  }

  #progressOf(live: LiveTurn): Progress {
    const known = this.#streaming.get(live.turnId)
    if (known !== undefined) return known
    const progress = { live, made: 0, pending: [], isWriting: false }
    this.#streaming.set(live.turnId, progress)
    return progress
  }

  /**
   * The turn waits: its reply does not grow for a while. Returns the number of pieces on disk, with which
   * `goOn` begins again.
   */
  rest(live: LiveTurn): number {
    const made = this.#streaming.get(live.turnId)?.made ?? 0
    this.end(live)
    return made
  }

  /** The turn goes on after a wait, with so many pieces on disk. */
  goOn(live: LiveTurn, pieces: number): void {
    this.#progressOf(live).made = pieces
    live.hasCheckpoints = true
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
    const { n, pieces, last } = taken(progress)
    if (pieces.length === 0) return
    progress.isWriting = true
    live.hasCheckpoints = true
    try {
      const { turnId, step } = live
      const { attempts = 0, failedAttempts, fallbackAsked } = step ?? {}
      const asked = { attempts, failedAttempts, fallbackAsked }
      const isOurs = await this.#store.checkpoint({ turnId, ...asked, n, pieces })
      this.#isFailing = false
      if (!isOurs) return this.end(live)
      forget(progress, last)
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

/** The pieces that are not on disk, with the additions since the last one. */
function taken(progress: Progress): Pieces {
  const deltas = progress.live.replyFeed.additions()
  if (deltas.length > 0) {
    progress.made += 1
    progress.pending = [...progress.pending, { n: progress.made, deltas }]
  }
  const { pending, made } = progress
  return {
    n: pending[0]?.n ?? made + 1,
    pieces: pending.map((piece) => piece.deltas),
    last: pending.at(-1)?.n ?? made,
  }
}

function forget(progress: Progress, last: number): void {
  progress.pending = progress.pending.filter(({ n }) => n > last)
}
