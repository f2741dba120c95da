/**
 * Writes the beginning of a turn on an input that is stored already, in one transaction.
 *
 * The head of the conversation stays: an earlier reply counts until the new turn leaves its own.
 * Knows nothing of that reply.
 */
import { ColloquyError, messageNotFound } from '../../protocol/errors.ts'
import type { ConversationRow, MessageRow } from '../schema/schema.ts'
import type { TurnRegenerate } from '../ports/turn-store.ts'
import { type Acceptance, boundIn, insertTurn, SELECT_ACCEPTING } from './accepting.ts'
import { placeAfter } from './branches.ts'
import type { ReportBroken } from './checked-row.ts'
import { continuedTurn, writeContinued } from './continued-turn.ts'
import { assertNewest } from './epoch.ts'
import { COUNT_TURN } from './heads.ts'
import {
  type FirstRange,
  type LineRange,
  messagesOfFirstBranch,
  messagesOfLine,
  readLine,
} from './lines.ts'
import { messageRecord } from './message-row.ts'
import { type FollowedRow, SELECT_FOLLOWED } from './placed-messages.ts'
import { queueTurn } from './queue-turn.ts'
import { withWaitingCalls } from './known-calls.ts'
import { policyBehind } from './send-policy.ts'
import { type Connection, Statement } from './statement.ts'
import { toJsonOrNull, toText } from './stored-text.ts'
import { viewerParameters } from './visible.ts'

/** An input is nearly always the last message of its line, or the one before. */
const FIRST_STEP = 4
const STEP_GROWTH = 8

type RoleRow = Pick<MessageRow, 'id' | 'depth' | 'role'>

export const SELECT_FIRST_ROLES = new Statement<FirstRange, RoleRow>((db, marks) =>
  messagesOfFirstBranch(db, marks).select(['m.id', 'm.depth', 'm.role']),
)

export const SELECT_LINE_ROLES = new Statement<LineRange, RoleRow>((db, marks) =>
  messagesOfLine(db, marks).select(['m.id', 'm.depth', 'm.role']),
)

const ROLES = { inFirstBranch: SELECT_FIRST_ROLES, inAnyBranch: SELECT_LINE_ROLES }

/**
 * The job writes the turn and returns its input, or `undefined` if there is no such conversation.
 */
export function regenerateTurnJob(
  regenerate: TurnRegenerate,
  epoch: number,
  onBroken: ReportBroken,
): (tx: Connection) => Promise<Acceptance | undefined> {
  const id = toText(regenerate.conversationId)
  const metadata = toJsonOrNull(regenerate.metadata, 'metadata')
  const updated_at = regenerate.at.getTime()
  return async (tx) => {
    const conversation = await SELECT_ACCEPTING.first(tx, {
      id,
      ...viewerParameters(regenerate.viewer),
    })
    if (conversation === undefined) return undefined
    assertNewest(conversation.epoch, epoch)
    const hasQueue = conversation.has_queue !== null
    const waiting = conversation.waiting_turn
    const at = { isAtHead: false, hasQueue, waiting }
    const behind = policyBehind(regenerate.placement, conversation, at)
    if ('refusal' in behind) return await withWaitingCalls(tx, behind, waiting)
    const input = await answered(tx, conversation, regenerate.inputMessageId)
    if ('refusal' in input) return input
    const bound = boundIn(conversation, regenerate)
    if ('refusal' in bound) return bound
    const { policy } = behind
    if (policy !== undefined) {
      const columns = { conversation, policy, bound, metadata, epoch, waiting, input }
      return await queueTurn(tx, regenerate, columns, onBroken)
    }
    const place = { branch: input.branch, depth: Number(input.depth) }
    const after = { ...place, isFollowed: input.is_followed !== null }
    const { branches, ...reply } = await placeAfter(tx, conversation, after)
    const { continues } = regenerate
    const continued = continues && (await continuedTurn(tx, id, input.id, continues))
    const turns = await insertTurn(tx, regenerate, {
      conversation,
      inputId: input.id,
      reply,
      bound,
      metadata,
      epoch,
    })
    await COUNT_TURN.run(tx, { id, turns, branches, updated_at })
    const { turnId } = regenerate
    if (continued !== undefined) await writeContinued(tx, turnId, continued, updated_at)
    const accepted = { input: messageRecord(input), place }
    return { accepted: continued === undefined ? accepted : { ...accepted, continued } }
  }
}

/** @param inputId - `undefined` for the last input of the active line */
async function answered(
  tx: Connection,
  conversation: ConversationRow,
  inputId: string | undefined,
): Promise<FollowedRow | { readonly refusal: ColloquyError }> {
  const id = inputId ?? (await lastInputId(tx, conversation))
  if (id === undefined) return { refusal: nothingToRetry() }
  const row = await SELECT_FOLLOWED.first(tx, { id })
  if (row?.conversation_id !== conversation.id) return { refusal: messageNotFound(id) }
  return row.role === 'assistant' ? { refusal: answersNothing() } : row
}

async function lastInputId(
  tx: Connection,
  { id, head_branch, head_depth }: ConversationRow,
): Promise<string | undefined> {
  const end = { conversation_id: id, branch: head_branch, depth: head_depth }
  let to = head_depth
  for (let step = FIRST_STEP; to > 0; step *= STEP_GROWTH) {
    const from = Math.max(1, to - step + 1)
    const messages = await readLine(tx, ROLES, { ...end, from, to })
    const input = messages.findLast(({ role }) => role !== 'assistant')
    if (input !== undefined) return input.id
    to = from - 1
  }
  return undefined
}

function nothingToRetry(): ColloquyError {
  return new ColloquyError(
    'nothing-to-retry',
    'There is no input in this conversation to answer again. Send an input first.',
  )
}

/** For the caller too, which finds it out where it has the reply only. */
export function answersNothing(): ColloquyError {
  return new ColloquyError(
    'invalid-input',
    'regenerate: this reply answers no input: it begins the conversation, or follows another reply. Name an input, or a reply to one.',
  )
}
