/**
 * An answer with an error status, and the beginning of its body, up to a limit. Knows nothing of
 * the body's format.
 */
import type { IncomingHttpHeaders } from 'node:http'
import { ERROR_BODY_BYTES } from '../limits.ts'

export class BadAnswer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly #pieces: Buffer[] = []
  #size = 0

  constructor(status: number, headers: IncomingHttpHeaders) {
    this.status = status
    this.headers = headers
  }

  add(bytes: Buffer): void {
    this.#pieces.push(bytes)
    this.#size += bytes.length
  }

  /** True if the limit is reached: no more of the body is read. */
  get isRead(): boolean {
    return this.#size >= ERROR_BODY_BYTES
  }

  get text(): string {
    return Buffer.concat(this.#pieces).subarray(0, ERROR_BODY_BYTES).toString()
  }
}
