/** The commands of the chat: lines that begin with a slash. */
import type { Branches } from './branches.ts'
import { copy } from './clipboard.ts'
import type { Choices } from './completion.ts'
import { lastCode } from './last-code.ts'
import type { Library } from './library.ts'
import type { Lines } from './lines.ts'
import { plainLine } from './plain-text.ts'
import type { Selection } from './selection.ts'
import type { Outcome, Session } from './session.ts'
import type { Terminal } from './terminal.ts'
import { editText } from './text-editor.ts'

/** The parts of the chat that commands work on. */
export interface Chat {
  readonly session: Session
  readonly library: Library
  readonly branches: Branches
  readonly selection: Selection
  readonly terminal: Terminal
  readonly lines: Lines
  readonly env: NodeJS.ProcessEnv
}

interface Command {
  readonly usage: string
  readonly help: string
  /** Absent: the command takes no argument. */
  readonly choices?: (chat: Chat) => Choices
  readonly hasArgument?: true
  run(chat: Chat, argument: string): Promise<Outcome | void> | void
}

const COMMANDS: Readonly<Record<string, Command>> = {
  retry: {
    usage: '/retry',
    help: 'ask again for a reply to the last message',
    run: ({ session }) => session.retry(),
  },
  regenerate: {
    usage: '/regenerate',
    help: 'another reply to the last question; /branches has both',
    run: ({ branches }) => branches.regenerate(),
  },
  edit: {
    usage: '/edit [N]',
    help: 'change your last question, or number N of them, as a new branch',
    choices:
      ({ branches }) =>
      () =>
        branches.questionNumbers(),
    hasArgument: true,
    run: ({ branches }, argument) => branches.edit(argument),
  },
  branches: {
    usage: '/branches [N]',
    help: 'list other replies and versions, and go on with number N',
    choices:
      ({ branches }) =>
      () =>
        branches.numbers(),
    hasArgument: true,
    run: ({ branches }, argument) => branches.choose(argument),
  },
  model: {
    usage: '/model [NAME]',
    help: 'list the models, or ask another one; NAME@ENDPOINT too',
    choices:
      ({ selection }) =>
      () =>
        selection.names(),
    hasArgument: true,
    run: changeModel,
  },
  system: {
    usage: '/system [TEXT]',
    help: 'show or set the system prompt; - removes it',
    hasArgument: true,
    run: changeSystem,
  },
  queue: {
    usage: '/queue [run|drop]',
    help: 'list queued messages, send held ones, or take them back',
    choices: () => () => ['run', 'drop'],
    hasArgument: true,
    run: useQueue,
  },
  calls: {
    usage: '/calls',
    help: 'the tool calls that wait for your answer',
    run: showCalls,
  },
  editor: {
    usage: '/editor [TEXT]',
    help: 'write the message in $EDITOR',
    hasArgument: true,
    run: openEditor,
  },
  copy: {
    usage: '/copy [code]',
    help: 'copy the last reply, or its last block of code',
    choices: () => () => ['code'],
    hasArgument: true,
    run: copyReply,
  },
  list: {
    usage: '/list [all]',
    help: 'the conversations, newest first',
    choices: () => () => ['all'],
    hasArgument: true,
    run: ({ library }, argument) => library.list({ all: argument === 'all' }),
  },
  open: {
    usage: '/open N',
    help: 'go on with number N of the list',
    choices:
      ({ library }) =>
      () =>
        library.numbers(),
    hasArgument: true,
    run: async ({ library, session }, argument) => {
      await library.open(await library.numbered(argument, '/open'), { show: true })
      return session.answerCalls()
    },
  },
  show: {
    usage: '/show',
    help: 'all messages of this conversation',
    run: ({ library }) => library.show({ all: true }),
  },
  new: {
    usage: '/new',
    help: 'start a new conversation',
    run: ({ session, terminal }) => {
      session.startAnew()
      terminal.note('A new conversation.')
    },
  },
  title: {
    usage: '/title [TEXT]',
    help: 'show or set the title of this conversation',
    hasArgument: true,
    run: changeTitle,
  },
  delete: {
    usage: '/delete [N]',
    help: 'delete this conversation, or number N of the list',
    choices:
      ({ library }) =>
      () =>
        library.numbers(),
    hasArgument: true,
    run: deleteConversation,
  },
  airplane: {
    usage: '/airplane [on|off]',
    help: 'ask only the endpoint "airplane", on this machine',
    choices: () => () => ['on', 'off'],
    hasArgument: true,
    run: switchAirplane,
  },
}

const LEAVING = ['quit', 'exit', 'bye']

const HELP = `
${Object.values(COMMANDS)
  .map(({ usage, help }) => `${usage.padEnd(18)} ${help}`)
  .join('\n')}
/help              this text
/quit              leave; so do Ctrl-D, and Ctrl-C twice

Ctrl-C stops a reply while it streams. What had arrived is kept, and nothing is sent.
Some tools ask before they run: y, or n with a reason. Ctrl-C leaves the call waiting.
Enter during a reply queues the message. After a stop or a failure the queue is held.
""" begins and ends a message of several lines; so does \\ at the end of a line, or Alt-Enter.
Tab completes commands; the arrow keys bring back earlier messages.
`.trim()

