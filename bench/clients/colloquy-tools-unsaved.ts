/** Colloquy with a tool, on a database in memory: all of its work but that of the disk. */
import type { OpenClient } from './client.ts'
import { clientOf } from './colloquy.ts'
import { openEngine } from './colloquy-engine.ts'
import { toolOptions } from './colloquy-tools.ts'

export const open: OpenClient = async (options) =>
  clientOf(await openEngine(options, { ...toolOptions, database: ':memory:' }))
