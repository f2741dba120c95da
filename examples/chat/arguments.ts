/** The command line of the chat. */
import { parseArgs } from 'node:util'

export const USAGE = `
npm start                              chat
npm start -- "tell me a story"         print one reply and exit

  --continue, -c       go on with the last conversation
  --database, -d FILE  where conversations are kept (or COLLOQUY_DATABASE; colloquy-chat.db)
  --model, -m NAME     the model to ask (or OPENAI_MODEL)
  --help, -h           this text

OPENAI_BASE_URL and OPENAI_API_KEY say whom to ask: any OpenAI-compatible endpoint, hosted or local.
Without them a practice provider answers, whose replies are scripted.
`.trim()

export interface Arguments {
  /** The one message to send. Absent: the chat is a conversation. */
  readonly message: string | undefined
  readonly resume: boolean
  readonly database: string
  readonly model: string | undefined
  readonly help: boolean
}

/** The command line is wrong. `message` says how. */
export class MisuseError extends Error {
  override readonly name = 'MisuseError'
}

/** @throws {@link MisuseError} */
export function readArguments(args: readonly string[], env: NodeJS.ProcessEnv): Arguments {
  const { values, positionals } = parse(args)
  const message = positionals.length === 0 ? undefined : positionals.join(' ')
  if (message?.trim() === '') throw new MisuseError('The message is empty.')
  return {
    message,
    resume: values.continue,
    database: values.database || env['COLLOQUY_DATABASE'] || 'colloquy-chat.db',
    model: values.model || env['OPENAI_MODEL'] || undefined,
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
        help: { type: 'boolean', short: 'h', default: false },
      },
    })
  } catch (error) {
    throw new MisuseError(`${(error as Error).message}\n--help has what there is.`)
  }
}
