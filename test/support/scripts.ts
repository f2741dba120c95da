/** The scripts of the scripted provider, under the names that the tests use. */
export {
  chatStream as streamed,
  chunk,
  closedGate,
  endless,
  hang,
  json,
  raw,
  steps,
} from '../../src/testing.ts'
export type { ChunkDelta } from '../../src/testing.ts'
