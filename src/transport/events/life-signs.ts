/**
 * Events that say only that the server is alive. Some servers write into the data of an event what
 * should be a comment.
 *
 * A word that was met is one more in the pattern. Knows nothing of what other events hold.
 */

const WORDS = 'ping|pong|keep[ _-]?alive|heart[ _-]?beat'

/** Matches the name of an event. */
const NAME = new RegExp(`^(?:${WORDS})$`, 'i')

/** Matches lines of data that are comments, or should be. */
const COMMENTS = new RegExp(String.raw`^[ \t]*(?::.*|(?:${WORDS})[ \t]*)$`, 'gim')

/** Returns true if the name says that the event is a sign of life, whatever its data is. */
export function isLifeSign(name: string | undefined): boolean {
  return name !== undefined && NAME.test(name)
}

/** The data of an event without the lines that are comments. */
export function withoutComments(data: string): string {
  return data.replaceAll(COMMENTS, '').trim()
}
