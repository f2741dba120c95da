/**
 * Reads errors as providers write them, in JSON of any shape.
 *
 * The same reader serves error bodies, errors inside a stream and errors that come with status
 * 200. Its result may still contain secrets. `error-code.ts` says what an error means. Knows
 * nothing of the endpoint that was asked.
 */
import {
  CODES,
  DETAILS,
  LONGEST_KIND,
  PARAMS,
  REQUEST_IDS,
  STATUSES,
  TEXTS,
  TYPES,
  firstFields,
  hasFailureCode,
  hasWordsOfFailure,
  isAboutFailure,
  isSuccess,
  named,
  reportsFailure,
  scalarText,
} from './error-fields.ts'
import type { Fields } from './error-fields.ts'
import { durationInText, waitInField } from './named-wait.ts'
import { isObject, nonEmpty, numberIn, parsedJson } from './wire-value.ts'
import type { WireObject } from './wire-value.ts'

/** A failure in the provider's words. */
export interface ProviderError {
  readonly message?: string
  /** The provider's own code, or its type of error when there is no code. */
  readonly providerCode?: string
  /** Codes, types, statuses and reasons in lower case, with `_` between their words. */
  readonly kinds: string
  /** The HTTP status that the error gives as its code or status. */
  readonly status?: number
  /** The field of the request that the error is about. */
  readonly param?: string
  /** The wait that the error names, in milliseconds. */
  readonly retryAfterMs?: number
  /** The provider's id of the request. */
  readonly requestId?: string
  /** True if the error tells how long the model takes to load. */
  readonly hasLoadingTime?: boolean
}

/** No error is nested deeper. The text of an error that is JSON again counts as a level. */
const DEEPEST = 10
/** The number of items of a list, or of fields with names of their own, that are read. */
const MOST_ITEMS = 5
/** The number of objects that are read. Errors have a few, and reading one costs microseconds. */
const MOST_OBJECTS = 100
/** A longer text is not parsed as JSON. */
const LONGEST_JSON = 64 * 1024

/**
 * Finds the error in a JSON value of any of the shapes that providers send. Returns `undefined` if
 * the value has none.
 */
export function readProviderError(given: unknown): ProviderError | undefined {
  const value = unlisted(given)
  if (isObject(value)) return new ErrorSearch().result(value)
  // A text, or a list of texts, is what the error says.
  return typeof value === 'string' ? new ErrorSearch().result({ message: given }) : undefined
}

/**
 * Finds an error in a value that may be a good answer or event: one with a field for errors, or
 * with a code that reports a failure beside a text, at its top or one level below.
 */
export function reportedError(value: WireObject): ProviderError | undefined {
  const isReported =
    reportsFailure(named(value)) ||
    firstFields(value).some(([, field]) => isObject(field) && reportsFailure(named(field)))
  return isReported ? readProviderError(value) : undefined
}

/**
 * Finds an error in an event with a type of its own. Such an event may tell of an error that is not
 * the reply's, so it has to be an error itself: by its type, or by a code.
 */
export function typedError(event: WireObject): ProviderError | undefined {
  return hasFailureCode(named(event)) ? readProviderError(event) : undefined
}

/**
 * Reads an event that has the text of an error and nothing else that says so. It is an error only
 * if no content came.
 */
export function wordsOfFailure(event: WireObject): ProviderError | undefined {
  return hasWordsOfFailure(named(event)) ? readProviderError(event) : undefined
}

/** The search for the texts and the codes of one error. */
class ErrorSearch {
  readonly #codes: string[] = []
  readonly #types: string[] = []
  readonly #statuses: string[] = []
  readonly #others: string[] = []
  #param: string | undefined
  #waitMs: number | undefined
  #requestId: string | undefined
  #hasLoadingTime = false
  /** Each object is read once, so that the cost does not grow faster than the value. */
  readonly #seen = new Set<object>()
  /** How many objects with details were read. */
  #noted = 0

