/**
 * Moves the head of a conversation to the line through a message, in one transaction.
 *
 * Knows nothing of turns but whether one runs.
 */
import { messageNotFound, turnWaiting } from '../../protocol/errors.ts'
import type { BranchSwitch, SwitchedBranch, Viewer } from '../ports/conversation-store.ts'
import { activate, branchLeftLast, SELECT_TIP } from './branches.ts'
import { conversationRecord } from './conversation-row.ts'
import { SELECT_CONVERSATION } from './conversations.ts'
import { SWITCH_HEAD } from './heads.ts'
import { SELECT_PLACED } from './placed-messages.ts'
import type { Connection } from './statement.ts'
import { ANY_VIEWER, viewerParameters } from './visible.ts'
import { SELECT_WAITING_TURN } from './waiting-calls.ts'

/** The job throws `message-not-found`, and what `assertIdle` throws. Neither fails other writes. */
export function switchBranchJob(
  { messageId, assertIdle }: BranchSwitch,
  viewer?: Viewer,
): (tx: Connection) => Promise<SwitchedBranch | { readonly refusal: unknown }> {
  return async (tx) => {
    const place = await SELECT_PLACED.first(tx, { id: messageId, ...viewerParameters(viewer) })
    const conversation =
      place && (await SELECT_CONVERSATION.first(tx, { id: place.conversation_id }))
    if (conversation === undefined || place === undefined) {
      return { refusal: messageNotFound(messageId) }
    }
    const record = conversationRecord(conversation)
    try {
      assertIdle(record.id)
    } catch (refusal) {
      return { refusal }
    }
    const { id, head_branch, head_message_id } = conversation
    const waiting = await SELECT_WAITING_TURN.first(tx, { id, ...ANY_VIEWER })
    if (waiting !== undefined) return { refusal: turnWaiting(waiting.id) }
    const from = { branch: place.branch, depth: Number(place.depth) }
    const branch = await branchLeftLast(tx, conversation, from)
    const unmoved = { conversation: record, isMoved: false }
    if (branch === head_branch) return unmoved
    const tip = await SELECT_TIP.first(tx, { conversation_id: id, branch })
    if (tip === undefined || tip.id === head_message_id) return unmoved
    const head = {
      head_message_id: tip.id,
      head_branch: branch,
      head_depth: Number(tip.depth),
    }
    await SWITCH_HEAD.run(tx, { id, ...head })
    await activate(tx, conversation, branch)
    return { conversation: conversationRecord({ ...conversation, ...head }), isMoved: true }
  }
}
