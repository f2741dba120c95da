/** The deltas that every provider here answers an input with. */
export function replyTo(input: string): string[] {
  return `You said ${input}. `
    .repeat(4)
    .split('')
    .map((letter) => letter.repeat(3))
}
