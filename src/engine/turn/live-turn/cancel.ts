/**
 * Cancels: sent to the machine of a running turn, or answered from the store if no turn runs.
 *
 * Ends nothing itself, and knows nothing of requests: the machine decides what a cancel does.
 */
import type { Viewer } from '../../../persistence/ports/conversation-store.ts'
import type { Message } from '../../../protocol/message.ts'
import type { Receipt, TurnRecord } from '../../../protocol/turn.ts'
import type { Actors } from '../../actors/actors.ts'
import type { CancelCause } from './cancel-cause.ts'
import type { LiveTurn } from './live-turn.ts'

/** Cancels a turn of a conversation that the viewer sees. */
export type CancelCall = (
  conversationId: string,
  turnId: string,
  viewer?: Viewer,
) => Promise<Receipt>

interface CancelOptions {
  readonly turnId?: string | undefined
  readonly cause?: CancelCause | undefined
  readonly runsQueue?: boolean | undefined
}

/**
 * Cancels a turn. The machine answers, and the save completes the receipt.
 *
 * @param options - `turnId`: the turn to cancel, which may be another one than the running turn;
 *   `cause`: absent if a host called `cancel`; `runsQueue`: true if the queue goes on afterwards
 */
export function cancelTurn(
  actors: Pick<Actors, 'send'>,
  live: LiveTurn,
  { turnId = live.turnId, cause, runsQueue = false }: CancelOptions = {},
): Promise<Receipt> {
  const { request, receipt } = live.cancels.request(cause, runsQueue)
  if (live.isQueued && turnId === live.turnId) {
    actors.send(live.conversationId, { type: 'conversation.withdraw', turnId, request })
    return receipt
  }
  actors.send(live.conversationId, { type: 'turn.cancel', turnId, request, runsQueue })
  return receipt
}

/** The receipt of a cancel while no turn runs, made from the last turn, if there was one. */
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
