/**
 * The two ends of an open stream: what is written to, and who writes.
 *
 * `node-response.ts` and `web-response.ts` have sinks. `reader.ts` writes.
 */
import type { StreamEnd } from '../../protocol/web.ts'

/** What is written to, for as long as a stream is open. */
export interface Sink {
  /** The bytes that were written and not yet sent. */
  readonly unsent: number
  write(bytes: Uint8Array): void
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
