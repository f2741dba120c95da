/** The names of wire formats on the command line and in the environment. */
import type { Dialect } from 'colloquy'
import { MisuseError } from './misuse.ts'

const DIALECTS: Readonly<Record<string, Dialect>> = {
  chat: 'chat-completions',
  'chat-completions': 'chat-completions',
  responses: 'responses',
  messages: 'messages',
}

/** @throws {@link MisuseError} if there is no such dialect. `source` says where it was named. */
export function dialectNamed(name: string, source: string): Dialect {
  const dialect = Object.hasOwn(DIALECTS, name) ? DIALECTS[name] : undefined
  if (dialect !== undefined) return dialect
  throw new MisuseError(
    `${source}: there is no dialect ${JSON.stringify(name)}. There are chat, responses and messages.`,
  )
}
