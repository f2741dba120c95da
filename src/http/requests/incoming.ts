/**
 * A request and its answer, whatever server brought them.
 *
 * `node-response.ts` and `web-response.ts` translate. Everything between knows only this file.
 */
import type { StreamSource } from '../streams/sink.ts'

/** A request. */
export interface Incoming {
  readonly method: string
  /** The path as it was sent, percent signs included. */
  readonly path: string
  readonly query: URLSearchParams
  header(name: string): string | undefined
  /** The request as `authorize` sees it: without a body. */
  asRequest(): Request
  /** The bytes of the body, or the value that a middleware made of them. */
  readonly body: IncomingBody
}

/** The body of a request. */
export interface IncomingBody {
  /** What a middleware made of a body that it has read: a text, bytes or a value of JSON. */
  readonly parsed: unknown
  /** True if it was read already, and what was read is gone. */
  readonly isGone: boolean
  /**
   * Calls `take` with each piece, then resolves. Resolves with `false` if the client left. `take`
   * returns false to stop.
   */
  read(take: (bytes: Uint8Array) => boolean, signal: AbortSignal): Promise<boolean>
}

/** A whole answer. */
export interface WholeAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | undefined
  readonly closesConnection?: boolean | undefined
}

/** An answer that is written as events come. */
export interface StreamAnswer {
  readonly status: 200
  readonly headers: Readonly<Record<string, string>>
  /** Takes the sink. `drained` and `left` of the reader are called as the client reads, or leaves. */
  readonly reader: StreamSource
}

/** An answer that the host made. */
export interface ForeignAnswer {
  readonly response: Response
  readonly headers: Readonly<Record<string, string>>
}

export type Answer = WholeAnswer | StreamAnswer | ForeignAnswer
