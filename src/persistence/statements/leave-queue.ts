/**
 * Ends a queued turn before its start, or takes one of its inputs out of it. Each is one transaction
 * that changes nothing unless the turn is still queued.
 *
 * A withdrawn input keeps its row, without a place: a repeat of its key is compared with it.
 */
import { sql } from 'kysely'
import type { Message } from '../../protocol/message.ts'
import type { QueuedEnd, QueuedInput, WithdrawnTurn } from '../ports/queue-store.ts'
import type { MessageRow, TurnRow } from '../schema/schema.ts'
import { literal } from './compile.ts'
import { TOUCH } from './heads.ts'
import { messageRecord } from './message-row.ts'
import { QUEUED, readInputs } from './queue.ts'
import { SET_LAST_INPUT } from './queue-turn.ts'
import { type Connection, Statement } from './statement.ts'
import { toJsonOrNull } from './stored-text.ts'
import { turnRecord } from './turn-row.ts'
import { SELECT_TURN } from './turns.ts'

const NULL = sql<null>`null`

export const END_QUEUED_TURN = new Statement<
  Pick<TurnRow, 'id' | 'epoch' | 'error' | 'ended_at' | 'content_seq' | 'last_seq'>,
  TurnRow
>((db, row) =>
  db
    .updateTable('turn')
    .set({
      status: literal('cancelled'),
      epoch: row.epoch,
      error: row.error,
      ended_at: row.ended_at,
      content_seq: row.content_seq,
      last_seq: row.last_seq,
      queue_place: NULL,
      options: NULL,
      sealed_options: NULL,
    })
    .where('id', '=', row.id)
    .where('status', '=', QUEUED)
    .returningAll(),
)

/** Puts an input of a queued turn behind another one, or before all. */
export const CHAIN_INPUT = new Statement<Pick<MessageRow, 'id' | 'parent_id'>>(
  (db, { id, parent_id }) =>
    db.updateTable('message').set({ parent_id }).where('id', '=', id).where('depth', 'is', null),
)

/** The job returns `undefined` if there is no such queued turn. */
export function endQueuedJob(
  end: QueuedEnd,
  epoch: number,
): (tx: Connection) => Promise<WithdrawnTurn | undefined> {
  const at = end.at.getTime()
  const columns = {
    id: end.turnId,
    epoch,
    error: toJsonOrNull(end.error, 'error'),
    ended_at: at,
    content_seq: end.lastSeqs.content,
    last_seq: end.lastSeqs.terminal,
  }
  return async (tx) => {
    const row = await END_QUEUED_TURN.first(tx, columns)
    if (row === undefined) return undefined
    await TOUCH.run(tx, { id: row.conversation_id, updated_at: at })
    // A message that is answered again has its place, and keeps it.
    const inputs = (await readInputs(tx, row)).filter(({ depth }) => depth === null)
    return { turn: turnRecord(row), messages: inputs.map(messageRecord) }
  }
}

/** The job returns the inputs that stay, or `undefined` if it changed nothing. */
export function withdrawInputJob({
  turnId,
  messageId,
  at,
}: QueuedInput): (tx: Connection) => Promise<readonly Message[] | undefined> {
  return async (tx) => {
    const turn = await SELECT_TURN.first(tx, { id: turnId })
    if (turn?.status !== 'queued') return undefined
    const inputs = await readInputs(tx, turn)
    const index = inputs.findIndex(({ id }) => id === messageId)
    if (index < 0 || inputs.length < 2) return undefined
    const [before, after] = [inputs[index - 1], inputs[index + 1]]
    const beforeId = before?.id ?? null
    if (after !== undefined) await CHAIN_INPUT.run(tx, { id: after.id, parent_id: beforeId })
    else if (before !== undefined) {
      await SET_LAST_INPUT.run(tx, { id: turnId, input_message_id: before.id })
    }
    await CHAIN_INPUT.run(tx, { id: messageId, parent_id: null })
    await TOUCH.run(tx, { id: turn.conversation_id, updated_at: at.getTime() })
    return (await readInputs(tx, await SELECT_TURN.one(tx, { id: turnId }))).map(messageRecord)
  }
}
