/**
 * A terminal chat: an application that embeds the engine, from start to finish.
 *
 *   npm start                        chat
 *   npm start -- "tell me a story"   print one streamed reply and exit
 */
import { createEngine } from 'colloquy'
import { MisuseError, readArguments, USAGE, type Arguments } from './chat/arguments.ts'
import { commandIn, runCommand } from './chat/commands.ts'
import { explain } from './chat/explanation.ts'
import { Interrupts } from './chat/interrupts.ts'
import { oneLine, pipedLines, type Lines } from './chat/lines.ts'
import { findProvider, useProvider, type Provider } from './chat/provider.ts'
import { Session, type Outcome } from './chat/session.ts'
import { Terminal } from './chat/terminal.ts'
import { TypedLines } from './chat/typed-lines.ts'

const PRACTICE_NOTE =
  'The practice provider answers: its replies are scripted, without a model. --help says more.'

const terminal = new Terminal(process)
const interrupts = new Interrupts(terminal)
try {
  const options = readArguments(process.argv.slice(2), process.env)
  if (options.help) terminal.line(USAGE)
  else process.exitCode = (await chat(options)) === 'stopped' ? 130 : 0
} catch (error) {
  terminal.problem(explain(error))
  process.exitCode = error instanceof MisuseError ? 2 : 1
}

async function chat(options: Arguments): Promise<Outcome> {
  const provider = await findProvider(process.env, options.model)
  process.on('SIGINT', interrupts.arrived)
  const lines = linesFor(options.message)
  try {
    return await chatWith(provider, lines, options)
  } finally {
    lines.close()
    process.off('SIGINT', interrupts.arrived)
    await provider.close()
  }
}

function linesFor(message: string | undefined): Lines {
  const { stdin, stderr } = process
  if (message !== undefined) return oneLine(message)
  if (stdin.isTTY && stderr.isTTY) return new TypedLines(stdin, stderr, interrupts)
  return pipedLines(stdin, interrupts.leaving)
}

async function chatWith(provider: Provider, lines: Lines, options: Arguments): Promise<Outcome> {
  const { interactive } = lines
  const { database } = options
  const engine = await createEngine({ database, emitIntervalMs: 30, autoTitle: interactive })
  try {
    const { leaving } = interrupts
    const model = await useProvider(engine, provider, { lines, terminal, leaving })
    if (provider.practice) terminal.note(PRACTICE_NOTE)
    if (interactive) terminal.note(`${model} at ${provider.url} · kept in ${database} · /help`)
    const session = new Session(engine, { terminal, interrupts, autoTitle: interactive })
    if (options.resume) await session.openLast({ show: interactive })
    return await converse(session, lines)
  } finally {
    await engine.close()
  }
}

/** Handles each line until the input ends or the person leaves. */
async function converse(session: Session, lines: Lines): Promise<Outcome> {
  let outcome: Outcome = 'replied'
  for (;;) {
    const line = await lines.next('> ')
    if (line === undefined || interrupts.leaving.aborted) break
    if (line.trim() === '') continue
    if (lines.interactive) interrupts.forget()
    const command = commandIn(line)
    if (command?.name === 'quit') break
    try {
      if (command === undefined) outcome = await session.ask(line)
      else await runCommand(command, session, terminal)
    } catch (error) {
      // A person can go on after a failure. A script that misses an answer must stop.
      if (!lines.interactive) throw error
      terminal.problem(explain(error))
    }
  }
  return lines.interactive ? 'replied' : outcome
}
