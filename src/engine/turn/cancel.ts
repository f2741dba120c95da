/** Cancels: asked of the machine of a running turn, or answered from the store. */
import type { Message } from '../../protocol/message.ts'
import type { Receipt, TurnRecord } from '../../protocol/turn.ts'
import type { Actors } from '../actors/actors.ts'
import type { LiveTurn } from './live-turn.ts'

/**
 * Asks for the end of a turn. The machine answers, and the save completes the receipt.
 *
 * @param turnId - the turn that is meant, if that may be another one than runs
 */
export function cancelTurn(actors: Actors, live: LiveTurn, turnId = live.turnId): Promise<Receipt> {
  const { request, receipt } = live.requestCancel()
  actors.send(live.conversationId, { type: 'turn.cancel', turnId, request })
  return receipt
}

/** Cancels a turn when the host's signal aborts, and lets go of the signal with the turn. */
export function cancelOn(actors: Actors, live: LiveTurn, signal: AbortSignal | undefined): void {
  if (signal === undefined) return
  const cancel = () => void cancelTurn(actors, live)
  signal.addEventListener('abort', cancel, { once: true })
  void live.over.promise.then(() => signal.removeEventListener('abort', cancel))
}

/** What a cancel answers where no turn runs: from the last one, if there was any. */
export function restedReceipt(turn?: TurnRecord, reply?: Message): Receipt {
  if (turn === undefined) {
    return { outcome: 'not-running', from: 'idle', upstreamAborted: false, partialChars: 0 }
  }
  return {
    outcome: 'already-done',
    from: turn.status,
    upstreamAborted: false,
    ...(reply && { savedMessageId: reply.id }),
    partialChars: reply?.text.length ?? 0,
    ...(turn.usage && { usage: turn.usage }),
  }
}
