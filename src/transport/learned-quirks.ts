/**
 * Remembers the lessons that servers teach by their refusals, as long as the transport lives.
 *
 * They are kept for each endpoint, url and model, since many servers may be behind one url. The
 * quirks and fields that the host has set are never overruled. A request is not sent again if it
 * would be refused again. Knows nothing of wire formats: dialects know their quirks and fields.
 */
import type { WireDialect } from './dialects/dialect.ts'
import { hasField, isNamed, withoutFields } from './own-fields.ts'
import type { ServerQuirks } from './provider-target.ts'
import type { AnsweredError, Refusal } from './refusal.ts'
import type { ReplyRequest } from './reply-request.ts'

/** No host has more models. When the map is full, it is cleared, and lessons are learned anew. */
const MOST = 1000

/** The statuses with which strict servers refuse a field; 422 is that of FastAPI. */
const REFUSALS: ReadonlySet<number> = new Set([400, 422])

/** Wordings for a model that answers only in streams, in lower case: one line for each. */
const STREAM_ONLY: readonly RegExp[] = [
  /\bnon[- _]?stream(ing|ed)?\b/, // Qwen
  /\bonly (supports? |allows? )?(the )?stream|\bmust (be )?stream(ed)?\b/, // Qwen, gateways
  /\bstream(ing)?\b.{0,20}\bonly\b/, // gateways
  /\bstream(ing)?["'`]?( mode| parameter)? (is|must be|should be|has to be|needs to be) (set to true|true|required|mandatory|enabled|on)\b/, // ChatGPT
  /\bstream["'`]?\s?(=|:|set to|to be)\s?["'`]?(true|false)\b/, // gateways
  /\bstream["'`]? (does not|doesn't|cannot|can't|must not|may not) (support |be |accept )?(set to )?["'`]?false\b/, // OpenAI's form
  /\bstream: input should be true\b/, // FastAPI
  /\b(enable|use|set|requires?|required?) (the |to )?["'`]?stream(ing)?\b/, // gateways
]

/** The most lessons of one request. Each costs another try. */
const MOST_LESSONS = 8

interface Lessons {
  readonly quirks: ServerQuirks
  /** The paths of fields of our own that the server refuses. */
  readonly omitted: readonly string[]
  /** True if the server answers only in streams. */
  readonly mustStream: boolean
}

const NONE: Lessons = { quirks: {}, omitted: [], mustStream: false }

export class LearnedQuirks {
  readonly #learned = new Map<string, Lessons>()

  /** What is known of the server of a request, and is learned by this request. */
  of(request: ReplyRequest, dialect: WireDialect): RequestLessons {
    return new RequestLessons(this, request, dialect)
  }

  get(request: ReplyRequest): Lessons {
    return (this.#learned.size > 0 && this.#learned.get(keyOf(request))) || NONE
  }

  set(request: ReplyRequest, lessons: Lessons): void {
    if (this.#learned.size >= MOST) this.#learned.clear()
    if (lessons === NONE) this.#learned.delete(keyOf(request))
    else this.#learned.set(keyOf(request), lessons)
  }
}

class RequestLessons {
  readonly #all: LearnedQuirks
  readonly #request: ReplyRequest
  readonly #dialect: WireDialect
  /** What was known before this request learned anything. */
  #before: Lessons | undefined
  #count = 0

  constructor(all: LearnedQuirks, request: ReplyRequest, dialect: WireDialect) {
    this.#all = all
    this.#request = request
    this.#dialect = dialect
  }

  /** True if a stream is asked for, by the request or because the server answers in no other way. */
  get stream(): boolean {
    return this.#request.stream || this.#all.get(this.#request).mustStream
  }

  /** The body with all quirks of the endpoint, learned or set by the host. */
  body(): object {
    const body = this.#dialect.body(this.#applied())
    const omitted = this.#omitted()
    return omitted.length === 0 ? body : withoutFields(body, omitted)
  }

  /** Returns true if the error taught a lesson. With it applied, the request may be accepted. */
  learn({ refusal }: AnsweredError): boolean {
    if (refusal === undefined || !REFUSALS.has(refusal.status)) return false
    const known = this.#all.get(this.#request)
    const lessons = this.#count < MOST_LESSONS ? this.#learned(known, refusal) : undefined
    if (lessons !== undefined) {
      this.#count += 1
      this.#before ??= known
      this.#all.set(this.#request, lessons)
      return true
    }
    // Without the field the request was refused all the same: the field was not the cause.
    if (this.#before !== undefined) this.#all.set(this.#request, this.#before)
    return false
  }

  #learned(known: Lessons, refusal: Refusal): Lessons | undefined {
    const quirks = this.#dialect.quirksFromError?.(this.#applied(), refusal)
    if (quirks !== undefined) return { ...known, quirks: { ...known.quirks, ...quirks } }
    const omitted = this.#newlyOmitted(known, refusal)
    if (omitted.length > 0) return { ...known, omitted: [...known.omitted, ...omitted] }
    return !this.stream && isStreamOnly(refusal) ? { ...known, mustStream: true } : undefined
  }

  #newlyOmitted(known: Lessons, refusal: Refusal): readonly string[] {
    const named = (this.#dialect.ownFields ?? []).filter(
      (field) =>
        !known.omitted.includes(field.path) &&
        !this.#isHosts(field.path) &&
        isNamed(field, refusal),
    )
    if (named.length === 0) return []
    const body = this.body()
    return named.map(({ path }) => path).filter((path) => hasField(body, path))
  }

  #applied(): ReplyRequest {
    const request = this.#request
    const { quirks } = request.target
    const known = this.#all.get(request)
    if (quirks === undefined && known === NONE) return request
    return {
      ...request,
      stream: this.stream,
      target: { ...request.target, quirks: { ...known.quirks, ...quirks } },
      extraBody: { ...quirks?.extraBody, ...request.extraBody },
    }
  }

  #omitted(): readonly string[] {
    const { omitted } = this.#all.get(this.#request)
    return omitted.length === 0 ? omitted : omitted.filter((path) => !this.#isHosts(path))
  }

  /** Returns true if the host set the field, or the one that holds it. */
  #isHosts(path: string): boolean {
    const name = /^\w+/.exec(path)?.[0] ?? path
    const { target, extraBody = {} } = this.#request
    return name in extraBody || name in (target.quirks?.extraBody ?? {})
  }
}

function isStreamOnly({ param, text }: Refusal): boolean {
  const said = text.slice(0, 4000).toLowerCase()
  return param === 'stream' || STREAM_ONLY.some((wording) => wording.test(said))
}

function keyOf({ target, model }: ReplyRequest): string {
  return JSON.stringify([target.endpoint, target.url, model])
}
