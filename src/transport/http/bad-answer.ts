/** An answer with the status of an error, and as much of its body as is read. */
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

  /** Whether there is so much of the body that no more is read. */
  get isRead(): boolean {
    return this.#size >= ERROR_BODY_BYTES
  }

  get text(): string {
    return Buffer.concat(this.#pieces).subarray(0, ERROR_BODY_BYTES).toString()
  }
}
