/**
 * Server-sent events as bytes.
 *
 * JSON has no line break in it, so one event is always one `data:` line, whatever a provider says.
 * Knows nothing of what the events mean.
 */
import { EventBytes } from './event-bytes.ts'

export const STREAM_HEADERS: Readonly<Record<string, string>> = {
  'content-type': 'text/event-stream; charset=utf-8',
  // `no-transform` keeps compressing middlewares from holding events back.
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
}

/** The first bytes of each stream: some proxies count headers without them as nothing. */
export const GREETING = new EventBytes('retry: 1000\n: colloquy\n\n')

export const HEARTBEAT = new EventBytes(': \n\n')

export function eventBytes(id: string, event: string, data: unknown): EventBytes {
  return new EventBytes(`id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
}
