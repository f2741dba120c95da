/**
 * What an opening does with calls, and with turns that waited for an answer to them.
 *
 * A waiting turn stays as it is. One that was let go on, and of which no tool has started since, waits
 * again, with the decision that was made. One whose answers did not come in time ends like a turn that
 * was running. Knows no provider, and starts nothing.
 */
import { sql } from 'kysely'
import type { CallRecord } from '../../protocol/call.ts'
import { outcomeOfCall } from '../../protocol/call-outcome.ts'
import type { Part } from '../../protocol/message.ts'
import type { CallRow, TurnRow } from '../schema/schema.ts'
import { callRecord } from './call-row.ts'
import { SELECT_NEWEST_CALLS } from './calls.ts'
import { readable } from './checked-row.ts'
import { literal } from './compile.ts'
import { type Connection, Statement } from './statement.ts'

const NULL = sql.lit(null)
const WAITING = literal('waiting')

export const EXPIRE_ALL = new Statement<{ readonly at: number }, Pick<CallRow, 'turn_id'>>(
  (db, { at }) =>
    db
      .updateTable('call')
      .set({ state: literal('expired'), code: literal('expired'), input: NULL, ended_at: at })
      .where('state', '=', WAITING)
      .where('expires_at', '<=', at)
      .returning('turn_id'),
)

/** Of the calls of a turn, none waits any more. It is ended as if it had been running. */
export const END_WAIT = new Statement<Pick<TurnRow, 'id'>>((db, { id }) =>
  db
    .updateTable('turn')
    .set({ status: literal('streaming') })
    .where('id', '=', id)
    .where('status', '=', WAITING)
    .where((of) =>
      of.not(
        of.exists(
          of
            .selectFrom('call as k')
            .select(literal(1).as('one'))
            .whereRef('k.turn_id', '=', 'turn.id')
            .where('k.state', '=', WAITING),
        ),
      ),
    ),
)

export const WAIT_AGAIN = new Statement<Pick<TurnRow, 'id'>>((db, { id }) =>
  db.updateTable('turn').set({ status: WAITING }).where('id', '=', id),
)

export const PUT_BACK_APPROVED = new Statement<Pick<CallRow, 'turn_id'>>((db, { turn_id }) =>
  db
    .updateTable('call')
    .set({ state: WAITING })
    .where('turn_id', '=', turn_id)
    .where('state', '=', literal('pending'))
    .where('approved', '=', literal(1)),
)

export const CLOSE_STARTED = closing('started', 'unknown')
export const CLOSE_PENDING = closing('pending', 'not-run')
export const CLOSE_WAITING = closing('waiting', 'not-run')

function closing(from: 'started' | 'pending' | 'waiting', to: 'unknown' | 'not-run') {
  return new Statement<Pick<CallRow, 'turn_id' | 'ended_at'>>((db, { turn_id, ended_at }) =>
    db
      .updateTable('call')
      .set({ state: literal(to), code: literal(to), input: NULL, ended_at })
      .where('turn_id', '=', turn_id)
      .where('state', '=', literal(from)),
  )
}

/** Ends the waits whose time was up while nothing ran. */
export async function endExpired(tx: Connection, at: number): Promise<void> {
  const expired = await EXPIRE_ALL.all(tx, { at })
  for (const id of new Set(expired.map(({ turn_id }) => turn_id))) await END_WAIT.run(tx, { id })
}

/** An output that came, and a time that was up. A decision is in a column of its own. */
const ANSWERED: ReadonlySet<CallRow['state']> = new Set(['finished', 'failed', 'expired'])

/** Returns true if a turn that was running waits again for its calls. */
export async function waitsAgain(tx: Connection, id: string): Promise<boolean> {
  const calls = await SELECT_NEWEST_CALLS.all(tx, { turn_id: id })
  const hasStarted = calls.some(({ state }) => state === 'started')
  const wasAnswered = calls.some(({ approved, waits_for, state }) => {
    return approved !== null || (waits_for !== null && ANSWERED.has(state))
  })
  const isOpen = calls.some(
    ({ state, approved }) => state === 'waiting' || (state === 'pending' && approved === 1),
  )
  if (hasStarted || !wasAnswered || !isOpen) return false
  await PUT_BACK_APPROVED.run(tx, { turn_id: id })
  await WAIT_AGAIN.run(tx, { id })
  return true
}

/**
 * Ends the calls that a turn left open: those that had started may have taken effect. Returns the calls
 * of its newest step. A call that cannot be read is left out of requests.
 */
export async function closeCalls(
  tx: Connection,
  turn_id: string,
  ended_at: number,
): Promise<readonly CallRecord[]> {
  await CLOSE_STARTED.run(tx, { turn_id, ended_at })
  await CLOSE_PENDING.run(tx, { turn_id, ended_at })
  await CLOSE_WAITING.run(tx, { turn_id, ended_at })
  const rows = await SELECT_NEWEST_CALLS.all(tx, { turn_id })
  return rows.flatMap((row) => readable(() => callRecord(row)) ?? [])
}

/** The parts of a reply, with the results of those calls that have none among them. */
export function withResults(parts: readonly Part[], calls: readonly CallRecord[]): readonly Part[] {
  const answered = new Set(
    parts.flatMap((part) => (part.type === 'tool-result' ? [part.toolCallId] : [])),
  )
  return [
    ...parts,
    ...calls.flatMap((call): readonly Part[] => {
      const { toolCallId, toolName } = call
      if (answered.has(toolCallId)) return []
      const outcome = outcomeOfCall(call)
      return outcome === undefined
        ? []
        : [{ type: 'tool-result', toolCallId, toolName, ...outcome }]
    }),
  ]
}
