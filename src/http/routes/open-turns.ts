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
        // One call is enough, and bounds what is read: arguments may be long.
        const [call] = await view.listWaitingCalls({ conversationId, limit: 1 })
        if (call !== undefined) open.set(conversationId, { id: call.turnId, phase: 'waiting' })
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
  return (await openTurns(view, [conversationId])).get(conversationId)
}
