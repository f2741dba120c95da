/** The input of the chat, message by message: typed, from a pipe, or from the command line. */
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { goesOn, unwrapBlock } from './continuation.ts'
import type { Completion } from './completion.ts'
import type { History } from './history.ts'

/**
 * - `message`: may be a command, and may have several lines.
 * - `choice`: an answer to a question that follows a command.
 * - `decision`: an answer to a question that the chat asks by itself. A text that was being typed does not
 *   become part of it.
 * - `rewrite`: another text for a message. It may have several lines, and is no command.
 */
export type InputKind = 'message' | 'choice' | 'decision' | 'rewrite'

/** True of the kinds that answer a question: such a line is one line, and is not remembered. */
export function isAnswer(kind: InputKind): boolean {
  return kind === 'choice' || kind === 'decision'
}

export interface Lines {
  /** True if a person types the lines and sees the prompt. */
  readonly interactive: boolean
  /** True if a line that begins with a slash is a command. */
  readonly hasCommands: boolean
  /** Present if the lines are edited on a screen. */
  readonly editing?: Editing
  /** The next line; `undefined` at the end of the input. */
  next(prompt?: string, kind?: InputKind): Promise<string | undefined>
  close(): void
}

/** What a line editor can do besides giving lines. */
export interface Editing {
  readonly history: History
  completion: Completion | undefined
  /**
   * Called with each line that was entered while none is asked for. Returns true if it handles the
   * line. Absent, or false: the line waits until one is asked for.
   */
  onEarly: ((line: string) => boolean) | undefined
  /** Gives the lines that wait to `onEarly`, up to the first that it does not handle. */
  handOver(): void
  /** Takes the lines that wait back into the line being typed. */
  takeBack(): void
  /** Puts texts into the line, before what is typed. */
  giveBack(texts: readonly string[]): void
  /** Puts a text into the line, to be sent by Enter. */
  offer(text: string): void
  /** Gives the terminal to another program until the promise settles. */
  lend<Result>(use: () => Promise<Result>): Promise<Result>
}

export interface ReadOptions {
  /** Ends the input early. */
  readonly leaving: AbortSignal
  /** Present on a terminal without a screen: shows the prompt. */
  readonly ask?: (prompt: string) => void
}

/** One message, already complete; or none. */
export function oneMessage(
  message: string | undefined,
  { isCommand }: { readonly isCommand: boolean },
): Lines {
  const messages = [message]
  return {
    interactive: false,
    hasCommands: isCommand,
    next: async () => messages.shift(),
    close: () => {},
  }
}

/** The lines of a stream, each one a message. */
export function readLines(source: Readable, { leaving, ask }: ReadOptions): Lines {
  const reader = createInterface({ input: source, signal: leaving })
  const lines = reader[Symbol.asyncIterator]()
  const read = async () => (await lines.next()).value
  const next = async (prompt = 'you> ', kind: InputKind = 'message') => {
    ask?.(prompt)
    let text = await read()
    if (ask === undefined || isAnswer(kind)) return text
    for (;;) {
      const start = text === undefined ? undefined : goesOn(text)
      if (start === undefined) return text === undefined ? undefined : unwrapBlock(text)
      const line = await read()
      if (line === undefined) return text
      text = start + line
    }
  }
  return { interactive: ask !== undefined, hasCommands: true, next, close: () => reader.close() }
}
