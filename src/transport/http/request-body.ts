/**
 * Prepares the body of a request for undici.
 *
 * undici keeps a body until the answer ends, so a live stream would hold the whole history that was
 * sent. A long body is therefore passed as an iterator that can be read once and is empty after
 * that. A short body is not worth an iterator. This file knows nothing of what a body says.
 */
import type { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'

/** From this length on a body counts as long. In UTF-16 units. */
const LONG = 16 * 1024

type Headers = Readonly<Record<string, string>>

/** Headers and body for a dispatcher that sends a request at most once. */
export function sentOnce(
  headers: Headers,
  body: string | undefined,
): Pick<Dispatcher.DispatchOptions, 'headers' | 'body'> {
  if (body === undefined || body.length < LONG) return { headers, body: body ?? null }
  const bytes = Buffer.from(body)
  return {
    headers: { ...headers, 'content-length': `${bytes.length}` },
    // undici documents any iterable as a body, but its types leave that out.
    body: new Once(bytes) as unknown as Readable,
  }
}

/** Not a generator: a generator keeps its arguments even when it is done. */
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
