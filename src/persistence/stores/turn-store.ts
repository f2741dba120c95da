/**
 * Turns in an SQL database, from their input to their end.
 *
 * Knows nothing of the calls of their steps.
 */
import { ColloquyError, conversationNotFound } from '../../protocol/errors.ts'
import type { TurnStart, TurnStore } from '../ports/turn-store.ts'
import type { Job, SqlAccess } from '../sql-access.ts'
import { acceptTurnJob } from '../statements/accept-turn.ts'
import type { Acceptance } from '../statements/accepting.ts'
import { readRows } from '../statements/checked-row.ts'
import { checkpointJob } from '../statements/checkpoints.ts'
import { endTurnJob } from '../statements/end-turn.ts'
import { messageRecord } from '../statements/message-row.ts'
import { SELECT_REPLY } from '../statements/messages.ts'
import { regenerateTurnJob } from '../statements/regenerate-turn.ts'
import { toText } from '../statements/stored-text.ts'
import { readKeyedTurn, readTurnParts } from '../statements/turn-parts.ts'
import { turnRecord } from '../statements/turn-row.ts'
import { recordUsageJob } from '../statements/turn-usage.ts'
import { SELECT_LAST_TURN, SELECT_TURNS, SELECT_VISIBLE_TURN } from '../statements/turns.ts'
import { viewerParameters } from '../statements/visible.ts'

export function turnStore(access: SqlAccess): TurnStore {
  const { epoch, report } = access
  return {
    async getTurn(id, viewer) {
      const named = { id, ...viewerParameters(viewer) }
      const row = await access.read((connection) => SELECT_VISIBLE_TURN.first(connection, named))
      return row && turnRecord(row)
    },

    async listTurns(conversationId, viewer) {
      const named = { conversation_id: toText(conversationId), ...viewerParameters(viewer) }
      const rows = await access.read((connection) => SELECT_TURNS.all(connection, named))
      return readRows(rows, turnRecord, report)
    },

    async lastTurn(conversationId, viewer) {
      const named = { conversation_id: toText(conversationId), ...viewerParameters(viewer) }
      const row = await access.read((connection) => SELECT_LAST_TURN.first(connection, named))
      return row && turnRecord(row)
    },

    async keyedTurn(conversationId, idempotencyKey, viewer) {
      return await access.read((connection) =>
        readKeyedTurn(connection, conversationId, idempotencyKey, viewer),
      )
    },

    async turnParts(turnId, viewer) {
      return await access.read((connection) => readTurnParts(connection, turnId, viewer))
    },

    async replyOf(turnId) {
      const named = { turn_id: turnId }
      const row = await access.read((connection) => SELECT_REPLY.first(connection, named))
      return row && messageRecord(row)
    },

    async acceptTurn(accept) {
      const acceptance = await begin(access, () => acceptTurnJob(accept, epoch, report), accept)
      return 'queued' in acceptance ? acceptance.queued : acceptance.accepted
    },

    async regenerateTurn(regenerate) {
      const makeJob = () => regenerateTurnJob(regenerate, epoch, report)
      const acceptance = await begin(access, makeJob, regenerate)
      return 'queued' in acceptance ? acceptance.queued : acceptance.accepted
    },

    withdrawTurn(turnId) {
      access.withdraw(turnId)
    },

    async checkpoint(checkpoint) {
      return await access.ofTurn(checkpointJob(checkpoint, epoch), { isCheckpoint: true })
    },

    async endTurn(end) {
      const ended = await access.ofTurn(endTurnJob(end, epoch))
      if (ended !== undefined) return ended
      throw new ColloquyError(
        'turn-not-found',
        'There is no such turn any more: its conversation was deleted.',
      )
    },

    async recordUsage(turnId, usage) {
      return await access.write(() => recordUsageJob(turnId, usage, epoch))
    },
  }
}

/** Writes the beginning of a turn. It is urgent, because a caller waits for it. */
async function begin(
  access: SqlAccess,
  makeJob: () => Job<Acceptance | undefined>,
  { conversationId, turnId }: Pick<TurnStart, 'conversationId' | 'turnId'>,
): Promise<Exclude<Acceptance, { readonly refusal: unknown }>> {
  const acceptance = await access.held(makeJob, { isUrgent: true, name: turnId })
  if (acceptance === undefined) throw conversationNotFound(conversationId)
  if ('refusal' in acceptance) throw acceptance.refusal
  return acceptance
}
