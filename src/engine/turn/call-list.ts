/** Lists the calls that need an answer, for the engine, views and an engine that only reads. */
import type { Viewer } from '../../persistence/ports/conversation-store.ts'
import type { WaitStore } from '../../persistence/ports/wait-store.ts'
import type { CallRecord } from '../../protocol/call.ts'
import type { WaitingCallOptions } from '../api.ts'
import * as requests from '../options/call-schemas.ts'
import { checked } from '../options/check.ts'
import { assertNoOwner } from '../ownership.ts'

/** As many calls as a list has, where the host names no limit. */
const LIMIT = 100

export async function listWaitingCalls(
  store: WaitStore,
  options: WaitingCallOptions,
  viewer?: Viewer,
): Promise<readonly CallRecord[]> {
  const given = checked(requests.waitingCallList, options, 'listWaitingCalls')
  assertNoOwner(viewer, given, 'listWaitingCalls')
  const { conversationId, ownerId, limit = LIMIT } = given
  const owner = ownerId === undefined ? undefined : { ownerId }
  return await store.listWaitingCalls({ conversationId, limit, viewer: viewer ?? owner })
}
