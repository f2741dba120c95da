/**
 * What a request waits for before it is sent: a place among those of its endpoint, then its key.
 *
 *   waiting for a place ──▶ asking for the key ──▶ sent, with its place until `leave`
 *
 * Most requests need neither, and have no admission. Nothing has a timeout here but the key: how
 * long a place is waited for is for those to say who gave the limit.
 */
import type { Clock } from '../../protocol/clock.ts'
import type { ErrorRecord } from '../../protocol/errors.ts'
import type { Registry } from '../../registry.ts'
import type { ProviderTarget } from '../provider-target.ts'
import { fetchKey } from './key-source.ts'
import type { Slots } from './slots.ts'

/** What all admissions of a transport have in common. */
export interface AdmissionPort {
  readonly slots: Slots
  readonly clock: Clock
  /** How long a key may take, in milliseconds. */
  readonly keyMs: number
  /** Those that wait. */
  readonly waiting: Registry<object, Admission>
  isClosed: boolean
}

/** Told once how it went, unless the admission was left before. */
export interface Admitted {
  /** It is the request's turn, and this is where it goes, with its key. */
  granted(target: ProviderTarget): void
  failed(error: ErrorRecord): void
}

/** Whether requests to a target wait for anything. */
export function needsAdmission({ maxConcurrent, keySource }: ProviderTarget): boolean {
  return maxConcurrent !== undefined || keySource !== undefined
}

export class Admission {
  readonly #port: AdmissionPort
  readonly #target: ProviderTarget
  readonly #isBackground: boolean
  /** Its key among those that wait. */
  readonly #place = {}
  #admitted: Admitted | undefined
  #giveBack: (() => void) | undefined
  #stopKey: (() => void) | undefined
  #hasLeft = false

  /** @param isBackground - whether it lets chats go first */
  constructor(port: AdmissionPort, target: ProviderTarget, isBackground: boolean) {
    this.#port = port
    this.#target = target
    this.#isBackground = isBackground
  }

  /** Waits; once. */
  acquire(admitted: Admitted): void {
    if (this.#hasLeft) return
    this.#admitted = admitted
    if (this.#port.isClosed) return this.shutDown()
    this.#port.waiting.set(this.#place, this)
    const { endpoint, maxConcurrent } = this.#target
    if (maxConcurrent === undefined) return this.#askForKey()
    const giveBack = this.#port.slots.take(endpoint, maxConcurrent, this.#isBackground, () =>
      this.#askForKey(),
    )
    // It may be over by now: there was a place, and the request failed at once.
    if (this.#hasLeft) giveBack()
    else this.#giveBack = giveBack
  }

  /** Gives back what is held, and waits for nothing more. */
  release(): void {
    this.#hasLeft = true
    this.#admitted = undefined
    this.#port.waiting.delete(this.#place)
    this.#stopKey?.()
    this.#giveBack?.()
  }

  /** Ends the waiting because the transport closes. */
  shutDown(): void {
    this.#fail({ code: 'engine-closed', message: 'The engine was closed meanwhile.' })
  }

  #askForKey(): void {
    const { keySource: source, endpoint } = this.#target
    if (source === undefined) return this.#enter(this.#target)
    const { clock, keyMs } = this.#port
    this.#stopKey = fetchKey(
      { source, endpoint, clock, waitMs: keyMs },
      {
        found: (apiKey) => this.#enter({ ...this.#target, apiKey }),
        failed: (error) => this.#fail(error),
      },
    )
  }

  #enter(target: ProviderTarget): void {
    const admitted = this.#admitted
    this.#admitted = undefined
    this.#port.waiting.delete(this.#place)
    admitted?.granted(target)
  }

  #fail(error: ErrorRecord): void {
    const admitted = this.#admitted
    this.release()
    admitted?.failed(error)
  }
}
