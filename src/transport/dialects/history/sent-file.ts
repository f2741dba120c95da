/**
 * Files as servers accept them: with the registered name of their media type.
 *
 * Knows nothing of wire formats.
 */
import type { FilePart } from '../../../protocol/message.ts'
import { bareType, registeredType } from '../media-type.ts'

/** The longest address that is told to a model. */
const LONGEST_NAME = 500

/** The head of a `data:` url. A longer head is no media type. */
const DATA_HEAD = /^data:\s*([^;,\s]*)([^,]{0,1000}),/i

/** The file under the registered name of its type, in its url too. */
export function sentFile(file: FilePart): FilePart {
  const mediaType = registeredType(file.mediaType)
  const head = DATA_HEAD.exec(file.url.slice(0, 2000))
  if (head === null) return mediaType === file.mediaType ? file : { ...file, mediaType }
  const [whole, type = '', parameters = ''] = head
  // A url without a type means text; the part knows better.
  const known = type === '' ? bareType(mediaType) : registeredType(type)
  const encoding = parameters.replace(/;\s*base64\s*$/i, ';base64')
  const written = `data:${known}${encoding},`
  if (written === whole && mediaType === file.mediaType) return file
  const url = written === whole ? file.url : written + file.url.slice(whole.length)
  return { ...file, mediaType, url }
}

/** A line of text that names a file, for models that cannot be sent the file itself. */
export function namedFile({ mediaType, url }: FilePart): string {
  const type = bareType(mediaType)
  const kind = type.startsWith('image/') ? 'Picture' : 'File'
  const isAddress = !/^data:/i.test(url) && url.length <= LONGEST_NAME
  return isAddress ? `[${kind}: ${type}, ${url}]` : `[${kind}: ${type}]`
}
