/** Finds the provider: the endpoint that the environment names, or the practice provider. */
import type { Engine } from 'colloquy'
import { startPracticeProvider } from '../practice-provider.ts'
import type { Lines } from './lines.ts'
import { plainLine } from './plain-text.ts'
import type { Terminal } from './terminal.ts'

export interface Provider {
  readonly url: string
  readonly apiKey: string | null
  /** Absent: the person is asked for a model. */
  readonly model: string | undefined
  readonly practice: boolean
  close(): Promise<void>
}

export async function findProvider(
  env: NodeJS.ProcessEnv,
  model: string | undefined,
): Promise<Provider> {
  const url = env['OPENAI_BASE_URL'] || undefined
  const apiKey = env['OPENAI_API_KEY'] || null
  if (url === undefined && apiKey === null) {
    return { ...(await startPracticeProvider()), apiKey, practice: true }
  }
  return {
    url: url ?? 'https://api.openai.com/v1',
    apiKey,
    model,
    practice: false,
    close: async () => {},
  }
}

/** The input and output for the choice of a model, and the signal that ends it. */
export interface Asking {
  readonly lines: Lines
  readonly terminal: Terminal
  readonly leaving: AbortSignal
}

/** Stores the provider as the engine's endpoint `online`. Finds a model if none was named. */
export async function useProvider(
  engine: Engine,
  { url, apiKey, model }: Provider,
  asking: Asking,
): Promise<string> {
  await engine.putEndpoint('online', { url, apiKey, model })
  if (model !== undefined) return model
  const offered = await engine.listModels('online', { signal: asking.leaving })
  const chosen = await chooseModel(offered, asking)
  await engine.putEndpoint('online', { url, model: chosen })
  return chosen
}

async function chooseModel(
  offered: readonly string[],
  { lines, terminal }: Asking,
): Promise<string> {
  const [only] = offered
  if (only !== undefined && offered.length === 1) return only
  if (!lines.interactive || only === undefined) {
    const names = offered.map((model) => plainLine(model, 100)).join(', ')
    throw new Error(
      `Which model? Set OPENAI_MODEL, or use --model. The provider offers ${names || 'none'}.`,
    )
  }
  for (const [index, model] of offered.entries()) {
    terminal.line(`${String(index + 1).padStart(3)}  ${plainLine(model, 100)}`)
  }
  for (;;) {
    const answer = (await lines.next('Model (number or name): '))?.trim()
    if (answer === undefined) throw new Error('No model was chosen.')
    const chosen = offered.find((model) => model === answer) ?? offered[Number(answer) - 1]
    if (chosen !== undefined) return chosen
    terminal.note('That is neither in the list nor one of its numbers.')
  }
}
