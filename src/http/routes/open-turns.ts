/** The turns of conversations that run, or that wait for an answer. Knows nothing of requests. */
import type { OwnerView, Turn } from '../../index.ts'

type OpenTurn = Pick<Turn, 'id' | 'phase'>

/** Conversations without such a turn are not in the map. */
export async function openTurns(
  view: OwnerView,
  conversationIds: readonly string[],
): Promise<ReadonlyMap<string, OpenTurn>> {
  const open = new Map<string, OpenTurn>()
  // Usually nothing waits at all: then one read says so.
  const [someCall] = await view.listWaitingCalls({ limit: 1 })
  if (someCall !== undefined) {
    await Promise.all(
      conversationIds.map(async (conversationId) => {
        const waiting = await waitingTurn(view, conversationId)
        if (waiting !== undefined) open.set(conversationId, waiting)
      }),
    )
  }
  for (const turn of view.runningTurns()) open.set(turn.conversationId, turn)
  return open
}

export async function openTurn(
  view: OwnerView,
  conversationId: string,
): Promise<OpenTurn | undefined> {
  const waiting = await waitingTurn(view, conversationId)
  return view.runningTurn(conversationId) ?? waiting
}

async function waitingTurn(view: OwnerView, conversationId: string): Promise<OpenTurn | undefined> {
  // One call is enough, and bounds what is read: arguments may be long.
  const [call] = await view.listWaitingCalls({ conversationId, limit: 1 })
  return call && { id: call.turnId, phase: 'waiting' }
}
