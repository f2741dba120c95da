/**
 * An answer with an error status, and the beginning of its body, up to a limit. Knows nothing of
 * the body's format.
 */
import type { IncomingHttpHeaders } from 'node:http'
import { GrowingBytes } from '../growing-bytes.ts'
import { ERROR_BODY_BYTES } from '../limits.ts'

export class BadAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly #bytes = new GrowingBytes()

  constructor(status: number, headers: IncomingHttpHeaders) {
    this.status = status
    this.headers = headers
  }

  add(bytes: Buffer): void {
    this.#bytes.add(bytes.subarray(0, ERROR_BODY_BYTES - this.#bytes.length))
  }

  /** True if the limit is reached: no more of the body is read. */
  get isRead(): boolean {
    return this.#bytes.length >= ERROR_BODY_BYTES
  }

  get text(): string {
    return this.#bytes.view().toString()
  }
}
