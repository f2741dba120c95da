/**
 * Acquires a slot of the endpoint, then the key, before a request is sent.
 *
 *   waiting for a slot ──▶ asking for the key ──▶ sent, with its slot until `release`
 *
 * Most requests need neither, and have no admission. Only the key has a timeout here. The wait for
 * a slot has none: the host set the limit, so the host decides how long to wait. Knows nothing of
 * HTTP or of the request's content.
 */
import type { Clock } from '../../protocol/clock.ts'
import type { ErrorRecord } from '../../protocol/errors.ts'
import type { ProviderTarget } from '../provider-target.ts'
import { fetchKey } from './key-source.ts'
import type { Slots } from './slots.ts'

/** The transport, as its admissions see it. */
export interface AdmissionPort {
  readonly slots: Slots
  readonly clock: Clock
  /** How long the function for a key may take, in milliseconds. */
  readonly keyMs: number
  isClosed(): boolean
  /** The admission waits for a slot or a key from now on: `shutDown` ends the wait. */
  waits(key: object, admission: Admission): void
  /** The admission waits no longer. */
  settled(key: object): void
}

/** Contract: exactly one of these is called, once, unless the admission is released before. */
interface Admitted {
  /** The request may be sent to `target`, which has the key. */
  granted(target: ProviderTarget): void
  failed(error: ErrorRecord): void
}

/** Returns true if requests to the target need a slot, or a key from a function. */
export function needsAdmission({ maxConcurrent, keySource }: ProviderTarget): boolean {
  return maxConcurrent !== undefined || keySource !== undefined
}

export class Admission {
  readonly #port: AdmissionPort
  readonly #target: ProviderTarget
  readonly #isBackground: boolean
  /** Stands for this admission where the waiting ones are known. */
  readonly #key = {}
  #admitted: Admitted | undefined
  #releaseSlot: (() => void) | undefined
  #stopKey: (() => void) | undefined
  #isReleased = false

  /** @param isBackground - true if chats that wait go first */
  constructor(port: AdmissionPort, target: ProviderTarget, isBackground: boolean) {
    this.#port = port
    this.#target = target
    this.#isBackground = isBackground
  }

  /** Waits for the slot and the key. To be called once. */
  acquire(admitted: Admitted): void {
    if (this.#isReleased) return
    this.#admitted = admitted
    if (this.#port.isClosed()) return this.shutDown()
    this.#port.waits(this.#key, this)
    const { endpoint, maxConcurrent } = this.#target
    if (maxConcurrent === undefined) return this.#askForKey()
    const { slots } = this.#port
    const releaseSlot = slots.acquire(endpoint, maxConcurrent, this.#isBackground, () =>
      this.#askForKey(),
    )
    // If a slot was free, the request may have been sent and have failed inside `acquire`.
    if (this.#isReleased) releaseSlot()
    else this.#releaseSlot = releaseSlot
  }

  /** Releases the slot, and ends the wait for a slot or a key. */
  release(): void {
    this.#isReleased = true
    this.#admitted = undefined
    this.#port.settled(this.#key)
    this.#stopKey?.()
    this.#releaseSlot?.()
  }

  /** Ends the wait because the transport closes. */
  shutDown(): void {
    this.#failed({ code: 'engine-closed', message: 'The engine was closed meanwhile.' })
  }

  #askForKey(): void {
    const { keySource: source, endpoint } = this.#target
    if (source === undefined) return this.#granted(this.#target)
    const { clock, keyMs } = this.#port
    this.#stopKey = fetchKey(
      { source, endpoint, clock, waitMs: keyMs },
      {
        granted: (apiKey) => this.#granted({ ...this.#target, apiKey }),
        failed: (error) => this.#failed(error),
      },
    )
  }

  #granted(target: ProviderTarget): void {
    const admitted = this.#admitted
    this.#admitted = undefined
    this.#port.settled(this.#key)
    admitted?.granted(target)
  }

  #failed(error: ErrorRecord): void {
    const admitted = this.#admitted
    this.release()
    admitted?.failed(error)
  }
}
