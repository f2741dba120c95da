/** The turns that wait for their start, in an SQL database. Knows nothing of turns that run. */
import { ColloquyError } from '../../protocol/errors.ts'
import type { QueueStore } from '../ports/queue-store.ts'
import type { SqlAccess } from '../sql-access.ts'
import { endQueuedJob, withdrawInputJob } from '../statements/leave-queue.ts'
import {
  COUNT_ALL_QUEUED,
  COUNT_QUEUED_OF_OWNER,
  readQueue,
  SELECT_QUEUED_CONVERSATIONS,
} from '../statements/queue.ts'
import { startQueuedJob } from '../statements/start-turn.ts'
import { fromText, toText } from '../statements/stored-text.ts'
import { viewerParameters } from '../statements/visible.ts'

export function queueStore(access: SqlAccess): QueueStore {
  const { epoch, report } = access
  return {
    async listQueue(conversationId, viewer) {
      const named = { conversation_id: toText(conversationId), ...viewerParameters(viewer) }
      return await access.read((connection) => readQueue(connection, named, report))
    },

    async listQueuedConversations(after, limit, viewer) {
      const named = { after: toText(after), limit, ...viewerParameters(viewer) }
      const rows = await access.read((connection) =>
        SELECT_QUEUED_CONVERSATIONS.all(connection, named),
      )
      return rows.map((row) => fromText(row.conversation_id))
    },

    async countQueued(viewer) {
      const isOfOwner = viewer !== undefined && viewer.unowned !== true
      const count = isOfOwner ? COUNT_QUEUED_OF_OWNER : COUNT_ALL_QUEUED
      const row = await access.read((connection) =>
        count.first(connection, viewerParameters(viewer)),
      )
      return Number(row?.n)
    },

    async startQueued(start) {
      const makeJob = () => startQueuedJob(start, epoch)
      const started = await access.held(makeJob, { isUrgent: true, name: start.turnId })
      if (started !== undefined) return started
      throw new ColloquyError(
        'turn-not-found',
        'There is no such queued turn any more: another writer ended it, or its conversation was deleted.',
      )
    },

    async withdrawInput(input) {
      return await access.write(() => withdrawInputJob(input))
    },

    async endQueued(end) {
      return await access.write(() => endQueuedJob(end, epoch))
    },
  }
}
