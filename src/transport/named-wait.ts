/**
 * Finds the wait that an error names, in a field or in its words, and reads durations.
 *
 * Knows nothing of headers, and nothing of the code that obeys the wait.
 */
import { LONGEST_TIMER_MS } from '../protocol/clock.ts'
import { numberIn } from './wire-value.ts'

/** Fields that hold a wait, by their normal names, with the milliseconds of a bare number's unit. */
const FIELDS: readonly (readonly [string, number])[] = [
  ['retryafterms', 1],
  ['retrydelayms', 1],
  ['retryinms', 1],
  ['retrydelay', 1000], // Google's RetryInfo, "1.137906927s"
  ['retryafter', 1000],
  ['retryafterseconds', 1000],
  ['retryinseconds', 1000],
  ['retryin', 1000],
  ['estimatedtime', 1000], // Hugging Face, while a model loads
]

/** The units of a duration in words. The longer spelling comes first. */
const UNITS: readonly (readonly [string, number])[] = [
  ['milliseconds?|msecs?|ms', 1],
  ['seconds?|secs?|s', 1000],
  ['minutes?|mins?|m', 60_000],
  ['hours?|hrs?|h', 3_600_000],
  ['days?|d', 86_400_000],
]

const UNIT = UNITS.map(([spellings]) => spellings).join('|')
const STEP = `\\d{1,9}(?:\\.\\d{1,12})?\\s{0,3}(?:${UNIT})`
/** Steps may be written together, as in `1m26.4s`. */
const STEPS = `${STEP}(?=[\\s\\d.,;:!)}"']|$)`

/** The wordings of a wait before its duration, one line for each. */
const WORDINGS = [
  'retry(?:ing)?(?: your request| the request| again)? (?:in|after)', // Gemini, Azure
  'retry[-_ ]?after["\']?[:=]?', // Groq, proxies
  'try(?: your request| the request)? again (?:in|after)', // OpenAI, Groq
  '(?:please|must|should|to|and) wait(?: for)?(?: at least| about| another)?', // Mistral, proxies
  '(?:limit|quota|window|usage)s?(?: will)?(?: be)? resets? (?:in|after)', // gateways
  '(?:available|allowed)(?: again)? (?:in|after)',
]

const NAMED = new RegExp(
  `\\b(?:${WORDINGS.join('|')})\\s{0,3}(?:about |approximately |the next |~)?((?:${STEPS}\\s{0,3}){1,4})`,
  'i',
)
/** A number without a unit is of seconds, as in the header. */
const BARE = /\bretry[-_ ]?after["']?[:=]?\s{0,3}["']?(\d{1,9}(?:\.\d{1,12})?)(?=[\s.,;)}"']|$)/i
const EACH_STEP = new RegExp(STEP, 'gi')

/** A longer text is searched only so far. */
const SEARCHED = 2000

/** The wait that one of the fields holds, in milliseconds. */
export function waitInField(fields: ReadonlyMap<string, unknown>): number | undefined {
  for (const [name, unitMs] of FIELDS) {
    const value = fields.get(name)
    const ms = duration(value, unitMs)
    if (ms !== undefined) return ms
  }
  return undefined
}

/** The wait that a text asks for, in milliseconds. */
export function durationInText(text: string): number | undefined {
  const searched = text.slice(0, SEARCHED)
  const found = (NAMED.exec(searched) ?? BARE.exec(searched))?.[1]
  return found === undefined ? undefined : duration(found.trim(), 1000)
}

/**
 * The milliseconds of a number, or of a text such as `1m26.4s`. `undefined` for anything else.
 *
 * @param unitMs - the milliseconds of the unit of a bare number
 */
export function duration(value: unknown, unitMs: number): number | undefined {
  const isBlank = typeof value === 'string' && value.trim() === ''
  const bare = isBlank ? Number.NaN : numberIn(value)
  if (bare >= 0) return checked(bare * unitMs)
  if (typeof value !== 'string' || value.length > 100) return undefined
  let ms = 0
  let length = 0
  for (const [step] of value.matchAll(EACH_STEP)) {
    ms += Number.parseFloat(step) * unitOf(step)
    length += step.length
  }
  // A text that holds more than a duration is no duration.
  return length > 0 && length >= value.replaceAll(/[\s,]/g, '').length ? checked(ms) : undefined
}

function unitOf(step: string): number {
  const spelling = step.replace(/^[\d.\s]+/, '')
  const unit = UNITS.find(([spellings]) => new RegExp(`^(?:${spellings})$`, 'i').test(spelling))
  return unit?.[1] ?? Number.NaN
}

/**
 * Rounds up: a request that comes a fraction of a millisecond early is refused again. Hosts may set
 * a timer for the wait, so it is no longer than a timer can be.
 */
function checked(ms: number): number | undefined {
  return Number.isFinite(ms) ? Math.min(Math.ceil(ms), LONGEST_TIMER_MS) : undefined
}
