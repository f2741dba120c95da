/** Engines of the built package, on a database file, made in the way a host makes them. */
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
// Types only: the code that runs is the build.
import type * as Colloquy from '../../src/index.ts'
import type { Engine, EngineOptions } from '../../src/index.ts'
import { API_KEY, type ClientOptions, MODEL } from './client.ts'

/** The URL of an entry of the build. */
export function builtEntry(build: string, file: string): string {
  return pathToFileURL(join(build, file)).href
}

export async function openEngine(
  { url, directory, build }: ClientOptions,
  options: EngineOptions = {},
): Promise<Engine> {
  const { createEngine } = (await import(builtEntry(build, 'index.js'))) as typeof Colloquy
  const engine = await createEngine({
    database: join(directory, 'chat.db'),
    durability: 'full',
    autoTitle: false,
    ...options,
  })
  await engine.putEndpoint('online', { url, apiKey: API_KEY, model: MODEL })
  return engine
}

export async function startConversations(engine: Engine, count: number): Promise<string[]> {
  const started = await Promise.all(Array.from({ length: count }, () => engine.startConversation()))
  return started.map(({ id }) => id)
}
