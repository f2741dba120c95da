/** Reads the wait that the headers of an answer ask for. Knows nothing of the body. */
import type { IncomingHttpHeaders } from 'node:http'
import { duration } from '../named-wait.ts'
import { headerText } from './header-text.ts'

/** Headers with a wait, and the milliseconds of a bare number's unit. The most exact one is first. */
const HEADERS: readonly (readonly [string, number])[] = [
  ['retry-after-ms', 1], // OpenAI
  ['x-ms-retry-after-ms', 1], // Azure
  ['retry-after', 1000],
]

/** The wait in milliseconds. A value is a duration or a date; one that is neither asks for nothing. */
export function retryAfter(headers: IncomingHttpHeaders, now: number): number | undefined {
  for (const [name, unitMs] of HEADERS) {
    const value = headerText(headers, name)
    const ms = longestOf(value, unitMs)
    if (ms !== undefined) return ms
    const date = dateIn(value)
    if (date === undefined) continue
    // Both dates are of the provider's clock. The clock of this machine may be wrong.
    return duration(Math.max(0, date - (dateIn(headerText(headers, 'date')) ?? now)), 1)
  }
  return undefined
}

/** The longest of several values: a gateway may add a header of its own to that of the provider. */
function longestOf(value: string, unitMs: number): number | undefined {
  const waits = value.split(',').map((each) => duration(each.trim(), unitMs))
  return waits.includes(undefined) ? undefined : Math.max(...waits.map((ms) => ms ?? 0))
}

function dateIn(value: string): number | undefined {
  // `Date.parse` takes a bare number for a year.
  const date = /[a-z]/i.test(value) ? Date.parse(value) : Number.NaN
  return Number.isNaN(date) ? undefined : date
}
