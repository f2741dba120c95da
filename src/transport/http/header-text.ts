/** Reads one header of an answer as text. Knows nothing of its meaning. */
import type { IncomingHttpHeaders } from 'node:http'

/** The value of a header. Several values are joined by commas. Empty if there is none. */
export function headerText(headers: IncomingHttpHeaders, name: string): string {
  const value = headers[name] ?? ''
  return typeof value === 'string' ? value : value.join(', ')
}
