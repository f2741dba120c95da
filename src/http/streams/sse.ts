/**
 * Server-sent events as bytes.
 *
 * JSON has no line break in it, so one event is always one `data:` line, whatever a provider says.
 * Knows nothing of what the events mean.
 */

/** A `Buffer`, because a socket would make one of any other array anew for each reader. */
const bytesOf = (text: string): Uint8Array => Buffer.from(text)

export const STREAM_HEADERS: Readonly<Record<string, string>> = {
  'content-type': 'text/event-stream; charset=utf-8',
  // `no-transform` keeps compressing middlewares from holding events back.
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
}

/** The first bytes of each stream: some proxies count headers without them as nothing. */
export const GREETING = bytesOf('retry: 1000\n: colloquy\n\n')

export const HEARTBEAT = bytesOf(': \n\n')

export function eventBytes(id: string, event: string, data: unknown): Uint8Array {
  return bytesOf(`id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
}
