/**
 * Recovery, once at each opening: begins a new epoch, and ends the turns of the writer before.
 *
 * It is one transaction, with two statements for each of these turns. Their replies are made from
 * their checkpoints. Knows no provider: a turn is retried only if the host asks for it.
 */
import type { ErrorRecord } from '../../protocol/errors.ts'
import { assembled } from '../../reply/growing-reply.ts'
import type { CheckpointRow, MessageRow, TurnRow } from '../schema/schema.ts'
import { readableDeltas } from './checkpoints.ts'
import { literal } from './compile.ts'
import { beginEpoch } from './epoch.ts'
import { nextMessagePosition } from './positions.ts'
import { type Connection, type NoParameters, Statement } from './statement.ts'
import { toJson } from './stored-text.ts'
import { RUNNING } from './turns.ts'

const INTERRUPTED: ErrorRecord = {
  code: 'interrupted',
  message:
    'The process that ran this turn ended before the turn did. Call engine.retry() to ask for a complete reply.',
}

const NO_PARTS = '[]'

export const SELECT_RUNNING = new Statement<NoParameters, Pick<TurnRow, 'id' | 'reply_id'>>((db) =>
  db
    .selectFrom('turn')
    .select(['id', 'reply_id'])
    .where('status', 'in', RUNNING)
    .orderBy('conversation_id')
    .orderBy('position'),
)

export const SELECT_CHECKPOINTS = new Statement<Pick<CheckpointRow, 'turn_id'>, CheckpointRow>(
  (db, { turn_id }) =>
    db.selectFrom('checkpoint').selectAll().where('turn_id', '=', turn_id).orderBy('n'),
)

// A conflict: a running turn has its reply already, or another message has the id. No engine leaves
// that behind, but a database that has it must open too.
export const INSERT_REPLY = new Statement<
  Pick<MessageRow, 'id' | 'parts' | 'created_at'> & { readonly turn_id: string }
>((db, { id, turn_id, parts, created_at }) =>
  db
    .insertInto('message')
    .columns([
      'id',
      'conversation_id',
      'turn_id',
      'parent_id',
      'position',
      'role',
      'parts',
      'status',
      'created_at',
    ])
    .expression((of) =>
      of
        .selectFrom('turn as t')
        .select([
          id.as('id'),
          't.conversation_id',
          't.id as turn_id',
          't.input_message_id',
          nextMessagePosition('t.conversation_id').as('position'),
          literal('assistant').as('role'),
          parts.as('parts'),
          literal('interrupted').as('status'),
          created_at.as('created_at'),
        ])
        .where('t.id', '=', turn_id),
    )
    .onConflict((conflict) => conflict.doNothing()),
)

export const DELETE_CHECKPOINTS = new Statement<NoParameters>((db) => db.deleteFrom('checkpoint'))

export const MOVE_HEADS = new Statement<NoParameters>((db) =>
  db
    .updateTable('conversation')
    .set((of) => ({
      head_message_id: of
        .selectFrom('message as m')
        .select('m.id')
        .whereRef('m.conversation_id', '=', 'conversation.id')
        .orderBy('m.position', 'desc')
        .limit(literal(1)),
    }))
    .where('id', 'in', (of) =>
      of.selectFrom('turn').select('conversation_id').where('status', 'in', RUNNING),
    ),
)

export const INTERRUPT = new Statement<Pick<TurnRow, 'error' | 'ended_at'>>(
  (db, { error, ended_at }) =>
    db
      .updateTable('turn')
      .set({ status: literal('interrupted'), error, ended_at })
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
    const turns = await SELECT_RUNNING.all(tx, {})
    for (const turn of turns) {
      const parts = partsOf(await SELECT_CHECKPOINTS.all(tx, { turn_id: turn.id }))
      const reply = { id: turn.reply_id ?? turn.id, turn_id: turn.id, parts, created_at: at }
      await INSERT_REPLY.run(tx, reply)
    }
    await DELETE_CHECKPOINTS.run(tx, {})
    if (turns.length > 0) {
      // `updated_at` stays: an interruption is no activity. A new time would change the order in
      // which conversations are listed.
      await MOVE_HEADS.run(tx, {})
      await INTERRUPT.run(tx, { error: toJson(INTERRUPTED, 'error'), ended_at: at })
    }
    return { epoch, interrupted: turns.length }
  }
}

/** The parts of a reply, as JSON. Never throws: a database must open even if its checkpoints were damaged or changed. */
function partsOf(pieces: readonly CheckpointRow[]): string {
  try {
    return toJson(assembled(readableDeltas(pieces)), 'reply')
  } catch {
    return NO_PARTS
  }
}
