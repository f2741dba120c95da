/** The deltas with which every provider of these tests answers an input. */
export function replyTo(input: string): string[] {
  return `You said ${input}. `
    .repeat(4)
    .split('')
    .map((letter) => letter.repeat(3))
}
