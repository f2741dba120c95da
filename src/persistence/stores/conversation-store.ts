/**
 * Conversations and their messages in an SQL database.
 *
 * Knows nothing of turns and calls.
 */
import { conversationExists, errorRecord } from '../../protocol/errors.ts'
import type { ConversationStore } from '../ports/conversation-store.ts'
import type { SqlAccess } from '../sql-access.ts'
import { readRows } from '../statements/checked-row.ts'
import { ConversationLists } from '../statements/conversation-lists.ts'
import { conversationRecord } from '../statements/conversation-row.ts'
import {
  archiveConversationJob,
  createConversationJob,
  SELECT_VISIBLE,
  titleConversationJob,
  updateConversationJob,
} from '../statements/conversations.ts'
import {
  deleteConversationJob,
  deletionSliceJob,
  SELECT_DELETED,
} from '../statements/delete-conversation.ts'
import { forkConversationJob } from '../statements/fork-conversation.ts'
import { readPage } from '../statements/message-pages.ts'
import { messageRecord } from '../statements/message-row.ts'
import { readHistory, readMessages } from '../statements/messages.ts'
import { SELECT_PLACED_MESSAGE } from '../statements/placed-messages.ts'
import { readBranches } from '../statements/siblings.ts'
import { toText } from '../statements/stored-text.ts'
import { switchBranchJob } from '../statements/switch-branch.ts'
import { viewerParameters } from '../statements/visible.ts'

export function conversationStore(access: SqlAccess): ConversationStore {
  const { report } = access
  const lists = new ConversationLists()
  return {
    async createConversation(conversation) {
      const created = await access.write(() => createConversationJob(conversation))
      if (created === undefined) throw conversationExists()
      return created
    },

    async getConversation(id, viewer) {
      const named = { id: toText(id), ...viewerParameters(viewer) }
      const row = await access.read((connection) => SELECT_VISIBLE.first(connection, named))
      return row && conversationRecord(row)
    },

    async listConversations(list) {
      const rows = await access.read((connection) => lists.read(connection, list))
      return readRows(rows, conversationRecord, report)
    },

    async updateConversation(id, changes, at, viewer) {
      return await access.write(() => updateConversationJob(id, changes, at, viewer))
    },

    async archiveConversation(archive, viewer) {
      return await access.write(() => archiveConversationJob(archive, viewer))
    },

    async titleConversation(id, title) {
      return await access.write(() => titleConversationJob(id, title))
    },

    async deleteConversation(id, at, viewer) {
      const result = await access.write(() => deleteConversationJob(id, at, viewer))
      if (result?.isLarge === true) await deleteRest(access, toText(id))
      return result?.deleted
    },

    async finishDeletions() {
      const marked = await access.read((connection) => SELECT_DELETED.all(connection, {}))
      for (const { id } of marked) await deleteRest(access, id)
    },

    async listMessages(conversationId, page = {}, viewer) {
      return await access.read((connection) =>
        readPage(connection, conversationId, page, report, viewer),
      )
    },

    async listLine(conversationId, place) {
      return await access.read((connection) =>
        readMessages(connection, conversationId, place, report),
      )
    },

    async listHistory(conversationId, place) {
      return await access.read((connection) =>
        readHistory(connection, conversationId, place, report),
      )
    },

    async getMessage(id, viewer) {
      const named = { id, ...viewerParameters(viewer) }
      const row = await access.read((connection) => SELECT_PLACED_MESSAGE.first(connection, named))
      return row && messageRecord(row)
    },

    async listBranches(messageId, viewer) {
      return await access.read((connection) => readBranches(connection, messageId, report, viewer))
    },

    async switchBranch(change, viewer) {
      const switched = await access.write(() => switchBranchJob(change, viewer))
      if ('refusal' in switched) throw switched.refusal
      return switched
    },

    async forkConversation(fork, viewer) {
      const forked = await access.write(() => forkConversationJob(fork, viewer))
      if (forked === undefined) throw conversationExists()
      if ('refusal' in forked) throw forked.refusal
      return forked
    },
  }
}

/**
 * Deletes the rows of a conversation that is marked, a slice in each transaction. It is deleted for
 * every caller by then, so a failure is no error of theirs: the next opening goes on, as it does
 * after a closing.
 */
async function deleteRest(access: SqlAccess, id: string): Promise<void> {
  try {
    while (!(await access.write(() => deletionSliceJob(id))));
  } catch (error) {
    if (access.isClosing) return
    const { code } = errorRecord(error)
    access.logger?.warn(
      { code },
      'The rows of a deleted conversation could not all be removed. No call returns them; the next opening goes on.',
    )
  }
}
