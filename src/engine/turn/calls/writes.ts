/**
 * Writes the results of a step's calls, until they are on disk.
 *
 * Results that come together share a write. A write that fails is made again, and subscribers are told.
 * Knows nothing of how a result came about, and of what follows.
 */
import { setImmediate as nextTask } from 'node:timers/promises'
import { errorRecord } from '../../../protocol/errors.ts'
import type { LiveTurn } from '../live-turn/live-turn.ts'
import type { StepCall } from './step-call.ts'
import type { StepCallsPort } from './port.ts'

interface CallWritesParts {
  readonly live: LiveTurn
  readonly port: StepCallsPort
  /** The results are on disk. */
  readonly saved: (calls: readonly StepCall[]) => void
  /** Another writer ended or deleted the turn. */
  readonly lost: () => void
  /** Nothing is left to write. */
  readonly idle: () => void
}

/** The longest wait before a write is made again, in milliseconds. */
const LONGEST_PAUSE_MS = 5_000

export class CallWrites {
  readonly #parts: CallWritesParts
  /** Calls with results that are not on disk. */
  #unsaved: StepCall[] = []
  #isSaving = false
  #isStopped = false
  readonly #pauses = new Set<() => void>()

  constructor(parts: CallWritesParts) {
    this.#parts = parts
  }

  add(...calls: readonly StepCall[]): void {
    this.#unsaved.push(...calls)
  }

  stop(): void {
    this.#isStopped = true
    for (const resume of this.#pauses) resume()
  }

  /** Writes the results that are not on disk; those that come meanwhile go with the next write. */
  async save(): Promise<void> {
    if (this.#isSaving) return
    this.#isSaving = true
    while (this.#unsaved.length > 0 && !this.#isStopped) {
      // Results that come together share a write.
      await nextTask()
      if (this.#isStopped) break
      const calls = this.#unsaved
      this.#unsaved = []
      const isOurs = await this.#write(calls)
      if (isOurs === undefined) break
      if (!isOurs) return this.#parts.lost()
      this.#parts.saved(calls)
    }
    this.#isSaving = false
    if (!this.#isStopped && this.#unsaved.length === 0) this.#parts.idle()
  }

  async #write(calls: readonly StepCall[]): Promise<boolean | undefined> {
    const { live, port } = this.#parts
    const { store, checkpoints, options } = port
    const { n, pieces, last } = checkpoints.pieces(live)
    const ends = calls.flatMap(({ record, state, code, isEndOnDisk }) =>
      isEndOnDisk ? [] : [{ callId: record.callId, state, code }],
    )
    const at = new Date(options.steadyClock.now())
    const { turnId } = live
    const isOurs = await this.written(() =>
      store.recordResults({ turnId, n, pieces, calls: ends, at }),
    )
    if (isOurs === true) checkpoints.written(live, last)
    return isOurs
  }

  /** Writes until it succeeds. Returns `undefined` if the calls were stopped meanwhile. */
  async written<T>(write: () => Promise<T>): Promise<T | undefined> {
    const { live, port } = this.#parts
    for (let failures = 1; !this.#isStopped; failures += 1) {
      try {
        return await write()
      } catch (error) {
        if (this.#isStopped) return undefined
        const retryInMs = Math.min(100 * 2 ** (failures - 1), LONGEST_PAUSE_MS)
        live.saveFailure = errorRecord(error)
        port.reportFailure(live, failures, retryInMs)
        await this.#pause(retryInMs)
      }
    }
    return undefined
  }

  #pause(ms: number): Promise<void> {
    const { steadyClock } = this.#parts.port.options
    return new Promise((resolve) => {
      const resume = () => {
        this.#pauses.delete(resume)
        steadyClock.clearTimeout(timer)
        resolve()
      }
      const timer = steadyClock.setTimeout(resume, ms)
      this.#pauses.add(resume)
    })
  }
}
