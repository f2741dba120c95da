/**
 * Files as servers accept them: with the registered name of their media type.
 *
 * Knows nothing of wire formats.
 */
import type { FilePart } from '../../../protocol/message.ts'

/** Names that browsers and tools use, and the names that are registered for them. */
const REGISTERED: ReadonlyMap<string, string> = new Map([
  ['image/jpg', 'image/jpeg'],
  ['image/jpe', 'image/jpeg'],
  ['image/jfif', 'image/jpeg'],
  ['image/pjpeg', 'image/jpeg'],
  ['image/x-jpeg', 'image/jpeg'],
  ['image/x-jpg', 'image/jpeg'],
  ['image/x-citrix-jpeg', 'image/jpeg'],
  ['image/x-png', 'image/png'],
  ['image/x-citrix-png', 'image/png'],
  ['image/x-gif', 'image/gif'],
  ['image/x-webp', 'image/webp'],
  ['image/svg', 'image/svg+xml'],
  ['image/x-svg+xml', 'image/svg+xml'],
  ['image/tif', 'image/tiff'],
  ['image/x-tiff', 'image/tiff'],
  ['image/x-ms-bmp', 'image/bmp'],
  ['image/x-bmp', 'image/bmp'],
  ['image/x-heic', 'image/heic'],
  ['image/x-avif', 'image/avif'],
  ['application/x-pdf', 'application/pdf'],
  ['application/acrobat', 'application/pdf'],
  ['text/pdf', 'application/pdf'],
  ['text/x-markdown', 'text/markdown'],
  ['text/json', 'application/json'],
  ['application/x-json', 'application/json'],
  ['application/csv', 'text/csv'],
  ['text/x-csv', 'text/csv'],
  ['application/x-javascript', 'text/javascript'],
  ['application/javascript', 'text/javascript'],
  ['audio/mp3', 'audio/mpeg'],
  ['audio/x-mp3', 'audio/mpeg'],
  ['audio/x-mpeg', 'audio/mpeg'],
  ['audio/wave', 'audio/wav'],
  ['audio/x-wav', 'audio/wav'],
  ['audio/vnd.wave', 'audio/wav'],
  ['audio/x-flac', 'audio/flac'],
  ['audio/m4a', 'audio/mp4'],
  ['audio/x-m4a', 'audio/mp4'],
  ['video/x-m4v', 'video/mp4'],
])

/** The longest address that is told to a model. */
const LONGEST_NAME = 500

/** The head of a `data:` url. A longer head is no media type. */
const DATA_HEAD = /^data:\s*([^;,\s]*)([^,]{0,1000}),/i

/** Returns the type in lower case and by its registered name, with its parameters. */
export function registeredType(mediaType: string): string {
  const end = mediaType.indexOf(';')
  const type = (end === -1 ? mediaType : mediaType.slice(0, end)).trim().toLowerCase()
  const parameters = end === -1 ? '' : mediaType.slice(end)
  return (REGISTERED.get(type) ?? type) + parameters
}

/** The file under the registered name of its type, in its url too. */
export function sentFile(file: FilePart): FilePart {
  const mediaType = registeredType(file.mediaType)
  const head = DATA_HEAD.exec(file.url.slice(0, 2000))
  if (head === null) return mediaType === file.mediaType ? file : { ...file, mediaType }
  const [whole, type = '', parameters = ''] = head
  // A url without a type means text; the part knows better.
  const known = type === '' ? (mediaType.split(';', 1)[0] ?? '') : registeredType(type)
  const encoding = parameters.replace(/;\s*base64\s*$/i, ';base64')
  const written = `data:${known}${encoding},`
  if (written === whole && mediaType === file.mediaType) return file
  const url = written === whole ? file.url : written + file.url.slice(whole.length)
  return { ...file, mediaType, url }
}

/** A line of text that names a file, for models that cannot be sent the file itself. */
export function namedFile({ mediaType, url }: FilePart): string {
  const type = registeredType(mediaType).split(';', 1)[0] ?? ''
  const kind = type.startsWith('image/') ? 'Picture' : 'File'
  const isAddress = !/^data:/i.test(url) && url.length <= LONGEST_NAME
  return isAddress ? `[${kind}: ${type}, ${url}]` : `[${kind}: ${type}]`
}
