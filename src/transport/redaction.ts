/**
 * Removes secrets from the error messages of a provider.
 *
 * Providers echo keys and headers in their error messages. Those messages end
 * up in events, in the database and in logs. Knows nothing of their meaning.
 */
import type { ErrorRecord } from '../protocol/errors.ts'
import { basicCredentials } from './basic-credentials.ts'
import { secretQueryValues } from './http/secret-query.ts'
import type { ProviderTarget } from './provider-target.ts'
import type { AnsweredError } from './refusal.ts'
import { formsOf } from './secret-forms.ts'
import { TextView, UNSEEN } from './text-view.ts'
import type { Range } from './text-view.ts'

const LONGEST_MESSAGE = 1000
const LONGEST_ID = 200
/** Only so much of a text is searched for secrets. */
const SEARCHED = 64 * 1024
const SHORTEST_KEY = 4
const SHORTEST_VALUE = 8
const REDACTED = '[redacted]'

// Control characters would let a provider write to the terminal that shows its message.
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g
/** Characters that are invisible, or change the order in which others are shown. */
const FORMAT = /(?![\u200c\u200d])\p{Cf}/gu
/** Joiners stay between two characters, where scripts and emoji need them. */
const JOINERS = /[\u200c\u200d]/g
/** An escaped secret is at most so many times as long as the plain one. */
const LONGEST_ESCAPE = 12

/**
 * Copies an error record without secrets of the target, and without long or unprintable text.
 *
 * @param requestId - the provider's id of the request, as its headers have it
 */
export function redacted(
  { refusal: _, ...error }: AnsweredError,
  target: ProviderTarget,
  requestId: string | undefined,
): ErrorRecord {
  const secrets = secretsOf(target)
  const id = requestId ?? error.requestId
  return {
    ...error,
    message: clean(error.message, secrets, LONGEST_MESSAGE),
    ...(error.providerCode !== undefined && {
      providerCode: clean(error.providerCode, secrets, LONGEST_MESSAGE),
    }),
    ...(id !== undefined && { requestId: clean(id, secrets, LONGEST_ID).slice(0, LONGEST_ID) }),
  }
}

/** Has secrets that a text may quote. */
export type SecretHolder = Pick<ProviderTarget, 'apiKey' | 'headers' | 'url'>

/** Copies a text without the secrets of endpoints. */
export function withoutSecrets(text: string, holders: readonly SecretHolder[]): string {
  return struck(text, [...new Set(holders.flatMap((holder) => secretsOf(holder)))])
}

function clean(text: string, secrets: readonly string[], longest: number): string {
  const printable = struck(text, secrets)
    .replace(FORMAT, '')
    .replace(CONTROL, ' ')
    .replace(JOINERS, isolatedJoiner)
    .trim()
  return printable.length > longest ? `${printable.slice(0, longest).toWellFormed()}…` : printable
}

/** Replaces a joiner that joins nothing, or comes twice. */
function isolatedJoiner(joiner: string, at: number, text: string): string {
  const joins = (char: string | undefined): boolean => /[^\s\u200c\u200d]/.test(char ?? '')
  return joins(text[at - 1]) && joins(text[at + 1]) ? joiner : ''
}

/** The beginning of a text, with its secrets replaced. */
function struck(text: string, secrets: readonly string[]): string {
  const searched = text.slice(0, SEARCHED)
  const found = TextView.all(searched).flatMap((view) => {
    const folded = foldCase(view.text)
    return secrets.flatMap((secret) => rangesOf(folded, secret, view))
  })
  let result = ''
  let from = 0
  for (const { start, end } of merged(found)) {
    result += searched.slice(from, start) + REDACTED
    from = end
  }
  result += searched.slice(from)
  if (searched.length === text.length) return result
  // The cut may have left the beginning of a secret at the end.
  const longest = LONGEST_ESCAPE * Math.max(0, ...secrets.map((secret) => secret.length))
  return result.slice(0, Math.max(0, result.length - longest))
}

/** Lower case in which each character keeps its place. */
function foldCase(text: string): string {
  const lower = text.toLowerCase()
  return lower.length === text.length
    ? lower
    : text.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase())
}

function rangesOf(text: string, secret: string, view: TextView): readonly Range[] {
  const ranges: Range[] = []
  for (let at = text.indexOf(secret); at !== -1; at = text.indexOf(secret, at + secret.length)) {
    ranges.push(view.range(at, at + secret.length))
  }
  return ranges
}

/** Joins ranges that overlap: of two secrets, one may hold the other, or its beginning. */
function merged(ranges: readonly Range[]): readonly Range[] {
  const joined: Range[] = []
  for (const range of ranges.toSorted((a, b) => a.start - b.start)) {
    const last = joined.at(-1)
    if (last === undefined || range.start >= last.end) joined.push(range)
    else if (range.end > last.end) joined[joined.length - 1] = { start: last.start, end: range.end }
  }
  return joined
}

/** All secret texts in all their forms, in lower case and without unseen characters. */
function secretsOf(target: SecretHolder): readonly string[] {
  const secrets = new Set<string>()
  const add = (secret: string): void => {
    for (const form of formsOf(secret)) {
      const seen = foldCase(form.replace(UNSEEN, ''))
      if (seen.length >= SHORTEST_KEY) secrets.add(seen)
    }
  }
  if (target.apiKey !== undefined && target.apiKey.length >= SHORTEST_KEY) add(target.apiKey)
  for (const value of Object.values(target.headers)) {
    // The value `Bearer abc` may be echoed as `abc`.
    for (const secret of [value, ...value.split(/\s+/)]) {
      if (secret.length >= SHORTEST_VALUE) add(secret)
    }
    for (const secret of basicCredentials(value)) if (secret.length >= SHORTEST_KEY) add(secret)
  }
  for (const value of secretQueryValues(target.url)) if (value.length >= SHORTEST_KEY) add(value)
  return [...secrets]
}
