/** Colloquy without a sync to the disk for each commit: what the disk's share of a wait is. */
import { clientOf } from './colloquy.ts'
import type { OpenClient } from './client.ts'
import { openEngine } from './colloquy-engine.ts'

export const open: OpenClient = async (options) =>
  clientOf(await openEngine(options, { durability: 'relaxed' }))
