/**
 * Finds the handle of a turn by its id, whichever caller began it.
 *
 * A running or queued turn has its live handle, an ended one a handle made from the store. Knows nothing of
 * idempotency keys or of how a turn runs.
 */
import type { Viewer } from '../../../persistence/ports/conversation-store.ts'
import { ColloquyError } from '../../../protocol/errors.ts'
import { quoted } from '../../../protocol/quoted.ts'
import type { TurnStore } from '../../../persistence/ports/turn-store.ts'
import type { TurnRecord } from '../../../protocol/turn.ts'
import type { Turn } from '../../api/turn.ts'
import type { CancelCall } from '../live-turn/cancel.ts'
import type { LiveTurn } from '../live-turn/live-turn.ts'
import { TurnHandle } from './handle.ts'
import { StoredTurn } from './stored-turn.ts'

interface AttachParts {
  readonly store: TurnStore
  readonly find: (turnId: string) => Promise<LiveTurn | undefined>
  readonly cancel: CancelCall
  readonly viewer?: Viewer | undefined
  /** Makes the queued turns of a conversation live. Absent where none can start. */
  readonly restore?: (conversationId: string) => Promise<unknown>
  /** Makes a waiting turn live. Absent where none can go on. */
  readonly reach?: (turnId: string) => Promise<LiveTurn | undefined>
  /** Called for a stored turn without an end, of which there is no live turn. */
  readonly unended?: (turn: TurnRecord) => ColloquyError
}

/** @throws `turn-not-found` */
export async function attachTurn(
  { store, find, cancel, viewer, restore, reach, unended }: AttachParts,
  turnId: string,
): Promise<Turn> {
  const handleOf = async (live: LiveTurn | undefined): Promise<Turn | undefined> => {
    if (live === undefined) return undefined
    // Only a host that makes its own ids can ask for a turn that is still being recorded.
    const message = await live.accepted.promise.catch(() => undefined)
    return (
      message &&
      new TurnHandle(
        live,
        live.userMessage ?? message,
        { placed: live.isQueued ? 'queued' : 'started', isRepeat: false },
        () => cancel(live.conversationId, turnId, viewer),
      )
    )
  }
  const running = await handleOf(await find(turnId))
  if (running !== undefined) return running
  const stored = await store.turnParts(turnId, viewer)
  if (stored === undefined) {
    throw new ColloquyError(
      'turn-not-found',
      `There is no turn ${quoted(turnId)}. It was never accepted, or its conversation was deleted.`,
    )
  }
  // The turn may have been accepted while the store was read.
  if (stored.turn.status === 'queued' && restore !== undefined) {
    await restore(stored.turn.conversationId)
    const queued = await handleOf(await find(turnId))
    if (queued !== undefined) return queued
  }
  if (stored.turn.status === 'waiting' && reach !== undefined) {
    const waiting = await handleOf(await reach(turnId))
    if (waiting !== undefined) return waiting
  }
  const begun = stored.turn.endedAt === undefined ? await handleOf(await find(turnId)) : undefined
  if (begun !== undefined) return begun
  return new StoredTurn(
    stored,
    () => cancel(stored.turn.conversationId, turnId, viewer),
    false,
    unended?.(stored.turn),
  )
}
