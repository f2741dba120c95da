/** Finds where messages come from: the command line, a pipe, a terminal, or two of these. */
import type { Arguments } from './arguments.ts'
import { commandIn } from './commands.ts'
import type { Interrupts } from './interrupts.ts'
import { oneMessage, readLines, type Lines } from './lines.ts'
import { MisuseError } from './misuse.ts'
import { joined, readPipe } from './piped-text.ts'
import type { Terminal } from './terminal.ts'
import { TypedLines } from './typed-lines.ts'

export interface Input {
  readonly lines: Lines
  /** True if there is one question, and its reply is the whole output. */
  readonly isSingle: boolean
  /** Where the conversation is kept. A single question has its own, unless one is named. */
  readonly database: string
}

export interface Surroundings {
  readonly process: Pick<NodeJS.Process, 'stdin' | 'stderr'>
  readonly terminal: Terminal
  readonly interrupts: Interrupts
}

/** @throws {@link MisuseError} if there is nothing to ask */
export async function findInput(options: Arguments, around: Surroundings): Promise<Input> {
  const { stdin } = around.process
  const { message, database } = options
  const { leaving } = around.interrupts
  if (options.lines) {
    if (message !== undefined) throw new MisuseError('--lines takes its messages from the pipe.')
    return { lines: readLines(stdin, { leaving }), isSingle: false, database }
  }
  if (message === undefined && stdin.isTTY) {
    return { lines: typedLines(around), isSingle: false, database }
  }
  around.interrupts.isHasty = true
  const piped = stdin.isTTY ? '' : await readPipe(stdin, { needed: message === undefined, leaving })
  const question = joined(message, piped)
  if (question.trim() === '' && !leaving.aborted) {
    throw new MisuseError('Nothing was asked: the input is empty. --help has what there is.')
  }
  // What is piped is text, even if it begins with a slash.
  const isCommand = piped === '' && message !== undefined && commandIn(message) !== undefined
  const isKept = options.hasDatabase || options.resume || isCommand
  return {
    lines: oneMessage(leaving.aborted ? undefined : question, { isCommand }),
    isSingle: !isCommand,
    database: isKept ? database : ':memory:',
  }
}

function typedLines({ process, terminal, interrupts }: Surroundings): Lines {
  const { stdin, stderr } = process
  const { leaving } = interrupts
  if (terminal.animated) return new TypedLines(stdin, terminal, interrupts)
  // A terminal that cannot move its cursor has its own line editor.
  if (stderr.isTTY) return readLines(stdin, { leaving, ask: (prompt) => stderr.write(prompt) })
  return readLines(stdin, { leaving })
}
