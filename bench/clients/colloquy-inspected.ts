/** Colloquy with an inspector attached. The inspector counts every record and keeps none. */
import type { OpenClient } from './client.ts'
import { clientOf } from './colloquy.ts'
import { openEngine } from './colloquy-engine.ts'

export const open: OpenClient = async (options) => {
  const engine = await openEngine(options)
  let records = 0
  engine.inspect(() => {
    records += 1
  })
  return clientOf(engine)
}
