/**
 * Recovery, once at each opening: begins a new epoch, and ends the turns of the writer before.
 *
 * It is one transaction, with five statements for each of these turns, and more if it ran tools. Their
 * replies are made from their checkpoints. Turns that wait for an answer stay as they are, without work
 * for each: `waiting-recovery.ts` has the exceptions. Knows no provider: a turn is retried only if the
 * host asks for it.
 */
import { sql } from 'kysely'
import type { CallRecord } from '../../protocol/call.ts'
import type { ErrorRecord } from '../../protocol/errors.ts'
import { type Part, saysSomething } from '../../protocol/message.ts'
import { assembled } from '../../reply/growing-reply.ts'
import type { CheckpointRow, ConversationRow, MessageRow, TurnRow } from '../schema/schema.ts'
import { activate, placeAfter } from './branches.ts'
import { readableDeltas, SELECT_CHECKPOINTS } from './checkpoints.ts'
import { literal } from './compile.ts'
import { beginEpoch } from './epoch.ts'
import { type Connection, type NoParameters, Statement } from './statement.ts'
import { toJson } from './stored-text.ts'
import { DELETE_CHECKPOINTS } from './end-turn.ts'
import { RUNNING } from './turns.ts'
import { closeCalls, endExpired, waitsAgain, withResults } from './waiting-recovery.ts'

const INTERRUPTED: ErrorRecord = {
  code: 'interrupted',
  message:
    'The process that ran this turn ended before the turn did. Call engine.retry() to ask for a complete reply.',
}

export const SELECT_RUNNING = new Statement<NoParameters, Pick<TurnRow, 'id' | 'options'>>((db) =>
  db
    .selectFrom('turn')
    .select(['id', 'options'])
    .where('status', 'in', RUNNING)
    .orderBy('conversation_id')
    .orderBy('position'),
)

/** A turn that was left running, with its conversation. */
type RunningRow = Pick<
  TurnRow,
  | 'id'
  | 'reply_id'
  | 'conversation_id'
  | 'input_message_id'
  | 'reply_branch'
  | 'reply_depth'
  | 'steps'
> &
  Pick<ConversationRow, 'head_message_id' | 'head_branch' | 'branches'> & {
    readonly reply_position: number
    /** 1 if a message is at the place of the reply, or if there is a reply; null otherwise. */
    readonly is_taken: number | null
    readonly has_reply: number | null
  }

export const SELECT_RECOVERING = new Statement<Pick<TurnRow, 'id'>, RunningRow>((db, { id }) =>
  db
    .selectFrom('turn as t')
    .innerJoin('conversation as c', 'c.id', 't.conversation_id')
    .select((of) => [
      't.id',
      't.reply_id',
      't.conversation_id',
      't.input_message_id',
      't.reply_branch',
      't.reply_depth',
      't.steps',
      'c.head_message_id',
      'c.head_branch',
      'c.branches',
      sql<number>`${sql.ref('c.messages')} + 1`.as('reply_position'),
      of
        .selectFrom('message as m')
        .select(literal(1).as('one'))
        .whereRef('m.conversation_id', '=', 't.conversation_id')
        .whereRef('m.branch', '=', 't.reply_branch')
        .whereRef('m.depth', '=', 't.reply_depth')
        .$asScalar()
        .as('is_taken'),
      of
        .selectFrom('message as r')
        .select(literal(1).as('one'))
        .whereRef('r.turn_id', '=', 't.id')
        .where('r.role', '=', literal('assistant'))
        .$asScalar()
        .as('has_reply'),
    ])
    .where('t.id', '=', id),
)

// A conflict: another message has the id. No engine leaves that behind, but a database that has it
// must open too.
export const INSERT_REPLY = new Statement<
  Pick<
    MessageRow,
    | 'id'
    | 'conversation_id'
    | 'turn_id'
    | 'parent_id'
    | 'position'
    | 'branch'
    | 'depth'
    | 'parts'
    | 'created_at'
  >
>((db, row) =>
  db
    .insertInto('message')
    .values({
      id: row.id,
      conversation_id: row.conversation_id,
      turn_id: row.turn_id,
      parent_id: row.parent_id,
      position: row.position,
      branch: row.branch,
      depth: row.depth,
      role: literal('assistant'),
      parts: row.parts,
      status: literal('interrupted'),
      created_at: row.created_at,
    })
    .onConflict((conflict) => conflict.doNothing()),
)

// An interruption is no activity: with a new `updated_at`, conversations would be listed in another
// order.
export const MOVE_HEAD = new Statement<
  Pick<
    ConversationRow,
    'id' | 'head_message_id' | 'head_branch' | 'head_depth' | 'messages' | 'branches'
  >
