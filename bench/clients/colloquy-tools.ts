/** Colloquy with a tool, on an SQLite file with full durability. */
import type { EngineOptions, Tool } from '../../src/index.ts'
import { add, DESCRIPTION, type Numbers, PARAMETERS } from './add-tool.ts'
import type { OpenClient } from './client.ts'
import { clientOf } from './colloquy.ts'
import { openEngine } from './colloquy-engine.ts'

const tool: Tool<Numbers, number> = {
  description: DESCRIPTION,
  inputSchema: PARAMETERS,
  execute: add,
}

export const toolOptions: EngineOptions = { tools: { add: tool } }

export const open: OpenClient = async (options) => clientOf(await openEngine(options, toolOptions))
