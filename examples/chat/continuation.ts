/**
 * Messages of several lines: in `"""`, or with a backslash at the end of each line but the last.
 *
 * Knows nothing of keys: an editor or a reader of lines asks here when a line has ended.
 */
const BLOCK = '"""'

/**
 * The text with which a message goes on after Enter, or `undefined` if the message is complete.
 */
export function goesOn(text: string): string | undefined {
  const start = text.trimStart()
  if (start.startsWith(BLOCK)) {
    const isClosed = start.length >= 2 * BLOCK.length && start.trimEnd().endsWith(BLOCK)
    return isClosed ? undefined : `${text}\n`
  }
  const slashes = /\\*$/.exec(text.slice(-1000))?.[0].length ?? 0
  return slashes % 2 === 1 ? `${text.slice(0, -1)}\n` : undefined
}

/** The message inside `"""`. Any other text is returned as it is. */
export function unwrapBlock(text: string): string {
  const block = text.trim()
  if (block.length < 2 * BLOCK.length || !block.startsWith(BLOCK) || !block.endsWith(BLOCK)) {
    return text
  }
  return block.slice(BLOCK.length, -BLOCK.length).replace(/^\n/, '').replace(/\n$/, '')
}