  result(value: WireObject): ProviderError | undefined {
    const fields = named(value)
    const message = this.#inObject(value, DEEPEST)
    if (message === undefined && !fields.get('error')) return undefined
    const kinds = [...this.#codes, ...this.#types, ...this.#statuses, ...this.#others]
    const providerCode = this.#codes[0] ?? this.#types[0] ?? this.#statuses[0]
    const status = [...this.#codes, ...this.#statuses].map(Number).find(isErrorStatus)
    const retryAfterMs = this.#waitMs ?? durationInText(message ?? '')
    return {
      kinds: kinds
        .map((kind) => kind.slice(0, LONGEST_KIND).replaceAll(/[-. /]+/g, '_'))
        .join(' ')
        .toLowerCase(),
      ...(message !== undefined && { message }),
      ...(providerCode !== undefined && { providerCode }),
      ...(status !== undefined && { status }),
      ...(this.#param !== undefined && { param: this.#param }),
      ...(retryAfterMs !== undefined && { retryAfterMs }),
      ...(this.#requestId !== undefined && { requestId: this.#requestId }),
      ...(this.#hasLoadingTime && { hasLoadingTime: true }),
    }
  }

  /** Finds a text in a value, wherever in it that may be. */
  #textOf(value: unknown, depth: number): string | undefined {
    if (typeof value === 'string') return this.#inText(value.trim(), depth)
    if (depth === 0) return undefined
    if (Array.isArray(value)) return this.#inList(value as unknown[], depth)
    return isObject(value) ? this.#inObject(value, depth) : undefined
  }

  /** The text itself, or the text in the JSON that it is, or that it ends with. */
  #inText(text: string, depth: number): string | undefined {
    const start = depth === 0 || !/[\]}"]$/.test(text) ? -1 : text.search(/[[{]\s*["{]|^"/)
    if (start === -1 || text.length > LONGEST_JSON) return nonEmpty(text)
    const inner = this.#textOf(parsedJson(text.slice(start)), depth - 1)
    return inner === undefined ? text : text.slice(0, start) + inner
  }

  #inList(items: readonly unknown[], depth: number): string | undefined {
    const lines = items.slice(0, MOST_ITEMS).flatMap((item) => {
      const text = this.#textOf(item, depth - 1)
      if (text === undefined) return []
      const loc: unknown = isObject(item) ? item['loc'] : undefined
      const steps = Array.isArray(loc) ? (loc as unknown[]).slice(0, 20) : []
      const where = steps.flatMap((step) => scalarText(step) ?? []).join('.')
      return where === '' ? text : `${where}: ${text}`
    })
    return nonEmpty(lines.join('; '))
  }

  #inObject(value: WireObject, depth: number): string | undefined {
    if (this.#seen.has(value) || this.#seen.size >= MOST_OBJECTS) return undefined
    this.#seen.add(value)
    const fields = named(value)
    const error = fields.get('error')
    // The codes of the error itself come before those beside it.
    const inner = error && typeof error === 'object' ? this.#textOf(error, depth - 1) : undefined
    if (fields.has('loc')) this.#noteDetails(value, 0)
    else this.#note(fields)
    if (inner !== undefined) return inner
    const own = this.#first(TEXTS, fields, depth)
    const said = typeof error === 'string' ? this.#textOf(error, depth) : undefined
    const message = joined(said, own)
    // Some gateways pass on the name of the error in place of its text.
    if (own !== undefined) this.#addTo(this.#others, nameIn(own))
    if (said !== undefined)
      this.#addTo(own === undefined ? this.#others : this.#types, nameIn(said))
    // OpenRouter passes on the message of the provider behind it, which is the useful part.
    const metadata = fields.get('metadata')
    const raw = isObject(metadata) ? this.#textOf(metadata['raw'], depth - 1) : undefined
    return joined(message, raw) ?? this.#below(value, depth - 1)
  }

  #first(names: readonly string[], fields: Fields, depth: number): string | undefined {
    for (const name of names) {
      const value = fields.get(name)
      const text = this.#textOf(value, depth - 1) ?? this.#byName(value, depth - 1)
      if (text !== undefined) return text
    }
    return undefined
  }

  /** Reads a record of complaints, each under the name of the field that it is about. */
  #byName(value: unknown, depth: number): string | undefined {
    if (depth <= 0 || !isObject(value)) return undefined
    const lines = firstFields(value)
      .slice(0, MOST_ITEMS)
      .flatMap(([name, complaint]) => {
        const isComplaint = typeof complaint === 'string' || Array.isArray(complaint)
        const text = isComplaint ? this.#textOf(complaint, depth - 1) : undefined
        return text === undefined ? [] : [`${name.slice(0, LONGEST_KIND)}: ${text}`]
      })
    return nonEmpty(lines.join('; '))
  }

  /** Looks under names of any kind for an object that is about a failure. */
  #below(value: WireObject, depth: number): string | undefined {
    for (const [, field] of firstFields(value)) {
      if (depth <= 0 || this.#seen.size >= MOST_OBJECTS) return undefined
      if (!isObject(field) || this.#seen.has(field)) continue
      const text = isAboutFailure(named(field)) ? this.#inObject(field, depth) : undefined
      if (text !== undefined) return text
    }
    return undefined
  }

  /** Notes codes, types and statuses. Of details only the kinds count. */
  #note(fields: Fields): void {
    for (const name of CODES) this.#addTo(this.#codes, fields.get(name))
    for (const name of TYPES) this.#addTo(this.#types, fields.get(name))
    for (const name of STATUSES) this.#addTo(this.#statuses, fields.get(name))
    this.#noteFacts(fields)
    for (const name of DETAILS) this.#noteDetails(fields.get(name), 2)
  }

  #noteDetails(value: unknown, depth: number): void {
    const items = Array.isArray(value) ? (value as unknown[]).slice(0, 4 * MOST_ITEMS) : [value]
    for (const item of items) {
      if (!isObject(item) || this.#noted >= MOST_OBJECTS) continue
      this.#noted += 1
      const fields = named(item)
      for (const name of [...CODES, ...TYPES, 'reason']) this.#addTo(this.#others, fields.get(name))
      this.#noteFacts(fields)
      if (depth > 0) for (const name of DETAILS) this.#noteDetails(fields.get(name), depth - 1)
    }
  }

  #noteFacts(fields: Fields): void {
    for (const name of PARAMS) this.#param ??= nonEmpty(fields.get(name))?.slice(0, LONGEST_KIND)
    for (const name of REQUEST_IDS) this.#requestId ??= nonEmpty(fields.get(name))
    this.#waitMs ??= waitInField(fields)
    if (numberIn(fields.get('estimatedtime')) > 0) this.#hasLoadingTime = true
  }

  #addTo(kinds: string[], value: unknown): void {
    const kind = scalarText(value)
    if (kind !== undefined && !isSuccess(kind)) kinds.push(kind)
  }
}

/** The first item of a list, since some servers wrap their errors. Lists may be nested. */
function unlisted(given: unknown): unknown {
  let value = given
  for (let depth = 0; depth < DEEPEST && Array.isArray(value); depth += 1) {
    value = (value as unknown[])[0]
  }
  return value
}

function joined(first: string | undefined, second: string | undefined): string | undefined {
  if (first === undefined || second === undefined || first === second) return first ?? second
  return `${first}: ${second}`
}

/** A text that is a name of an error and no sentence. */
function nameIn(text: string): string | undefined {
  return /^[\w.-]{1,100}$/.test(text) ? text : undefined
}

function isErrorStatus(status: number): boolean {
  return status >= 400 && status <= 599
}
