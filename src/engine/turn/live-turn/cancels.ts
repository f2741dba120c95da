/**
 * The cancels of a turn: each waits for the answer of the machine, and then for its receipt.
 *
 * Knows nothing of what a cancel does.
 */
import type { CancelAnswer } from '../../../machines/turn-events.ts'
import type { Receipt } from '../../../protocol/turn.ts'
import type { CancelCause } from './cancel-cause.ts'

interface PendingCancel {
  readonly cause: CancelCause | undefined
  readonly runsQueue: boolean
  readonly settle: PromiseWithResolvers<Receipt>
  answer?: CancelAnswer
}

/** A cancel as the machine of its turn is told it. */
export interface OpenCancel {
  readonly request: number
  readonly runsQueue: boolean
}

export class Cancels {
  readonly #receiptOf: (answer: CancelAnswer | undefined) => Receipt
  readonly #pending = new Map<number, PendingCancel>()
  #lastRequest = 0
  #tookEffect = false
  #cause: CancelCause | undefined

  /** @param receiptOf - makes a receipt; of a cancel without an answer, the turn has ended before it */
  constructor(receiptOf: (answer: CancelAnswer | undefined) => Receipt) {
    this.#receiptOf = receiptOf
  }

  /** True once a transition has answered a cancel by cancelling the turn. */
  get tookEffect(): boolean {
    return this.#tookEffect
  }

  /** Why the turn was cancelled: the first cancel that took effect decides. */
  get cause(): CancelCause | undefined {
    return this.#cause
  }

  /** The cancels that no transition has answered, as the machine is told them. */
  get open(): readonly OpenCancel[] {
    return [...this.#pending].flatMap(([request, { answer, runsQueue }]) =>
      answer === undefined ? [{ request, runsQueue }] : [],
    )
  }

  /**
   * Registers a cancel, whose receipt is handed out later.
   *
   * @param runsQueue - true if the queue goes on afterwards
   */
  request(
    cause?: CancelCause,
    runsQueue = false,
  ): {
    readonly request: number
    readonly receipt: Promise<Receipt>
  } {
    const request = (this.#lastRequest += 1)
    const settle = Promise.withResolvers<Receipt>()
    // Some cancels are the engine's own, and nobody awaits them.
    settle.promise.catch(() => {})
    this.#pending.set(request, { cause, runsQueue, settle })
    return { request, receipt: settle.promise }
  }

  /** Notes the answer to a cancel, given by a transition of the machine. */
  answer(answer: CancelAnswer): void {
    const pending = this.#pending.get(answer.request)
    if (pending === undefined) return
    pending.answer = answer
    if (answer.outcome === 'cancelled' && !this.#tookEffect) {
      this.#tookEffect = true
      this.#cause = pending.cause
    }
    if (answer.outcome === 'not-running') this.#settle(answer.request, pending)
  }

  /** A cancel could not be written: the turn goes on as it was. */
  reject(error: unknown): void {
    this.#tookEffect = false
    for (const { settle } of this.#pending.values()) settle.reject(error)
    this.#pending.clear()
  }

  /** Hands out the receipts, once the partial reply can be read from the store. */
  settle(): void {
    for (const [request, pending] of this.#pending) this.#settle(request, pending)
  }

  #settle(request: number, { settle, answer }: PendingCancel): void {
    this.#pending.delete(request)
    settle.resolve(this.#receiptOf(answer))
  }
}
