/**
 * The text that was piped into the chat: one question, whatever its lines are.
 *
 * With a question on the command line the pipe may be absent, although its end is open: a parent
 * that is a program gives its children a socket which it never writes to. Then a socket has a short
 * time for its first byte. A pipe of a shell, or a file, is read to its end.
 */
import { fstatSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { MisuseError } from './misuse.ts'

const FIRST_BYTE_MS = 250

export interface PipeOptions {
  /** True if there is nothing to ask without the pipe. */
  readonly needed: boolean
  /** Ends the reading early. */
  readonly leaving: AbortSignal
}

/**
 * Reads the piped text; '' if there is none.
 *
 * @throws {@link MisuseError} if it is not text
 */
export async function readPipe(
  source: Readable,
  { needed, leaving }: PipeOptions,
): Promise<string> {
  const chunks: Buffer[] = []
  await new Promise<void>((resolve, reject) => {
    const done = () => {
      clearTimeout(timer)
      source.off('data', keep)
      source.pause()
      resolve()
    }
    const keep = (chunk: Buffer) => {
      clearTimeout(timer)
      chunks.push(chunk)
    }
    const timer = !needed && isSocket() ? setTimeout(done, FIRST_BYTE_MS) : undefined
    source.on('data', keep)
    source.once('end', done)
    source.once('error', reject)
    leaving.addEventListener('abort', done)
  })
  return textOf(Buffer.concat(chunks))
}

/** The question of the command line with the piped text after it. */
export function joined(question: string | undefined, piped: string): string {
  if (question === undefined) return piped
  return piped.trim() === '' ? question : `${question}\n\n${piped}`
}

/** A file that is not text costs tokens and says nothing to a model. */
function textOf(bytes: Buffer): string {
  if (bytes.includes(0)) {
    throw new MisuseError('The piped input is not text: it has zero bytes. Nothing was sent.')
  }
  return new TextDecoder().decode(bytes).replace(/\r?\n$/, '')
}

function isSocket(): boolean {
  try {
    return fstatSync(0).isSocket()
  } catch {
    // There is no standard input.
    return true
  }
}
