/** Finds a call, and lists those that need an answer, for the engine, views and an engine that only reads. */
import type { Viewer } from '../../../persistence/ports/conversation-store.ts'
import type { WaitStore } from '../../../persistence/ports/wait-store.ts'
import type { CallRecord } from '../../../protocol/call.ts'
import { hasCode } from '../../../protocol/errors.ts'
import type { WaitingCallOptions } from '../../api/turn-options.ts'
import * as requests from '../../options/call-schemas.ts'
import { checked } from '../../options/check.ts'
import { assertNoOwner } from '../../ownership.ts'

/** Returns `undefined` if there is no such call. */
export async function getCall(
  store: WaitStore,
  callId: string,
  viewer?: Viewer,
): Promise<CallRecord | undefined> {
  checked(requests.callId, callId, 'getCall: id')
  try {
    return (await store.findCall(callId, viewer)).call
  } catch (error) {
    if (hasCode(error, 'call-not-found')) return undefined
    throw error
  }
}

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
