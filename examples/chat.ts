/**
 * A terminal chat: an application that embeds the engine, from start to finish.
 *
 *   npm run chat                     chat
 *   npm start -- "tell me a story"   print one streamed reply and exit
 */
import { ColloquyError, createEngine, type Engine, type Logger } from 'colloquy'
import { MisuseError, readArguments, USAGE, type Arguments } from './chat/arguments.ts'
import { Branches } from './chat/branches.ts'
import { commandIn, completions, isLeaving, runCommand, type Chat } from './chat/commands.ts'
import { Completion } from './chat/completion.ts'
import { inUse } from './chat/database-owner.ts'
import { findEndpoints, type Endpoints } from './chat/endpoints.ts'
import { ATTEMPTS, explain } from './chat/explanation.ts'
import { findInput, type Input } from './chat/input.ts'
import { Interrupts } from './chat/interrupts.ts'
import { Library } from './chat/library.ts'
import { lostOutput } from './chat/lost-output.ts'
import { Selection } from './chat/selection.ts'
import { Session, type Outcome } from './chat/session.ts'
import { Terminal } from './chat/terminal.ts'
import { exampleTools, FREE_TOOLS } from './tools.ts'

const PRACTICE_NOTE =
  'The practice provider answers: its replies are scripted, without a model. --help says more.'

const terminal = new Terminal(process)
const interrupts = new Interrupts(terminal)
terminal.onLost = (error) => interrupts.leaveUnwatched(lostOutput(error, terminal))
/** The chat shows by itself how a turn ends. */
const logger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error: (_, message) => terminal.problem(message),
}
try {
  const options = readArguments(process.argv.slice(2), process.env)
  if (options.help) terminal.line(USAGE)
  else {
    const outcome = await chat(options)
    process.exitCode = interrupts.exitCode ?? (outcome === 'stopped' ? 130 : 0)
  }
} catch (error) {
  const text = explain(error)
  if (text !== '' && !interrupts.leaving.aborted) terminal.problem(text)
  process.exitCode = interrupts.exitCode ?? (error instanceof MisuseError ? 2 : 1)
}

async function chat(options: Arguments): Promise<Outcome> {
  terminal.configure({ rendered: !options.plain })
  interrupts.listen()
  const input = await findInput(options, { process, terminal, interrupts })
  let endpoints: Endpoints | undefined
  try {
    endpoints = await findEndpoints(process.env, options)
    return await chatWith(endpoints, input, options)
  } finally {
    input.lines.close()
    await endpoints?.close()
  }
}

async function chatWith(endpoints: Endpoints, input: Input, options: Arguments): Promise<Outcome> {
  const { lines, database, isSingle } = input
  const { interactive } = lines
  if (interactive) interrupts.ctrlCCode = 0
  const engine = await open(database, interactive)
  try {
    const selection = new Selection({ engine, endpoints, lines, terminal, interrupts })
    await selection.open(options.endpoint, options.hasModel ? options.model : undefined)
    if (endpoints.practice) terminal.note(PRACTICE_NOTE)
    const { model, endpoint } = selection.now
    if (interactive) terminal.note(`${model} at ${endpoint.url} · kept in ${database} · /help`)
    const session = new Session(engine, {
      terminal,
      lines,
      interrupts,
      selection,
      isSingle,
      autoTitle: interactive,
      system: options.system,
    })
    const library = new Library(engine, terminal, session)
    const branches = new Branches(engine, { terminal, lines, session, library })
    const { env } = process
    const parts: Chat = { session, library, branches, selection, terminal, lines, env }
    if (lines.editing !== undefined) {
      lines.editing.history.load(await library.said())
      lines.editing.completion = new Completion(completions(parts))
      lines.editing.onEarly = (line) => handleEarly(line, parts)
    }
    if (options.resume) await resume(parts, options)
    else if (interactive) await library.tellWaiting()
    return await converse(parts)
  } finally {
    await engine.close()
  }
}

/** Goes on with the last conversation. What the command line names counts more than what it had. */
async function resume({ library, session, selection, lines }: Chat, options: Arguments) {
  const { stored } = selection
  await library.openLast({ show: lines.interactive })
  if (session.conversation === undefined) return
  if (options.system !== undefined) await session.change({ system: options.system })
  if (!options.hasModel && options.endpoint === undefined) return
  await selection.change(`${stored.model}@${stored.endpoint}`)
  await session.keepModel()
}

async function open(database: string, interactive: boolean): Promise<Engine> {
  const retry = { maxAttempts: ATTEMPTS }
  try {
    return await createEngine({
      database,
      // Where nobody can be asked, no tool that asks is offered.
      tools: interactive ? exampleTools((line) => terminal.note(line)) : FREE_TOOLS,
      emitIntervalMs: 30,
      autoTitle: interactive,
      logger,
      retry,
    })
  } catch (error) {
    if (!(error instanceof ColloquyError && error.code === 'database-in-use')) throw error
    throw new Error(await inUse(database), { cause: error })
  }
}

/** Follows the queue, and handles each line, until the input ends or the person leaves. */
async function converse(parts: Chat): Promise<Outcome> {
  const { lines, session, selection } = parts
  let outcome: Outcome = 'replied'
  // A conversation that was opened at the start may have calls that wait.
  let first = lines.interactive ? () => session.answerCalls() : undefined
  for (;;) {
    const work = first ?? (session.queue.isRunning ? () => session.follow() : await nextWork(parts))
    first = undefined
    if (work === undefined || interrupts.leaving.aborted) break
    try {
      const done = await work()
      if (done === 'stopped') await session.pause()
      outcome = done ?? outcome
    } catch (error) {
      // A person can go on after a failure. A script that misses an answer must stop.
      const text = explain(error, selection.now.endpoint)
      if (!lines.interactive) throw new Error(text, { cause: error })
      terminal.problem(text)
      // What waits was written for another course of the conversation.
      lines.editing?.takeBack()
      await session.pause()
    }
  }
  return lines.interactive ? 'replied' : outcome
}

/** The work that the next line asks for; `undefined` at the end of the input, or to leave. */
async function nextWork(parts: Chat): Promise<(() => Promise<Outcome | void>) | undefined> {
  const { lines, session } = parts
  for (;;) {
    const line = await lines.next()
    if (line === undefined) return undefined
    if (line.trim() === '') continue
    if (lines.interactive) interrupts.forget()
    const command = lines.hasCommands ? commandIn(line) : undefined
    if (command === undefined) return () => session.ask(line)
    return isLeaving(command) ? undefined : () => runCommand(command, parts)
  }
}

/** Queues a message that was entered during a reply, and runs the commands of the queue at once. */
function handleEarly(line: string, parts: Chat): boolean {
  const { session } = parts
  const command = commandIn(line)
  if (command === undefined) return session.enqueue(line)
  if (command.name !== 'queue' || !session.isReplying) return false
  runCommand(command, parts).catch((error) => terminal.problem(explain(error)))
  return true
}
