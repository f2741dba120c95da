/**
 * What the running turn does, beyond its text: its phase with the time of the next attempt, and its
 * tool calls. Made of the events of the stream.
 */
import type { ListEvent } from 'colloquy/client'
import type { CallProgress } from '../reply/tool-card.ts'
import { secondsUntil, TEXTS } from '../texts.ts'
import type { Phase } from '../views.ts'

interface TurnEvent {
  readonly turnId?: string
  readonly phase?: Phase
  readonly attempt?: number
  readonly retryAt?: string
  readonly error?: { readonly message: string }
  readonly callId?: string
  readonly toolCallId?: string
  readonly value?: unknown
}

export class TurnProgress {
  #turnId: string | undefined
  #waiting: { readonly retryAt: number; readonly message: string } | undefined
  readonly #calls = new Map<string, CallProgress>()
  /** The provider's id of a call, by the engine's. */
  readonly #ids = new Map<string, string>()

  get calls(): ReadonlyMap<string, CallProgress> {
    return this.#calls
  }

  /** True while a countdown is shown. */
  get isWaiting(): boolean {
    return this.#waiting !== undefined
  }

  /** @returns true if something changed that is shown */
  take({ type, data }: ListEvent): boolean {
    const event = data as TurnEvent
    if (event.turnId !== undefined && event.turnId !== this.#turnId) this.#begin(event.turnId)
    if (type === 'turn.phase') {
      const { retryAt, error } = event
      this.#waiting =
        retryAt === undefined
          ? undefined
          : { retryAt: Date.parse(retryAt), message: error?.message ?? '' }
      return true
    }
    if (/^turn\.(done|cancelled|failed|interrupted)$/.test(type)) {
      this.#waiting = undefined
      return true
    }
    return this.#takeCall(type, event)
  }

  #begin(turnId: string): void {
    this.#turnId = turnId
    this.#waiting = undefined
    this.#calls.clear()
    this.#ids.clear()
  }

  #takeCall(type: string, { callId = '', toolCallId, value }: TurnEvent): boolean {
    if (type === 'tool.started' && toolCallId !== undefined) {
      this.#ids.set(callId, toolCallId)
      this.#calls.set(toolCallId, { state: 'started' })
      return true
    }
    const known = this.#ids.get(callId)
    if (known === undefined) return false
    if (type === 'tool.progress') this.#calls.set(known, { state: 'started', value })
    else if (type === 'tool.finished') this.#calls.set(known, { state: 'finished' })
    else return false
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
