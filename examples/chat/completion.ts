/** Completes what is typed: the names of commands, and their arguments. */

/** The texts that may stand after a command, in the order in which they are shown. */
export type Choices = (typed: string) => readonly string[] | Promise<readonly string[]>

export interface Completed {
  /** The line, as far as all choices agree. */
  readonly line: string
  readonly choices: readonly string[]
}

export class Completion {
  readonly #commands: ReadonlyMap<string, Choices | undefined>

  constructor(commands: ReadonlyMap<string, Choices | undefined>) {
    this.#commands = commands
  }

  async complete(line: string): Promise<Completed> {
    const [, name, argument] = /^\/([a-z]*)(?:\s+(.*))?$/s.exec(line) ?? []
    if (name === undefined) return { line, choices: [] }
    if (argument === undefined) {
      const names = Array.from(this.#commands.keys(), (known) => `/${known}`)
      const found = names.filter((known) => known.startsWith(line))
      return { line: found.length === 1 ? `${found[0]} ` : common(found, line), choices: found }
    }
    const choices = (await this.#commands.get(name)?.(argument)) ?? []
    const found = choices.filter((choice) => choice.startsWith(argument))
    const head = line.slice(0, line.length - argument.length)
    return { line: head + common(found, argument), choices: found }
  }
}

/** The longest beginning of all choices, and at least what was typed. */
function common([first, ...others]: readonly string[], typed: string): string {
  if (first === undefined) return typed
  let length = first.length
  for (const other of others) {
    let same = 0
    while (same < length && other[same] === first[same]) same++
    length = same
  }
  return length > typed.length ? first.slice(0, length) : typed
}
