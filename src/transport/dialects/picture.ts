/**
 * Finds the picture in a value of a reply, in the shapes that providers and gateways use.
 *
 * A picture is a data url, an address, or base64 alone, at the top of the value or a few levels
 * down. Knows nothing of the fields of an event that hold pictures.
 */
import { isObject, nonEmpty } from '../wire-value.ts'
import type { WireObject } from '../wire-value.ts'
import { bareType } from './media-type.ts'

/** A picture as a file part holds it. */
interface Picture {
  readonly mediaType: string
  /** A `data:`, `https:` or `http:` url. */
  readonly url: string
}

/** The media type of a picture that does not say what it is. */
const UNKNOWN = 'image/png'

/** The fields that hold a picture: its bytes, its address, or an object with either. */
const HOLDERS = [
  'image_url', // OpenAI, OpenRouter, LiteLLM
  'imageUrl',
  'image',
  'source', // Anthropic
  'inline_data', // Gemini
  'inlineData',
  'url',
  'b64_json', // OpenAI's image API
  'image_base64',
  'base64',
  'data',
  'result', // image generation of Responses
] as const

/** The fields that name the media type, or its second half. */
const TYPES = [
  'media_type',
  'mediaType',
  'mime_type',
  'mimeType',
  'output_format',
  'format',
] as const

/** How the base64 of a picture begins. */
const BEGINNINGS: readonly (readonly [RegExp, string])[] = [
  [/^iVBORw0KGgo/, 'image/png'],
  [/^\/9j\//, 'image/jpeg'],
  [/^R0lGOD/, 'image/gif'],
  [/^UklGR.{7}RUJQ/, 'image/webp'],
  [/^AAAA.GZ0eXBhdmlm/, 'image/avif'],
]

/** How the path of an address ends. */
const ENDINGS: ReadonlyMap<string, string> = new Map([
  ['png', 'image/png'],
  ['jpg', 'image/jpeg'],
  ['jpeg', 'image/jpeg'],
  ['gif', 'image/gif'],
  ['webp', 'image/webp'],
  ['avif', 'image/avif'],
  ['svg', 'image/svg+xml'],
])

const DEEPEST = 4
/** No media type with its parameters is longer. */
const LONGEST_HEAD = 256
const LONGEST_ADDRESS = 8 * 1024
const BASE64 = /^[\w+/=\s-]+$/

/**
 * @param isPicture - true if the place of the value says that it is a picture. Otherwise its type
 * or its bytes have to say so.
 */
export function pictureIn(value: unknown, isPicture: boolean): Picture | undefined {
  return found(value, isPicture ? UNKNOWN : undefined, undefined, DEEPEST)
}

/**
 * @param assumed - the type of bytes that do not show one
 * @param declared - the type that a value further out gives
 */
function found(
  value: unknown,
  assumed: string | undefined,
  declared: string | undefined,
  levels: number,
): Picture | undefined {
  if (typeof value === 'string') return fromText(value, assumed, declared)
  if (!isObject(value) || levels === 0) return undefined
  const type = declaredType(value) ?? declared
  const mayBe = assumed ?? (/image/i.test(nonEmpty(value['type']) ?? '') ? UNKNOWN : undefined)
  for (const field of HOLDERS) {
    const picture = found(value[field], mayBe, type, levels - 1)
    if (picture !== undefined) return picture
  }
  return undefined
}

function declaredType(value: WireObject): string | undefined {
  for (const field of TYPES) {
    const type = nonEmpty(value[field])
    const mediaType = type?.includes('/')
      ? registered(type)
      : ENDINGS.get(type?.toLowerCase() ?? '')
    if (mediaType !== undefined) return mediaType
  }
  return undefined
}

function fromText(
  text: string,
  assumed: string | undefined,
  declared: string | undefined,
): Picture | undefined {
  if (/^data:/i.test(text)) return fromDataUrl(text, assumed, declared)
  if (/^https?:\/\//i.test(text)) return fromAddress(text, assumed, declared)
  const mediaType = typeOf(text, declared, assumed)
  if (mediaType === undefined || !BASE64.test(text)) return undefined
  return { mediaType, url: `data:${mediaType};base64,${text}` }
}

/** The url stays as it came, even if its type is written in another way. */
function fromDataUrl(
  url: string,
  assumed: string | undefined,
  declared: string | undefined,
): Picture | undefined {
  const comma = url.slice(0, LONGEST_HEAD).indexOf(',')
  if (comma === -1 || comma === url.length - 1) return undefined
  const named = registered(url.slice('data:'.length, comma))
  const start = url.slice(comma + 1, comma + 1 + LONGEST_HEAD)
  const mediaType = typeOf(start, isUnspecific(named) ? declared : named, assumed)
  return mediaType === undefined ? undefined : { mediaType, url }
}

/** An address is a picture only if something besides its path says so: citations have some too. */
function fromAddress(
  url: string,
  assumed: string | undefined,
  declared: string | undefined,
): Picture | undefined {
  const path = url.length > LONGEST_ADDRESS ? undefined : URL.parse(url)?.pathname
  if (path === undefined) return undefined
  const ending = ENDINGS.get(/\.(\w+)$/.exec(path)?.[1]?.toLowerCase() ?? '')
  const mediaType = typeOf('', declared, assumed === undefined ? undefined : (ending ?? assumed))
  return mediaType === undefined ? undefined : { mediaType, url }
}

/** The declared type, or else the type that the bytes begin with. */
function typeOf(
  base64: string,
  declared: string | undefined,
  assumed: string | undefined,
): string | undefined {
  if (declared !== undefined && !isUnspecific(declared)) {
    return /^image\/[\w.+-]+$/.test(declared) ? declared : undefined
  }
  return BEGINNINGS.find(([beginning]) => beginning.test(base64))?.[1] ?? assumed
}

function isUnspecific(type: string): boolean {
  return ['', 'application/octet-stream', 'binary/octet-stream', 'image/*'].includes(type)
}

function registered(type: string): string {
  return bareType(type.slice(0, LONGEST_HEAD))
}
