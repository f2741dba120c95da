/**
 * Reads the header `content-encoding`. Knows nothing of how a body is decoded.
 *
 * A new coding, or a new word for none, is one more line in a table.
 */
import * as zlib from 'node:zlib'

export type ContentCoding = 'gzip' | 'deflate' | 'br' | 'zstd'

/** The names of the codings that can be decoded. */
const CODINGS: ReadonlyMap<string, ContentCoding> = new Map([
  ['gzip', 'gzip'],
  ['x-gzip', 'gzip'],
  ['deflate', 'deflate'],
  ['br', 'br'],
  // Since Node 22.15.
  ...('createZstdDecompress' in zlib ? ([['zstd', 'zstd']] as const) : []),
])

/** Values that servers send although they encode nothing. */
const NO_CODING: ReadonlySet<string> = new Set([
  '', // an empty header, or a comma too many
  'identity', // RFC 2616
  'none', // gateways
  'utf-8', // frameworks that take the field for the charset
  'utf8',
])

/**
 * The coding of a body. `plain`: there is none. `unknown`: the header names another coding, or
 * more than one.
 */
export function contentCoding(header: string): ContentCoding | 'plain' | 'unknown' {
  if (header === '') return 'plain'
  const named = header
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => !NO_CODING.has(name))
  const [only = ''] = named
  if (named.length === 0) return 'plain'
  return named.length === 1 ? (CODINGS.get(only) ?? 'unknown') : 'unknown'
}
