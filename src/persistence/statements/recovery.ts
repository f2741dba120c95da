/**
 * Recovery, once at each opening: begins a new epoch, and ends the turns of the writer before.
 *
 * It is one transaction, with two statements for each hundred turns. The replies of these turns are
 * made from their checkpoints. Knows no provider: a turn is retried only if the host asks for it.
 */
import type { ErrorRecord } from '../../protocol/errors.ts'
import { assembled } from '../../reply/growing-reply.ts'
import { type CheckpointRow, readableDeltas } from './checkpoints.ts'
import { beginEpoch } from './epoch.ts'
import { type Connection, Statement } from './statement.ts'
import { toJson } from './stored-text.ts'

/** Bounds the number of values bound in a statement, and the text in memory. */
const REPLIES_AT_ONCE = 100

const INTERRUPTED: ErrorRecord = {
  code: 'interrupted',
  message:
    'The process that ran this turn ended before the turn did. Call engine.retry() to ask for a complete reply.',
}

const NO_PARTS = '[]'

const RUNNING = "status in ('pending', 'streaming')"

const SELECT_RUNNING = new Statement<{ readonly id: string }>(
  `select id from turn where ${RUNNING} order by conversation_id, position`,
)

const DELETE_CHECKPOINTS = new Statement('delete from checkpoint')

const MOVE_HEADS = new Statement(`
  update conversation set head_message_id = (
    select m.id from message m where m.conversation_id = conversation.id
    order by m.position desc limit 1)
  where id in (select conversation_id from turn where ${RUNNING})`)

const INTERRUPT = new Statement(
  `update turn set status = 'interrupted', error = ?, ended_at = ? where ${RUNNING}`,
)

/** Begins a new epoch and ends all running turns as `interrupted`. */
export function recoveryJob(
  newId: () => string,
  at: number,
): (tx: Connection) => Promise<{ readonly epoch: number; readonly interrupted: number }> {
  return async (tx) => {
    const epoch = await beginEpoch(tx)
    const turns = await SELECT_RUNNING.all(tx)
    for (let start = 0; start < turns.length; start += REPLIES_AT_ONCE) {
      const ids = turns.slice(start, start + REPLIES_AT_ONCE).map(({ id }) => id)
      const parts = await checkpointedParts(tx, ids)
      const replies = ids.flatMap((id) => [id, newId(), parts.get(id) ?? NO_PARTS])
      await insertReplies(ids.length).run(tx, ...replies, at)
    }
    await DELETE_CHECKPOINTS.run(tx)
    if (turns.length > 0) {
      // `updated_at` stays: an interruption is no activity. A new time would change the order in
      // which conversations are listed.
      await MOVE_HEADS.run(tx)
      await INTERRUPT.run(tx, toJson(INTERRUPTED, 'error'), at)
    }
    return { epoch, interrupted: turns.length }
  }
}

/** The parts of each turn that has checkpoints, as JSON by turn id. */
async function checkpointedParts(
  tx: Connection,
  turnIds: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const rows = Map.groupBy(
    await selectCheckpoints(turnIds.length).all(tx, ...turnIds),
    (row) => row.turn_id,
  )
  return new Map([...rows].map(([id, pieces]) => [id, partsOf(pieces)]))
}

/** Never throws: a database must open even if its checkpoints were damaged or changed. */
function partsOf(pieces: readonly CheckpointRow[]): string {
  try {
    return toJson(assembled(readableDeltas(pieces)), 'reply')
  } catch {
    return NO_PARTS
  }
}

function selectCheckpoints(turns: number): Statement<CheckpointRow> {
  const ids = Array.from({ length: turns }, () => '?').join(', ')
  return new Statement(
    `select turn_id, n, parts from checkpoint where turn_id in (${ids}) order by turn_id, n`,
  )
}

// The row number matters only if a conversation has several running turns, and the conflict only if
// a running turn already has its reply. No engine leaves either behind, but a database that has
// them must open too.
function insertReplies(count: number): Statement {
  const values = Array.from({ length: count }, () => '(?, ?, ?)').join(', ')
  return new Statement(`
    with reply (turn_id, id, parts) as (values ${values})
    insert into message
      (id, conversation_id, turn_id, parent_id, position, role, parts, status, created_at)
    select reply.id, t.conversation_id, t.id, t.input_message_id,
      coalesce((select max(m.position) from message m
        where m.conversation_id = t.conversation_id), 0)
        + row_number() over (partition by t.conversation_id order by t.position),
      'assistant', reply.parts, 'interrupted', cast(? as bigint)
    from reply join turn t on t.id = reply.turn_id
    where true
    on conflict (turn_id) where role = 'assistant' do nothing`)
}
