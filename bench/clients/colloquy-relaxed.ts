/** Colloquy without a disk sync for each commit. It shows the disk's share of the waiting time. */
import { clientOf } from './colloquy.ts'
import type { OpenClient } from './client.ts'
import { openEngine } from './colloquy-engine.ts'

export const open: OpenClient = async (options) =>
  clientOf(await openEngine(options, { durability: 'relaxed' }))
