/**
 * The two ends of an open stream: what is written to, and who writes.
 *
 * `node-response.ts` and `web-response.ts` have sinks. `reader.ts` writes.
 */
import type { StreamEnd } from '../../protocol/web.ts'

/** Bytes that many streams are sent, in the forms that their connections take. */
export interface SharedBytes {
  readonly bare: Uint8Array
  /** As one chunk of a body of HTTP/1.1: the length, the bytes, a line break. */
  readonly chunk: Uint8Array
}

/** What is written to, for as long as a stream is open. */
export interface Sink {
  /** The bytes that were written and not yet sent. */
  readonly unsent: number
  write(bytes: SharedBytes): void
  /** Writes what is left, and ends the answer. */
  end(): void
  /** Cuts the connection. */
  destroy(): void
}

/** Writes to a sink, and is told what becomes of it. */
export interface StreamSource {
  open(sink: Sink): void
  /** The client has read all that was written. */
  drained(): void
  /** The client has left. */
  left(): void
  end(end: StreamEnd): void
}
