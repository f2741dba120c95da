/**
 * What the running turn does, in words: its phase, with the time of the next attempt and the reason, which
 * events of the stream tell.
 */
import type { ListEvent } from 'colloquy/client'
import { secondsUntil, TEXTS } from '../texts.ts'
import type { Phase } from '../views.ts'

interface TurnEvent {
  readonly turnId?: string
  readonly retryAt?: string
  readonly error?: { readonly message: string }
}

export class TurnProgress {
  #turnId: string | undefined
  #waiting: { readonly retryAt: number; readonly message: string } | undefined

  /** True while a countdown is shown. */
  get isWaiting(): boolean {
    return this.#waiting !== undefined
  }

  /** @returns true if something changed that is shown */
  take({ type, data }: ListEvent): boolean {
    const event = data as TurnEvent
    if (event.turnId !== undefined && event.turnId !== this.#turnId) {
      this.#turnId = event.turnId
      this.#waiting = undefined
    }
    if (type === 'turn.phase') {
      const { retryAt, error } = event
      this.#waiting =
        retryAt === undefined
          ? undefined
          : { retryAt: Date.parse(retryAt), message: error?.message ?? '' }
      return true
    }
    if (!/^turn\.(done|cancelled|failed|interrupted)$/.test(type)) return false
    this.#waiting = undefined
    return true
  }

  /** What the turn does now, in words. Nothing while text comes: that is seen. */
  words(phase: Phase | undefined): string {
    if (this.#waiting === undefined) return wordsOf(phase)
    const { retryAt, message } = this.#waiting
    const subject = phase === 'backingOff' ? '' : TEXTS.notStored
    return `${subject} ${message} ${TEXTS.nextAttempt(secondsUntil(retryAt))}`.trim()
  }
}

function wordsOf(phase: Phase | undefined): string {
  return phase !== undefined && phase in TEXTS.phases
    ? TEXTS.phases[phase as keyof typeof TEXTS.phases]
    : ''
}
