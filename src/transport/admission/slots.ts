/**
 * Limits the concurrent replies of each endpoint.
 *
 *   slot acquired ── released ──▶ the chat that has waited longest, or else a background request
 *
 * An endpoint is identified by its name. Its newest limit counts. A higher limit admits requests
 * that wait. A lower limit ends no reply: it only admits no request until enough slots are
 * released. Knows nothing of keys or of how a request is sent.
 */

/** Called when a waiting request has acquired its slot. */
type Granted = () => void

/** Emptied when it leaves its queue: a Set can keep deleted entries alive (see `Registry`). */
interface Waiter {
  granted: Granted | undefined
}

interface Places {
  limit: number
  taken: number
  /** A Set keeps the order of arrival and deletes in constant time. */
  readonly chats: Set<Waiter>
  readonly background: Set<Waiter>
  isAdmitting: boolean
}

export class Slots {
  readonly #endpoints = new Map<string, Places>()

  /**
   * Calls `granted` as soon as a slot is free: at once, or later.
   *
   * @returns a function that releases the slot, or ends the wait for it; further calls do nothing
   */
  acquire(endpoint: string, limit: number, isBackground: boolean, granted: Granted): () => void {
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
    let isReleased = false
    const waiter: Waiter = { granted }
    queue.add(waiter)
    this.#admit(endpoint, places)
    return () => {
      if (isReleased) return
      isReleased = true
      if (!queue.delete(waiter)) places.taken -= 1
      waiter.granted = undefined
      this.#admit(endpoint, places)
    }
  }

  #admit(endpoint: string, places: Places): void {
    // A request may release its slot inside `next`. This loop then admits another one: a recursion
    // would be as deep as the queue is long.
    if (places.isAdmitting) return
    places.isAdmitting = true
    for (let next = nextIn(places); next !== undefined; next = nextIn(places)) {
      places.taken += 1
      next()
    }
    places.isAdmitting = false
    const isCurrent = this.#endpoints.get(endpoint) === places
    if (isCurrent && places.taken === 0) this.#endpoints.delete(endpoint)
  }
}

/** Takes the next waiter out of its queue, if a slot is free. */
function nextIn({ limit, taken, chats, background }: Places): Granted | undefined {
  if (taken >= limit) return undefined
  for (const queue of [chats, background]) {
    for (const waiter of queue) {
      queue.delete(waiter)
      const { granted } = waiter
      waiter.granted = undefined
      return granted
    }
  }
  return undefined
}