export interface CommandLine {
  readonly name: string
  readonly argument: string
}

/** The command in a line. A path like `/usr/bin` is not a command. */
export function commandIn(line: string): CommandLine | undefined {
  const [, name, argument] = /^\/([a-z]+)(?:\s+([^]*))?$/.exec(line.trim()) ?? []
  return name === undefined ? undefined : { name, argument: argument ?? '' }
}

/** Returns true if the command ends the chat. */
export function isLeaving({ name }: CommandLine): boolean {
  return LEAVING.includes(name)
}

/** @throws an `Error` if there is no such command, or if the command fails */
export async function runCommand({ name, argument }: CommandLine, chat: Chat) {
  if (name === 'help') return chat.terminal.line(HELP)
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined
  if (command === undefined) throw new Error(`There is no /${name}. /help has what there is.`)
  if (argument !== '' && command.hasArgument === undefined) {
    throw new Error(`${command.usage} takes nothing after it.`)
  }
  return command.run(chat, argument)
}

/** The commands with what can be completed after each. */
export function completions(chat: Chat): ReadonlyMap<string, Choices | undefined> {
  return new Map([
    ...Object.entries(COMMANDS).map(
      ([name, { choices }]) => [name, choices?.(chat)] as [string, Choices | undefined],
    ),
    ['help', undefined],
    ['quit', undefined],
  ])
}

async function changeModel({ selection, session, terminal }: Chat, argument: string) {
  if (argument === '') await selection.list()
  else {
    await selection.change(argument)
    await session.keepModel()
  }
  const { model, endpoint } = selection.now
  terminal.note(`Asking ${plainLine(model, 100)} at ${endpoint.name} (${endpoint.url}).`)
}

async function changeSystem({ session, terminal }: Chat, argument: string) {
  if (argument !== '') await session.change({ system: argument === '-' ? null : argument })
  const { system } = session
  terminal.note(system ? `The system prompt: ${system}` : 'There is no system prompt.')
}

async function changeTitle({ session, terminal }: Chat, argument: string) {
  if (argument !== '') {
    if (session.conversation === undefined) {
      throw new Error('A conversation can have a title once something was said in it.')
    }
    await session.change({ title: argument })
  }
  terminal.note(`Title: ${await session.name()}`)
}

async function useQueue({ session }: Chat, argument: string) {
  const { queue, conversation } = session
  if (argument === '') return queue.list(conversation?.id)
  if (argument === 'run') return queue.run(conversation?.id)
  if (argument === 'drop') return queue.drop(conversation?.id)
  throw new Error('/queue takes nothing, "run" or "drop".')
}

/** Goes to the first conversation with a waiting call if there is none in the open one. */
async function showCalls({ session, library, terminal }: Chat) {
  const waiting = await library.waiting()
  const { conversation } = session
  const [first] = waiting
  if (first === undefined) return terminal.note('No calls wait.')
  if (!waiting.some(({ id }) => id === conversation?.id)) await library.open(first, { show: true })
  return session.answerCalls()
}

async function openEditor({ lines, env }: Chat, argument: string) {
  const { editing } = lines
  if (editing === undefined) throw new Error('/editor needs a terminal.')
  editing.offer(await editing.lend(() => editText(argument, env)))
}

async function copyReply({ session, terminal, env }: Chat, argument: string) {
  if (argument !== '' && argument !== 'code') throw new Error('/copy takes nothing, or "code".')
  const messages = await session.messages()
  const reply = messages.findLast(({ role, text }) => role === 'assistant' && text !== '')?.text
  if (reply === undefined) throw new Error('There is no reply to copy yet.')
  const text = argument === 'code' ? lastCode(reply) : reply
  if (text === undefined) throw new Error('The last reply has no block of code.')
  await copy(text, terminal, env)
  terminal.note(`Copied ${text.length} characters.`)
}

async function deleteConversation(chat: Chat, argument: string) {
  const { library, session, terminal, lines } = chat
  const record =
    argument === '' ? session.conversation : await library.numbered(argument, '/delete')
  if (record === undefined) throw new Error('There is no open conversation to delete.')
  if (lines.interactive) {
    const name = record.id === session.conversation?.id ? await session.name() : record.title
    terminal.note(`This deletes "${plainLine(name ?? 'untitled', 60)}" for good.`)
    const answer = await lines.next('Delete it? (y/N) ', 'choice')
    if (!/^\s*y(es)?\s*$/i.test(answer ?? '')) return terminal.note('Nothing was deleted.')
  }
  terminal.note(`Deleted: ${await library.delete(record)}`)
}

async function switchAirplane({ selection, terminal }: Chat, argument: string) {
  if (argument !== '' && argument !== 'on' && argument !== 'off') {
    throw new Error('/airplane takes "on" or "off".')
  }
  if (argument !== '') await selection.setAirplane(argument === 'on')
  const { model, endpoint } = selection.now
  const state = selection.isAirplane ? 'on' : 'off'
  terminal.note(`Airplane mode is ${state}: asking ${plainLine(model, 100)} at ${endpoint.url}.`)
}
