/** The commands of the chat: lines that begin with a slash. */
import type { Session } from './session.ts'
import type { Terminal } from './terminal.ts'

interface Command {
  readonly usage: string
  readonly help: string
  run(session: Session, argument: string): Promise<void> | void
}

const COMMANDS: Record<string, Command> = {
  list: {
    usage: '/list',
    help: 'the conversations, newest first',
    run: (session) => session.list(),
  },
  open: {
    usage: '/open N',
    help: 'go on with number N of the list',
    run: (session, number) => session.open(number),
  },
  new: { usage: '/new', help: 'start a new conversation', run: (session) => session.startAnew() },
}

const HELP = `
${Object.values(COMMANDS)
  .map(({ usage, help }) => `${usage.padEnd(9)} ${help}`)
  .join('\n')}
/help     this text
/quit     leave; so do Ctrl-D, and Ctrl-C twice

Ctrl-C stops a reply while it streams. What had arrived is kept.
`.trim()

export interface CommandLine {
  readonly name: string
  readonly argument: string
}

/** The command in a line. A path like `/usr/bin` is not a command. */
export function commandIn(line: string): CommandLine | undefined {
  const [, name, argument] = /^\/([a-z]+)(?:\s+(.*))?$/.exec(line.trim()) ?? []
  return name === undefined ? undefined : { name, argument: argument ?? '' }
}

/** @throws an `Error` if there is no such command, or if the command fails */
export async function runCommand(
  { name, argument }: CommandLine,
  session: Session,
  terminal: Terminal,
): Promise<void> {
  if (name === 'help') return terminal.line(HELP)
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  if (command === undefined) throw new Error(`There is no /${name}. /help has what there is.`)
  await command.run(session, argument)
}
