/** Snapshots as data. Knows nothing of deltas, or of when a snapshot is due. */
import type { MessageStatus, Part } from './message.ts'
import type { CallProgress } from './tool.ts'

/** The whole reply so far. Each snapshot replaces the one before. */
export interface Snapshot {
  readonly turnId: string
  /** The id under which the reply is saved. */
  readonly messageId: string
  /** The `seq` of the turn's newest event that the snapshot includes. */
  readonly seq: number
  readonly parts: readonly Part[]
  /** The text parts, joined. */
  readonly text: string
  readonly status: 'streaming' | 'waiting' | MessageStatus
  /** The calls of the newest step that brought any; absent if there are none. */
  readonly calls?: readonly CallProgress[]
}
