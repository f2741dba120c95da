/** The input of the chat, line by line: from a pipe, or the one message of the command line. */
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'

export interface Lines {
  /** True if a person types the lines and sees the prompt. */
  readonly interactive: boolean
  /** The next line; `undefined` at the end of the input. */
  next(prompt: string): Promise<string | undefined>
  close(): void
}

export function oneLine(line: string): Lines {
  const lines = [line]
  return { interactive: false, next: async () => lines.shift(), close: () => {} }
}

/** @param leaving - ends the input early */
export function pipedLines(source: Readable, leaving: AbortSignal): Lines {
  const reader = createInterface({ input: source, signal: leaving })
  const lines = reader[Symbol.asyncIterator]()
  return {
    interactive: false,
    next: async () => (await lines.next()).value,
    close: () => reader.close(),
  }
}
