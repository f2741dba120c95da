/**
 * Writes a finished step with its calls, and then their results, until they are on disk.
 *
 * Results that come together share a write. A write of results that fails is made again, and subscribers
 * are told; of a step, the turn machine has it made again. Knows nothing of how a result came about, and
 * of what follows.
 */
import { setImmediate as nextTask } from 'node:timers/promises'
import type { TurnReport } from '../../../machines/turn-events.ts'
import { errorRecord } from '../../../protocol/errors.ts'
import { recordFault } from '../../options/logging.ts'
import type { LiveTurn } from '../live-turn/live-turn.ts'
import { waitMark } from '../record/wait-mark.ts'
import type { Step } from '../step/step.ts'
import type { CallList } from './list.ts'
import type { StepCallsPort } from './port.ts'
import { isOpen, setOnDisk, type StepCall } from './step-call.ts'

interface CallWritesParts {
  readonly live: LiveTurn
  readonly port: StepCallsPort
  /** True if the step is on disk: an earlier process, or a turn before, wrote it. */
  readonly hasStep: boolean
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
  #hasStep: boolean
  #isSaving = false
  #isStopped = false
  readonly #pauses = new Set<() => void>()

  constructor(parts: CallWritesParts) {
    this.#parts = parts
    this.#hasStep = parts.hasStep
  }

  /** True once the calls were stopped. */
  get isStopped(): boolean {
    return this.#isStopped
  }

  /** True once the step is on disk. */
  get hasStep(): boolean {
    return this.#hasStep
  }

  /**
   * Writes a finished step with its calls, and that the turn waits, if only answers are missing. Returns
   * the report of a write that failed, `undefined` once the step is on disk.
   */
  async step(step: Step, calls: CallList): Promise<TurnReport | undefined> {
    const { live, port } = this.#parts
    const { store, checkpoints, options, sealer } = port
    const { turnId } = live
    const { attempts, failedAttempts } = step
    const { n, pieces, last } = checkpoints.pieces(live)
    try {
      const isOurs = await store.recordStep({
        turnId,
        attempts,
        failedAttempts,
        n,
        pieces,
        step: step.record('tools'),
        calls: calls.all.map(({ record, state, code, wait }) => {
          return { ...record, state, code, wait: state === 'waiting' ? wait : undefined }
        }),
        // After the write: the step, each call, the phase, a snapshot, and that the turn waits.
        wait: calls.onlyWaits ? waitMark(live, sealer, 4 + calls.waiting.length) : undefined,
        at: new Date(options.steadyClock.now()),
      })
      if (!isOurs) return { type: 'turn.lost' }
      checkpoints.written(live, last)
      this.#hasStep = true
      for (const call of calls.all) if (!isOpen(call)) setOnDisk(call)
      return undefined
    } catch (error) {
      live.saveFailure = recordFault(error, options.logger, 'A step could not be saved yet.')
      const { code } = live.saveFailure
      return code === 'turn-not-found' ? { type: 'turn.lost' } : { type: 'step.unsaved', code }
    }
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
