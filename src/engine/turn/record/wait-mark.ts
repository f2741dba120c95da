/**
 * What is stored of a turn that begins to wait, so that it can go on without its memory, and whether it
 * can.
 *
 * Knows nothing of calls.
 */
import type { WaitMark } from '../../../persistence/ports/wait-store.ts'
import { ONLINE } from '../../../protocol/endpoint.ts'
import type { LiveTurn } from '../live-turn/live-turn.ts'
import { type Sealer, toStored } from '../request/stored-options.ts'
import type { TurnRequest } from '../request/turn-request.ts'

/** @param events - the number of events that follow the write, up to `turn.waiting` */
export function waitMark(live: LiveTurn, sealer: Sealer, events: number): WaitMark {
  const { request, bound, replyFeed } = live
  const { options } = request
  // The endpoint that the headers are for, even if the conversation has another one later.
  const endpoint = options.endpoint ?? bound?.conversation.endpoint ?? ONLINE
  const { content, terminal } = replyFeed.lastSeqs
  return {
    options: toStored({ ...options, endpoint }, live.turnId, sealer),
    lastSeqs: { content, terminal: terminal - 1 + events },
  }
}

/** True if a turn could not be made live again as it is: its send gave what only memory can hold. */
export function needsMemory({ options }: TurnRequest, sealer: Sealer): boolean {
  const { signal, toolContext, prepareStep, tools, headers } = options
  const hasSecrets = headers !== undefined && Object.keys(headers).length > 0
  return (
    signal !== undefined ||
    toolContext !== undefined ||
    prepareStep !== undefined ||
    tools instanceof Map ||
    (hasSecrets && sealer.seal('', 'headers') === undefined)
  )
}
