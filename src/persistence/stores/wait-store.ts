/** The turns that wait for an answer to their calls, in an SQL database, and the answers. */
import { callNotFound } from '../../protocol/errors.ts'
import type { WaitStore } from '../ports/wait-store.ts'
import type { SqlAccess } from '../sql-access.ts'
import { guarded } from '../statements/epoch.ts'
import {
  answerCallJob,
  readCall,
  readExpired,
  readWaitingCalls,
} from '../statements/known-calls.ts'
import { toText } from '../statements/stored-text.ts'
import { readWait } from '../statements/stored-wait.ts'
import { viewerParameters } from '../statements/visible.ts'
import { resumeTurnJob, waitTurnJob } from '../statements/wait-turn.ts'
import { SELECT_NEXT_EXPIRY, SELECT_WAITING_TURN } from '../statements/waiting-calls.ts'

export function waitStore(access: SqlAccess): WaitStore {
  const { epoch, report } = access
  return {
    async findCall(callId, viewer) {
      const found = await access.read((connection) => readCall(connection, callId, viewer))
      if (found === undefined) throw callNotFound(callId)
      return found
    },

    async answerCall(answer, at, viewer) {
      const answered = await access.write(() => answerCallJob(answer, at, epoch, viewer))
      if (answered === undefined) throw callNotFound(answer.callId)
      return answered
    },

    async waitTurn(wait) {
      return await access.ofTurn(waitTurnJob(wait, epoch), { isUrgent: true })
    },

    async resumeTurn(resume) {
      const makeJob = () => guarded(resumeTurnJob(resume, epoch), epoch)
      const resumed = await access.held(makeJob, { isUrgent: true })
      if (resumed !== undefined && 'refusal' in resumed) throw resumed.refusal
      return resumed
    },

    async readWait(turnId, viewer) {
      const named = viewerParameters(viewer)
      return await access.read((connection) => readWait(connection, turnId, named))
    },

    async waitingTurn(conversationId, viewer) {
      const named = { id: toText(conversationId), ...viewerParameters(viewer) }
      const row = await access.read((connection) => SELECT_WAITING_TURN.first(connection, named))
      return row?.id
    },

    async listWaitingCalls(list) {
      return await access.read((connection) => readWaitingCalls(connection, list, report))
    },

    async nextExpiry() {
      const row = await access.read((connection) => SELECT_NEXT_EXPIRY.first(connection, {}))
      const ms = row?.expires_at ?? null
      return ms === null ? undefined : new Date(ms)
    },

    async expiredCalls(at, limit) {
      return await access.read((connection) => readExpired(connection, at, limit))
    },
  }
}
