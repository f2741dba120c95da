/**
 * The responses that an HTTP client gets in place of answers: a status, and nothing else.
 *
 * Making a response costs more than the rest of an answer's head, so each status has one for all
 * answers. That changes nothing: it is empty and immutable. Knows nothing of requests.
 */

/** The highest status that a Response can have. Some servers send higher ones. */
const LAST_STATUS = 599

export class BareResponses {
  readonly #known = new Map<number, Response>()

  /** The response with a status, or with the highest one that a response can have. */
  of(given: number): Response {
    const status = Math.min(given, LAST_STATUS)
    const known = this.#known.get(status)
    if (known !== undefined) return known
    const response = new Response(null, { status })
    this.#known.set(status, response)
    return response
  }
}
