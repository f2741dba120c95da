/**
 * How many turns an owner has: those that run, and those whose send is under way.
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

  /** @throws `too-many-turns` */
  assertRoom(view: OwnerView): void {
    const turns = view.runningTurns().length + (this.#underWay.get(view.ownerId) ?? 0)
    if (turns >= this.#most) throw new Refusal('too-many-turns')
  }

  /**
   * Counts a send until it is accepted or refused.
   *
   * @throws `too-many-turns`
   */
  async during<Value>(view: OwnerView, send: () => Promise<Value>): Promise<Value> {
    this.assertRoom(view)
    const { ownerId } = view
    this.#underWay.set(ownerId, (this.#underWay.get(ownerId) ?? 0) + 1)
    try {
      return await send()
    } finally {
      const underWay = (this.#underWay.get(ownerId) ?? 1) - 1
      if (underWay === 0) this.#underWay.delete(ownerId)
      else this.#underWay.set(ownerId, underWay)
    }
  }
}
