/**
 * The subscribers to one conversation, or to all: those of any owner, and those of one owner alone.
 *
 * Knows nothing of turns, or of how an owner changes: an event says whose it is.
 */
import type { ConversationEvent } from '../protocol/event.ts'
import { Audience, type Want } from './audience.ts'

/** An owner of conversations; `undefined` stands for the conversations that have none. */
export type Owner = string | undefined

export class Scope {
  readonly #anyone = new Audience()
  /** By owner, made for its first subscriber. */
  readonly #owners = new Map<Owner, Audience>()

  /** The audiences of a subscriber: that of any owner, or those of the named ones. */
  audiences(owners: readonly Owner[] | undefined): readonly Audience[] {
    return owners === undefined ? [this.#anyone] : owners.map((owner) => this.#of(owner))
  }

  /** Returns true if somebody here wants this of a conversation of the owner. */
  wants(what: Want, owner: Owner): boolean {
    if (this.#anyone.wants(what)) return true
    return this.#owners.size > 0 && this.#owners.get(owner)?.wants(what) === true
  }

  next(event: ConversationEvent): void {
    this.#anyone.next(event)
    if (this.#owners.size > 0) this.#owners.get(event.ownerId)?.next(event)
  }

  /** The audience of an owner, if it has subscribers. */
  present(owner: Owner): Audience | undefined {
    const audience = this.#owners.get(owner)
    return audience?.wants('events') === true ? audience : undefined
  }

  /** Forgets those of the owners that have no subscribers. Returns true if nobody is left at all. */
  release(owners: readonly Owner[] | undefined): boolean {
    for (const owner of owners ?? []) {
      if (this.present(owner) === undefined) this.#owners.delete(owner)
    }
    return this.#owners.size === 0 && !this.#anyone.wants('events')
  }

  complete(): void {
    this.#anyone.complete()
    for (const audience of this.#owners.values()) audience.complete()
  }

  #of(owner: Owner): Audience {
    let audience = this.#owners.get(owner)
    if (audience === undefined) this.#owners.set(owner, (audience = new Audience()))
    return audience
  }
}
