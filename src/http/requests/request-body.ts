/**
 * The body of a request as a JSON object.
 *
 * Bytes are counted while they are read, and the nesting is measured before anything is parsed. Knows
 * nothing of the fields that a route has.
 */
import type { Clock } from '../../index.ts'
import type { Incoming, IncomingBody } from './incoming.ts'
import { Refusal } from '../refusals/refusal.ts'

/** More than any input of a chat has. JSON.parse itself would overflow the stack much later. */
const DEEPEST = 64
/** More than any route knows. JSON.parse would take a second for a million of them. */
const MOST_FIELDS = 64

const GONE =
  'The body of a request was read before the handler got it. Mount the handler before the middleware that reads bodies, or use one that leaves the parsed body in req.body.'

export interface BodyLimits {
  readonly bodyBytes: number
  readonly bodyMs: number
}

/** @throws `unsupported-media-type` */
export function checkContentType(incoming: Incoming): void {
  const [type = '', ...parameters] = (incoming.header('content-type') ?? '')
    .toLowerCase()
    .split(';')
  const charset = parameters.find((each) => each.trim().startsWith('charset='))
  const encoding = incoming.header('content-encoding')
  const isText = charset === undefined || /^charset="?utf-?8"?$/.test(charset.trim())
  const isPlain = encoding === undefined || encoding.toLowerCase() === 'identity'
  if (type.trim() === 'application/json' && isText && isPlain) return
  throw new Refusal('unsupported-media-type', { closesConnection: true })
}

/**
 * Reads the body. An empty one is an empty object.
 *
 * @returns `undefined` if the client left before the end
 * @throws `body-too-large`, `request-timeout`, `body-invalid`
 */
export async function readBody(
  incoming: Incoming,
  limits: BodyLimits,
  clock: Clock,
  closing: AbortSignal,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  const { body } = incoming
  if (Number(incoming.header('content-length')) > limits.bodyBytes) throw tooLarge()
  if (body.isGone) throw new Refusal('internal', { log: GONE })
  if (body.parsed !== undefined) {
    const text = textOf(body.parsed)
    if (Buffer.byteLength(text) > limits.bodyBytes) throw tooLarge()
    return parsed(text)
  }
  const text = await readText(body, limits, clock, closing)
  return text === undefined ? undefined : parsed(text)
}

/** The text of a body that a middleware has read. */
function textOf(body: unknown): string {
  if (typeof body === 'string') return body
  if (body instanceof Uint8Array) return decoded(body)
  // JSON.stringify would overflow the stack.
  if (isTooDeep(body)) throw new Refusal('body-invalid')
  return JSON.stringify(body)
}

async function readText(
  body: IncomingBody,
  { bodyBytes, bodyMs }: BodyLimits,
  clock: Clock,
  closing: AbortSignal,
): Promise<string | undefined> {
  const pieces: Uint8Array[] = []
  let size = 0
  const late = new AbortController()
  const timer = bodyMs === Infinity ? undefined : clock.setTimeout(() => late.abort(), bodyMs)
  try {
    const isWhole = await body.read(
      (bytes) => {
        size += bytes.byteLength
        pieces.push(bytes)
        return size <= bodyBytes
      },
      AbortSignal.any([late.signal, closing]),
    )
    if (closing.aborted) throw new Refusal('engine-closed', { closesConnection: true })
    if (late.signal.aborted) throw new Refusal('request-timeout', { closesConnection: true })
    if (size > bodyBytes) throw tooLarge()
    if (!isWhole) return undefined
  } finally {
    if (timer !== undefined) clock.clearTimeout(timer)
  }
  return decoded(Buffer.concat(pieces))
}

function decoded(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new Refusal('body-invalid')
  }
}

function tooLarge(): Refusal {
  return new Refusal('body-too-large', { closesConnection: true })
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  if (text === '') return {}
  if (isTooMuch(text)) throw new Refusal('body-invalid')
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new Refusal('body-invalid')
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Refusal('body-invalid')
  }
  return value as Readonly<Record<string, unknown>>
}

/** Returns true if arrays and objects of a value are nested too deep. */
function isTooDeep(value: unknown): boolean {
  let level = [value]
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > DEEPEST) return true
    level = level.flatMap((each) =>
      typeof each === 'object' && each !== null ? Object.values(each) : [],
    )
  }
  return false
}

/** Whether JSON text is nested too deep, or has too many fields: told before anything of it is made. */
function isTooMuch(text: string): boolean {
  let depth = 0
  let fields = 1
  let isString = false
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at)
    if (isString) {
      if (unit === 0x5c) at += 1
      else if (unit === 0x22) isString = false
    } else if (unit === 0x22) isString = true
    else if (unit === 0x5b || unit === 0x7b) depth += 1
    else if (unit === 0x5d || unit === 0x7d) depth -= 1
    else if (unit === 0x2c && depth === 1) fields += 1
    if (depth > DEEPEST || fields > MOST_FIELDS) return true
  }
  return false
}
