/** The deltas with which every provider of these tests answers an input. */
export function replyTo(input: string): string[] {
  return `You said ${input}. `
    .repeat(4)
    .split('')
    .map((letter) => letter.repeat(3))
}

/**
 * The input that a request asks about: the last line of its last message. Inputs of turns without a
 * reply stand before it in the same message.
 */
export function inputOf(body: Readonly<Record<string, unknown>>): string {
  const content = (body['messages'] as { content: string }[]).at(-1)?.content ?? ''
  return content.slice(content.lastIndexOf('\n') + 1)
}