>((db, row) =>
  db
    .updateTable('conversation')
    .set({
      head_message_id: row.head_message_id,
      head_branch: row.head_branch,
      head_depth: row.head_depth,
      messages: row.messages,
      branches: row.branches,
    })
    .where('id', '=', row.id),
)

export const COUNT_MESSAGE = new Statement<Pick<ConversationRow, 'id' | 'messages' | 'branches'>>(
  (db, { id, messages, branches }) =>
    db.updateTable('conversation').set({ messages, branches }).where('id', '=', id),
)

export const INTERRUPT = new Statement<Pick<TurnRow, 'error' | 'ended_at'>>(
  (db, { error, ended_at }) =>
    db
      .updateTable('turn')
      .set({
        status: literal('interrupted'),
        error,
        ended_at,
        options: sql.lit(null),
        sealed_options: sql.lit(null),
        content_seq: sql.lit(null),
        last_seq: sql.lit(null),
      })
      .where('status', 'in', RUNNING),
)

/**
 * Begins a new epoch and ends all running turns as `interrupted`. Each reply gets the id that its
 * turn was accepted with: a subscriber of before the crash knows it.
 */
export function recoveryJob(
  at: number,
): (tx: Connection) => Promise<{ readonly epoch: number; readonly interrupted: number }> {
  return async (tx) => {
    const epoch = await beginEpoch(tx)
    await endExpired(tx, at)
    let interrupted = 0
    for (const { id, options } of await SELECT_RUNNING.all(tx, {})) {
      // Only a turn that has waited before has options here.
      if (options !== null && (await waitsAgain(tx, id))) continue
      await saveReply(tx, id, at)
      await DELETE_CHECKPOINTS.run(tx, { turn_id: id })
      interrupted += 1
    }
    if (interrupted > 0) {
      await INTERRUPT.run(tx, { error: toJson(INTERRUPTED, 'error'), ended_at: at })
    }
    return { epoch, interrupted }
  }
}

/** Saves the reply of a turn, and moves the head to it as the end of a turn does. */
async function saveReply(tx: Connection, turnId: string, created_at: number): Promise<void> {
  const turn = await SELECT_RECOVERING.first(tx, { id: turnId })
  if (turn === undefined || turn.has_reply !== null) return
  const calls = turn.steps === null ? [] : await closeCalls(tx, turnId, created_at)
  const pieces = await SELECT_CHECKPOINTS.all(tx, { turn_id: turnId })
  const { parts, column } = partsOf(pieces, calls)
  const { conversation_id, reply_position: messages } = turn
  const id = turn.reply_id ?? turnId
  const { branches, ...place } = await placeOf(tx, turn)
  const inserted = await INSERT_REPLY.run(tx, {
    id,
    conversation_id,
    turn_id: turnId,
    parent_id: turn.input_message_id,
    position: messages,
    ...place,
    parts: column,
    created_at,
  })
  const isFirst = turn.head_message_id === turn.input_message_id
  const isActive = inserted > 0 && (isFirst || saysSomething({ parts }))
  if (!isActive || place.depth === null) {
    await COUNT_MESSAGE.run(tx, { id: conversation_id, messages, branches })
    return
  }
  const { branch: head_branch, depth: head_depth } = place
  const head = { head_message_id: id, head_branch, head_depth }
  await MOVE_HEAD.run(tx, { id: conversation_id, ...head, messages, branches })
  await activate(tx, { id: conversation_id, head_branch: turn.head_branch }, head_branch)
}

/** No engine leaves the place of a reply taken or unknown, but a database that has it must open too. */
async function placeOf(
  tx: Connection,
  { conversation_id: id, branches, reply_branch, reply_depth, is_taken }: RunningRow,
): Promise<Pick<MessageRow, 'branch' | 'depth'> & { readonly branches: number }> {
  if (reply_branch === null || reply_depth === null) return { branch: 0, depth: null, branches }
  const before = { branch: reply_branch, depth: reply_depth - 1 }
  return await placeAfter(tx, { id, branches }, { ...before, isFollowed: is_taken !== null })
}

/** The parts of a reply, also as JSON. Never throws: a database must open even if its checkpoints were damaged or changed. */
function partsOf(
  pieces: readonly CheckpointRow[],
  calls: readonly CallRecord[],
): {
  readonly parts: readonly Part[]
  readonly column: string
} {
  try {
    const parts = withResults(assembled(readableDeltas(pieces)), calls)
    return { parts, column: toJson(parts, 'reply') }
  } catch {
    return { parts: [], column: '[]' }
  }
}
