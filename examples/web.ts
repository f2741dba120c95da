/**
 * The chat page: an application that serves the engine to a browser on the same machine.
 *
 *   npm start
 *
 * The endpoints, the model and the database come from the same variables as in the terminal chat.
 */
import { ColloquyError, createEngine, type Engine, type Logger } from 'colloquy'
import { DEFAULT_DATABASE } from './chat/arguments.ts'
import { inUse } from './chat/database-owner.ts'
import { findEndpoints } from './chat/endpoints.ts'
import { ATTEMPTS, explain } from './chat/explanation.ts'
import { MisuseError } from './chat/misuse.ts'
import { PageModels } from './web/models.ts'
import { startPage } from './web/server.ts'
import { exampleTools } from './tools.ts'

/** The page itself shows how turns go. The terminal gets what only its owner can mend. */
const logger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error: (details, message) => console.error(`${message} ${JSON.stringify(details)}`),
}

try {
  await serve(process.env)
} catch (error) {
  console.error(explain(error))
  process.exitCode = error instanceof MisuseError ? 2 : 1
}

async function serve(env: NodeJS.ProcessEnv): Promise<void> {
  const port = portIn(env)
  const database = env['COLLOQUY_DATABASE'] || DEFAULT_DATABASE
  const endpoints = await findEndpoints(env, { endpoint: undefined, dialect: undefined })
  try {
    await using engine = await open(database)
    const models = new PageModels(engine, endpoints)
    for (const problem of await models.put()) console.error(problem)
    const page = await startPage(engine, { port, logger, setup: () => models.setup() })
    console.log(`The chat page is at ${page.url}`)
    console.log(`Conversations are kept in ${database}. Ctrl-C ends it.`)
    if (endpoints.practice) {
      console.log('The practice provider answers: its replies are scripted, without a model.')
    }
    await told()
    await page.close()
  } finally {
    await endpoints.close()
  }
}

async function open(database: string): Promise<Engine> {
  try {
    return await createEngine({
      database,
      tools: exampleTools((line) => console.log(line)),
      retry: { maxAttempts: ATTEMPTS },
      logger,
    })
  } catch (error) {
    if (!(error instanceof ColloquyError && error.code === 'database-in-use')) throw error
    const text = (await inUse(database)).replace('--database ', 'COLLOQUY_DATABASE=')
    throw new Error(text, { cause: error })
  }
}

/** @throws {@link MisuseError} */
function portIn(env: NodeJS.ProcessEnv): number | undefined {
  const text = env['PORT']
  if (text === undefined || text === '') return undefined
  const port = Number(text)
  if (Number.isInteger(port) && port >= 0 && port < 65_536) return port
  throw new MisuseError(`PORT has to be a number from 0 to 65535. It is ${JSON.stringify(text)}.`)
}

/** Resolves when the process is told to end. A second signal ends it at once. */
function told(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.once(signal, () => resolve())
  })
}
