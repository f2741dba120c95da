/**
 * The ids under which the calls of a history are sent, and the match of results with calls.
 *
 * An id goes back as it came to the provider and model that made it: some servers hide data in it.
 * Others get it within their limits. Knows nothing of messages and wire formats.
 */
import { exactId, fittedId } from './wire-names.ts'

/** An id that came again in a later step of its reply, which made this one of it. */
const RENAMED = /~\d+$/

export class CallIds<Place> {
  readonly #longest: number
  readonly #exact: number | undefined
  /** Open calls by the id in the parts. Several replies may have used the same id. */
  readonly #open = new Map<string, { wireId: string; place: Place }[]>()
  readonly #taken = new Set<string>()
  /** How many calls had an id, in the form in which it is sent. */
  readonly #uses = new Map<string, number>()

  /** @param exact - the length that each id has to have, at a server that takes no other */
  constructor(longest: number, exact: number | undefined) {
    this.#longest = longest
    this.#exact = exact
  }

  /** Forgets the calls so far: later calls may have the same ids. */
  forget(): void {
    this.#open.clear()
    this.#taken.clear()
    this.#uses.clear()
  }

  /** @param place - returned with the result of the call */
  call(toolCallId: string, isOwn: boolean, place: Place): string {
    const isKept = (isOwn && !RENAMED.test(toolCallId)) || this.#exact !== undefined
    const wireId = this.#free(isKept ? toolCallId : fittedId(toolCallId, this.#longest))
    this.#taken.add(wireId)
    const open = this.#open.get(toolCallId)
    if (open === undefined) this.#open.set(toolCallId, [{ wireId, place }])
    else open.push({ wireId, place })
    return wireId
  }

  /** Returns the call that a result answers; `undefined` if none waits for it. */
  answered(toolCallId: string): { wireId: string; place: Place } | undefined {
    return this.#open.get(toolCallId)?.shift()
  }

  #free(id: string): string {
    let uses = this.#uses.get(id) ?? 0
    let wireId = this.#numbered(id, uses)
    while (this.#taken.has(wireId)) wireId = this.#numbered(id, (uses += 1))
    this.#uses.set(id, uses + 1)
    return wireId
  }

  #numbered(id: string, n: number): string {
    if (this.#exact !== undefined) return exactId(id, this.#exact, n)
    if (n === 0) return id
    const end = `_${n}`
    // An id of the provider's own that is used twice must change, so its length is no concern.
    return id.length > this.#longest ? `${id}${end}` : id.slice(0, this.#longest - end.length) + end
  }
}
