/** Reads the wait that the headers of an answer ask for. Knows nothing of the body. */
import type { IncomingHttpHeaders } from 'node:http'
import { headerText } from './header-text.ts'

/** The wait in milliseconds, from `retry-after-ms` or `Retry-After` (seconds or a date). */
export function retryAfter(headers: IncomingHttpHeaders, now: number): number | undefined {
  const inMs = Number.parseFloat(headerText(headers, 'retry-after-ms'))
  if (inMs >= 0 && Number.isFinite(inMs)) return Math.round(inMs)
  const value = headerText(headers, 'retry-after')
  if (/^\s*\d{1,15}(\.\d+)?\s*$/.test(value)) return Math.round(Number(value) * 1000)
  const date = dateIn(value)
  if (date === undefined) return undefined
  // Both dates are of the provider's clock. The clock of this machine may be wrong.
  return Math.max(0, date - (dateIn(headerText(headers, 'date')) ?? now))
}

function dateIn(value: string): number | undefined {
  // `Date.parse` takes a bare number for a year.
  const date = /[a-z]/i.test(value) ? Date.parse(value) : Number.NaN
  return Number.isNaN(date) ? undefined : date
}
