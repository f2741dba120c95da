/**
 * Keeps endpoints to so many replies at once.
 *
 *   taken ── given back ──▶ the chat that waits longest, or else what waits in the background
 *
 * An endpoint is known by its name. Its newest limit counts: a higher one lets in who waits, a
 * lower one only lets nobody follow.
 */

/** Who waits is called when there is a place. */
type Enter = () => void

/** Emptied when it leaves its queue: what passes through a Set is kept for a while (see Registry). */
interface Waiter {
  enter: Enter | undefined
}

interface Places {
  limit: number
  taken: number
  /** Sets keep the order of arrival, and forget who leaves in no time. */
  readonly chats: Set<Waiter>
  readonly background: Set<Waiter>
  isAdmitting: boolean
}

export class Slots {
  readonly #endpoints = new Map<string, Places>()

  /**
   * Calls `enter` as soon as there is a place: now, or later.
   *
   * @returns gives the place back, or stops waiting for one. Further calls do nothing.
   */
  take(endpoint: string, limit: number, isBackground: boolean, enter: Enter): () => void {
    const places = this.#endpoints.get(endpoint) ?? {
      limit,
      taken: 0,
      chats: new Set(),
      background: new Set(),
      isAdmitting: false,
    }
    this.#endpoints.set(endpoint, places)
    places.limit = limit
    const queue = isBackground ? places.background : places.chats
    let isGivenBack = false
    const waiter: Waiter = { enter }
    queue.add(waiter)
    this.#admit(endpoint, places)
    return () => {
      if (isGivenBack) return
      isGivenBack = true
      if (!queue.delete(waiter)) places.taken -= 1
      waiter.enter = undefined
      this.#admit(endpoint, places)
    }
  }

  #admit(endpoint: string, places: Places): void {
    // Who enters may leave at once: a loop, since a recursion would be as deep as the queue is long.
    if (places.isAdmitting) return
    places.isAdmitting = true
    for (let next = nextIn(places); next !== undefined; next = nextIn(places)) {
      places.taken += 1
      next()
    }
    places.isAdmitting = false
    if (places.taken === 0) this.#endpoints.delete(endpoint)
  }
}

/** Takes the next one out of its queue, if there is a place. */
function nextIn({ limit, taken, chats, background }: Places): Enter | undefined {
  if (taken >= limit) return undefined
  for (const queue of [chats, background]) {
    for (const waiter of queue) {
      queue.delete(waiter)
      const { enter } = waiter
      waiter.enter = undefined
      return enter
    }
  }
  return undefined
}
