/**
 * How many turns an owner has: those that run or are queued, and those whose send is under way.
 *
 * Knows nothing of requests.
 */
import type { OwnerView } from '../../index.ts'
import { Refusal } from '../refusals/refusal.ts'

export class TurnCounts {
  readonly #most: number
  /** Sends that are not accepted yet, by owner. */
  readonly #underWay = new Map<string, number>()

  constructor(most: number) {
    this.#most = most
  }

  /**
   * Refuses early what `during` refuses for the turns that run.
   *
   * @throws `too-many-turns`
   */
  assertRoom(view: OwnerView): void {
    if (this.#inMemory(view) >= this.#most) throw new Refusal('too-many-turns')
  }

  /**
   * Counts a send until it is accepted or refused.
   *
   * @throws `too-many-turns`
   */
  async during<Value>(view: OwnerView, send: () => Promise<Value>): Promise<Value> {
    const { ownerId } = view
    const others = this.#inMemory(view)
    this.#underWay.set(ownerId, (this.#underWay.get(ownerId) ?? 0) + 1)
    try {
      if (others + (await view.countQueuedTurns()) >= this.#most)
        throw new Refusal('too-many-turns')
      return await send()
    } finally {
      const underWay = (this.#underWay.get(ownerId) ?? 1) - 1
      if (underWay === 0) this.#underWay.delete(ownerId)
      else this.#underWay.set(ownerId, underWay)
    }
  }

  #inMemory(view: OwnerView): number {
    return view.runningTurns().length + (this.#underWay.get(view.ownerId) ?? 0)
  }
}
