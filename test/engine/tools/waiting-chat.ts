/** A chat on a file whose calls wait, and the engine that opens the file as a kill left it. */
import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { CallRecord, Engine, EngineOptions, Tool, Turn } from '../../../src/index.ts'
import { testDirectory, testEngine, testProvider } from '../../support/engine.ts'
import { nextEvent } from '../../support/waiting.ts'

/** A tool that needs an approval and notes its runs. */
export function noting(ran: unknown[], more: Partial<Tool> = {}): Tool {
  return {
    inputSchema: { type: 'object' },
    needsApproval: true,
    execute: (input) => {
      ran.push(input)
      return 'noted'
    },
    ...more,
  }
}

export async function waitingChat(
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

/** The turn waits: its calls that need an answer. */
export async function waits(turn: Turn): Promise<readonly CallRecord[]> {
  if (turn.phase === 'waiting') return []
  return (await nextEvent(turn.events, 'turn.waiting')).calls
}
