/** The whole reply so far. Each one replaces the one before. */
import type { MessageStatus, Part } from './message.ts'

export interface Snapshot {
  readonly turnId: string
  /** The number of the turn's newest event that the snapshot includes. */
  readonly seq: number
  readonly parts: readonly Part[]
  /** The text parts, joined. */
  readonly text: string
  readonly status: 'streaming' | MessageStatus
}
