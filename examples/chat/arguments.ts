/** The command line of the chat. */
import { parseArgs } from 'node:util'
import type { Dialect } from 'colloquy'
import { dialectNamed } from './dialects.ts'
import { MisuseError } from './misuse.ts'

export { MisuseError } from './misuse.ts'

export const USAGE = `
npm start                              the chat page, in a browser
npm run chat                           chat in this terminal
npm start -- "tell me a story"         print one reply and exit
cat log | npm start --silent -- "what went wrong?"
                                       ask about what is piped: one question

  --continue, -c       go on with the last conversation
  --database, -d FILE  where conversations are kept (or COLLOQUY_DATABASE; colloquy-chat.db)
  --model, -m NAME     the model to ask (or OPENAI_MODEL); NAME@ENDPOINT names both
  --endpoint, -e NAME  the endpoint to ask, if there are several
  --dialect NAME       its format: chat, responses or messages (or COLLOQUY_DIALECT)
  --system, -s TEXT    the system prompt
  --plain              show replies as they are: no markdown, no breaks at words
  --lines              each line of a pipe is a message, or a command
  --help, -h           this text

A single question is kept only with --database or --continue.

OPENAI_BASE_URL and OPENAI_API_KEY say whom to ask: any OpenAI-compatible endpoint, hosted or local.
ANTHROPIC_API_KEY adds the endpoint "anthropic". COLLOQUY_URL_NAME adds an endpoint "name"; its key,
model and dialect are in COLLOQUY_KEY_NAME, COLLOQUY_MODEL_NAME and COLLOQUY_DIALECT_NAME. The name
AIRPLANE is asked in airplane mode. Without any of these a practice provider answers, whose replies
are scripted.
`.trim()

export const DEFAULT_DATABASE = 'colloquy-chat.db'

export interface Arguments {
  /** The one message to send. Absent: the chat is a conversation. */
  readonly message: string | undefined
  readonly resume: boolean
  readonly database: string
  /** True if the command line itself names the database. */
  readonly hasDatabase: boolean
  readonly model: string | undefined
  /** True if the command line itself names the model. */
  readonly hasModel: boolean
  readonly endpoint: string | undefined
  readonly dialect: Dialect | undefined
  readonly system: string | undefined
  readonly plain: boolean
  readonly lines: boolean
  readonly help: boolean
}

/** @throws {@link MisuseError} */
export function readArguments(args: readonly string[], env: NodeJS.ProcessEnv): Arguments {
  const { values, positionals } = parse(args)
  const message = positionals.length === 0 ? undefined : positionals.join(' ')
  if (message?.trim() === '') throw new MisuseError('The message is empty.')
  for (const [name, value] of Object.entries(values)) {
    if (value === '') throw new MisuseError(`--${name} needs a value.`)
  }
  return {
    message,
    resume: values.continue,
    database: values.database || env['COLLOQUY_DATABASE'] || DEFAULT_DATABASE,
    hasDatabase: values.database !== undefined,
    model: values.model || env['OPENAI_MODEL'] || undefined,
    hasModel: values.model !== undefined,
    endpoint: values.endpoint,
    dialect: values.dialect === undefined ? undefined : dialectNamed(values.dialect, '--dialect'),
    system: values.system,
    plain: values.plain,
    lines: values.lines,
    help: values.help,
  }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        continue: { type: 'boolean', short: 'c', default: false },
        database: { type: 'string', short: 'd' },
        model: { type: 'string', short: 'm' },
        endpoint: { type: 'string', short: 'e' },
        dialect: { type: 'string' },
        system: { type: 'string', short: 's' },
        plain: { type: 'boolean', default: false },
        lines: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
  } catch (error) {
    throw new MisuseError(`${(error as Error).message}\n--help has what there is.`)
  }
}
