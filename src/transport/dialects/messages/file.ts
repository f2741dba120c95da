/**
 * Writes files as blocks of the Messages format: images as images, all other files as documents.
 *
 * Knows nothing of the messages around them.
 */
import type { FilePart } from '../../../protocol/message.ts'
import { bareType } from '../media-type.ts'

/** A block for a file. `source` holds the bytes of the file, or its address. */
type FileBlock = {
  readonly type: 'image' | 'document'
  readonly source: object
}

export function fileBlock({ mediaType, url }: FilePart): FileBlock {
  const type = mediaType.startsWith('image/') ? 'image' : 'document'
  return { type, source: sourceOf(bareType(mediaType), url) }
}

function sourceOf(mediaType: string, url: string): object {
  const comma = url.indexOf(',')
  if (!/^data:/i.test(url) || comma === -1) return { type: 'url', url }
  const isBase64 = /;\s*base64\s*$/i.test(url.slice(0, comma))
  const data = url.slice(comma + 1)
  if (mediaType.startsWith('text/')) {
    const bytes = isBase64 ? Buffer.from(data, 'base64') : percentDecoded(data)
    return { type: 'text', media_type: 'text/plain', data: bytes.toString() }
  }
  const base64 = isBase64 ? data : percentDecoded(data).toString('base64')
  return { type: 'base64', media_type: mediaType, data: base64 }
}

/** Decodes as the URL standard does: a `%` that begins no valid escape stands for itself. */
function percentDecoded(text: string): Buffer {
  const bytes = Buffer.from(text).toString('latin1')
  const decoded = bytes.replaceAll(/%([\da-f]{2})/gi, (_, hex: string) =>
    String.fromCodePoint(Number.parseInt(hex, 16)),
  )
  return Buffer.from(decoded, 'latin1')
}
