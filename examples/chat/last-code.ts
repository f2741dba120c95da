/** The inside of the last fenced block of a text in markdown. `undefined` if there is none. */
export function lastCode(text: string): string | undefined {
  let fence: string | undefined
  let block: string[] = []
  let last: string | undefined
  for (const line of text.split('\n')) {
    const mark = /^\s*(`{3,}|~{3,})/.exec(line)?.[1]
    if (fence === undefined) {
      if (mark === undefined) continue
      fence = mark
      block = []
    } else if (mark?.startsWith(fence)) {
      last = block.join('\n')
      fence = undefined
    } else block.push(line)
  }
  return fence === undefined ? last : block.join('\n')
}
