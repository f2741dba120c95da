/**
 * Finds the queued turns that were deleted with their conversation, also those whose writes are not over.
 *
 * Knows nothing of how a turn ends.
 */
import type { TurnStore } from '../../../persistence/ports/turn-store.ts'
import type { LiveTurn } from '../live-turn/live-turn.ts'

interface QueueDeletion {
  readonly store: Pick<TurnStore, 'getTurn'>
  /** Ends a turn whose row is gone. */
  readonly forget: (live: LiveTurn) => void
  /** Told the ids of these turns. */
  readonly lost: (turnIds: readonly string[]) => void
}

/**
 * Forgets the queued turns of a deleted conversation. A turn that is still being written may be gone too, or
 * belong to a new conversation with the id: that is looked up when its write is over.
 *
 * @param turns - the live turns of the conversation
 */
export function forgetQueue(turns: readonly LiveTurn[], deletion: QueueDeletion): void {
  const queued = turns.filter(({ isQueued }) => isQueued)
  const gone = queued.filter(({ isWriting }) => !isWriting)
  for (const live of queued) {
    if (live.isWriting) void forgetWritten(live, deletion)
  }
  for (const live of gone) deletion.forget(live)
  deletion.lost(gone.map(({ turnId }) => turnId))
}

/** Never rejects. */
async function forgetWritten(
  live: LiveTurn,
  { store, forget, lost }: QueueDeletion,
): Promise<void> {
  try {
    await live.recording
    if (live.mergedInto !== undefined || (await store.getTurn(live.turnId)) !== undefined) return
  } catch {
    // Its send is rejected, or the engine closes, which ends the turn.
    return
  }
  // One that has begun finds out by itself.
  if (!live.isQueued) return
  forget(live)
  lost([live.turnId])
}
