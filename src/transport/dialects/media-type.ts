/**
 * Media types by their registered names. A name that was met in another spelling is one line.
 *
 * Knows nothing of files and wire formats.
 */

/** Names that browsers, tools and servers use, and the names that are registered for them. */
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

/** Returns the type in lower case and by its registered name, with its parameters. */
export function registeredType(mediaType: string): string {
  const end = mediaType.indexOf(';')
  return bareType(mediaType) + (end === -1 ? '' : mediaType.slice(end))
}

/** Returns the type in lower case and by its registered name, without its parameters. */
export function bareType(mediaType: string): string {
  const end = mediaType.indexOf(';')
  const type = (end === -1 ? mediaType : mediaType.slice(0, end)).trim().toLowerCase()
  return REGISTERED.get(type) ?? type
}

/** A name for a file without one. Some servers know a file's kind by the end of its name. */
export function fileNameFor(mediaType: string): string {
  return `file.${/\/([\w-]+)/.exec(mediaType)?.[1] ?? 'bin'}`
}
