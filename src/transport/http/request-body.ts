/**
 * The body of a request as undici is handed it.
 *
 * undici keeps what it was given until the answer ends, and a live stream would hold the whole
 * history that it was asked with. A long body is therefore given as something that can be read
 * once, and holds nothing any more when it was. A short one is not worth that.
 */
import type { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'

/** In UTF-16 units. */
const LONG = 16 * 1024

type Headers = Readonly<Record<string, string>>

/** For who sends it once and no more. */
export function sentOnce(
  headers: Headers,
  body: string | undefined,
): Pick<Dispatcher.DispatchOptions, 'headers' | 'body'> {
  if (body === undefined || body.length < LONG) return { headers, body: body ?? null }
  const bytes = Buffer.from(body)
  return {
    headers: { ...headers, 'content-length': `${bytes.length}` },
    // Its types leave out what its documentation names: anything that can be iterated.
    body: new Once(bytes) as unknown as Readable,
  }
}

/** Not a generator: one that is done keeps what it was called with. */
class Once implements IterableIterator<Buffer> {
  #bytes: Buffer | undefined

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  [Symbol.iterator](): this {
    return this
  }

  next(): IteratorResult<Buffer, undefined> {
    const value = this.#bytes
    this.#bytes = undefined
    return value === undefined ? { done: true, value } : { done: false, value }
  }
}
