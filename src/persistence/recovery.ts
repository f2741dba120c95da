/**
 * What happens once at each opening: a new epoch, and an end for the turns of the writer before.
 *
 * One transaction, and a number of statements that does not depend on the number of turns but for
 * their new ids. Nothing is sent to a provider: a turn is asked again only if the host says so.
 */
import type { ErrorRecord } from '../errors.ts'
import { type Connection, Statement } from './statement.ts'
import { toJson } from './stored-text.ts'

/** Where the epoch is kept. Not one of the engine's settings. */
export const EPOCH_SETTING = 'epoch'

/** Two values each: well under what either database binds in one statement. */
const REPLIES_AT_ONCE = 500

export const INTERRUPTED: ErrorRecord = {
  code: 'interrupted',
  message:
    'The process that ran this turn ended before it did. Send the input again to get a whole reply.',
}

const RUNNING = "status in ('pending', 'streaming')"

const NEXT_EPOCH = new Statement<{ readonly value: string }>(`
  insert into setting (name, value) values (?, '1')
  on conflict (name) do update set value = cast(cast(setting.value as integer) + 1 as text)
  returning value`)

const SELECT_RUNNING = new Statement<{ readonly id: string }>(
  `select id from turn where ${RUNNING} order by conversation_id, position`,
)

const MOVE_HEADS = new Statement(`
  update conversation set head_message_id = (
    select m.id from message m where m.conversation_id = conversation.id
    order by m.position desc limit 1)
  where id in (select conversation_id from turn where ${RUNNING})`)

const INTERRUPT = new Statement(
  `update turn set status = 'interrupted', error = ?, ended_at = ? where ${RUNNING}`,
)

/** Begins a new epoch and ends what the one before left running. */
export function recoveryJob(
  newId: () => string,
  at: number,
): (tx: Connection) => Promise<{ readonly epoch: number; readonly interrupted: number }> {
  return async (tx) => {
    const epoch = Number((await NEXT_EPOCH.one(tx, EPOCH_SETTING)).value)
    const turns = await SELECT_RUNNING.all(tx)
    for (let start = 0; start < turns.length; start += REPLIES_AT_ONCE) {
      const chunk = turns.slice(start, start + REPLIES_AT_ONCE)
      const ids = chunk.flatMap(({ id }) => [id, newId()])
      await insertReplies(chunk.length).run(tx, ...ids, at)
    }
    if (turns.length > 0) {
      // The times of activity stay: an interruption is none, and would undo the order of the list.
      await MOVE_HEADS.run(tx)
      await INTERRUPT.run(tx, toJson(INTERRUPTED, 'error'), at)
    }
    return { epoch, interrupted: turns.length }
  }
}

// The row number matters only where one conversation has several running turns, which no engine
// leaves behind; but a database that has them must open all the same.
function insertReplies(count: number): Statement {
  const values = Array.from({ length: count }, () => '(?, ?)').join(', ')
  return new Statement(`
    with reply (turn_id, id) as (values ${values})
    insert into message
      (id, conversation_id, turn_id, parent_id, position, role, parts, status, created_at)
    select reply.id, t.conversation_id, t.id, t.input_message_id,
      coalesce((select max(m.position) from message m
        where m.conversation_id = t.conversation_id), 0)
        + row_number() over (partition by t.conversation_id order by t.position),
      'assistant', '[]', 'interrupted', cast(? as bigint)
    from reply join turn t on t.id = reply.turn_id`)
}
