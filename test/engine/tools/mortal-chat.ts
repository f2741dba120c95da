/** A chat with tools on a file, and the engine that opens the file as a kill left it. */
import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Engine, EngineOptions, Tool } from '../../../src/index.ts'
import { testDirectory, testEngine, testProvider } from '../../support/engine.ts'

export async function mortalChat(
  tools: Readonly<Record<string, Tool>>,
  options: EngineOptions = {},
) {
  const folder = await testDirectory()
  const provider = await testProvider()
  let copies = 0
  const open = async (name: string, changes: EngineOptions = {}) => {
    const engine = await testEngine({
      database: join(folder, name),
      tools,
      checkpointMs: Infinity,
      timeouts: { toolCloseMs: 0 },
      ...options,
      ...changes,
    })
    if (changes.readOnly !== true) {
      await engine.putEndpoint('online', { url: provider.url, model: 'm' })
    }
    return engine
  }
  const engine = await open('first.db')
  const { id } = await engine.startConversation()
  return {
    provider,
    engine,
    id,
    /** Opens a copy of the files, as a kill at this moment would leave them. */
    afterDeath: async (changes: EngineOptions = {}): Promise<Engine> => {
      copies += 1
      for (const end of ['', '-wal']) {
        await copyFile(join(folder, `first.db${end}`), join(folder, `copy-${copies}.db${end}`))
      }
      return await open(`copy-${copies}.db`, changes)
    },
    /** Closes the engine, and opens the same file. */
    restarted: async (changes: EngineOptions = {}): Promise<Engine> => {
      await engine.close()
      return await open('first.db', changes)
    },
    reader: () => open('first.db', { readOnly: true }),
  }
}
