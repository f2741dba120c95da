/**
 * The stop of all work at other endpoints than `airplane`, when airplane mode comes on.
 *
 * Knows nothing of how the mode is stored, or of how later requests are refused.
 */
import { AIRPLANE } from '../protocol/endpoint.ts'
import type { Transport } from '../transport/transport.ts'
import type { Actors } from './actors/actors.ts'
import type { Endpoints } from './endpoints/endpoints.ts'
import type { OneShots } from './one-shots/one-shots.ts'
import { cancelTurn } from './turn/live-turn/cancel.ts'
import type { Drains } from './turn/record/drains.ts'
import type { Turns } from './turn/turns.ts'

export interface OnlineWork {
  readonly oneShots: OneShots
  readonly turns: Turns
  readonly drains: Drains
  readonly actors: Actors
  readonly endpoints: Endpoints
  readonly transport: Transport
}

/** Resolves when no request is left, and the turns that were cancelled are saved. */
export async function stopOnlineWork({
  oneShots,
  turns,
  drains,
  actors,
  endpoints,
  transport,
}: OnlineWork): Promise<void> {
  const isElsewhere = (endpoint: string) => endpoint !== AIRPLANE
  const elsewhere = turns.all.filter((live) => live.concerns(isElsewhere))
  for (const live of turns.all) if (!elsewhere.includes(live)) live.calls?.stopOnline()
  drains.abort(({ endpoint }) => isElsewhere(endpoint))
  const ended = Promise.all([
    oneShots.abort(isElsewhere),
    ...elsewhere.map((live) => cancelTurn(actors, live, { cause: 'airplane-mode' })),
  ])
  // The requests are aborted by now. A connection that is still being made would greet later.
  transport.closeConnections(endpoints.get(AIRPLANE)?.url)
  await ended
}
