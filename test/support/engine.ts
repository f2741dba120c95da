/** Engines for tests: on a scripted provider, in memory or on a temporary file. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { createEngine, type Engine, type EngineOptions } from '../../src/index.ts'
import { type Provider, startProvider } from './provider.ts'

/** A provider for one test. Closed after the test. */
export async function testProvider(): Promise<Provider> {
  const provider = await startProvider()
  onTestFinished(() => provider.close())
  return provider
}

/**
 * An engine for one test, closed after the test. By default it is in memory, makes no titles, makes
 * a snapshot for each delta, and does not retry.
 */
export async function testEngine(options: EngineOptions = {}): Promise<Engine> {
  const engine = await createEngine({
    database: ':memory:',
    emitIntervalMs: 0,
    autoTitle: false,
    retry: { maxAttempts: 1 },
    ...options,
  })
  onTestFinished(() => engine.close())
  return engine
}

/** An engine whose `online` endpoint is a scripted provider, and a conversation on it. */
export async function testChat(options: EngineOptions = {}) {
  const provider = await testProvider()
  const engine = await testEngine(options)
  await engine.putEndpoint('online', { url: provider.url, apiKey: 'sk-test-key', model: 'm' })
  const conversation = await engine.startConversation()
  return { provider, engine, conversation }
}

/** A directory for one test. */
export async function testDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'colloquy-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  return directory
}

/** A database file for one test. */
export async function testDatabase(): Promise<string> {
  return join(await testDirectory(), 'chat.db')
}
