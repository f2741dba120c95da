/**
 * How a body starts that is an event stream. Knows nothing of the rest of it.
 *
 * The strings have one character for each byte.
 */

/** Blanks, and the bytes of a BOM, which may arrive in pieces. */
export const BLANKS = /^[\s\u00ef\u00bb\u00bf]+/

/** The first characters of an event stream. A `:` opens a comment. */
export const EVENT_STREAM = /^(?::|(?:data|event|id|retry)\s*(?::|\r|\n))/

/** Enough characters to recognise an event stream: the longest field name and its colon. */
export const SNIFF_LENGTH = 6
