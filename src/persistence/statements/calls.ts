/**
 * Reads and changes calls, and reads steps.
 *
 * Each change is conditional on the state of the call before it. Changes by a running turn are
 * conditional on the turn too: it has to run, in this epoch. Knows nothing of tools.
 */
import { sql } from 'kysely'
import type { CallRow, StepRow, TurnRow } from '../schema/schema.ts'
import type { CallEnd } from '../ports/call-write.ts'
import type { LateOutcome } from '../ports/call-write.ts'
import type { callRow, PlacedCallRow } from './call-row.ts'
import { type Db, literal, type Marks } from './compile.ts'
import { type Connection, Statement } from './statement.ts'
import { toJson, toText } from './stored-text.ts'
import { visible, type ViewerParameters } from './visible.ts'

/** The states of a call without a result. */
const UNENDED = [literal('pending'), literal('started'), literal('waiting')]
const NULL = sql.lit(null)

type NewCallRow = ReturnType<typeof callRow>

/** As many calls as one statement inserts. */
export const CALLS_AT_ONCE = 32
const inserts = new Map<number, CallInsert>()

type CallInsert = Statement<Record<string, string | number | null>>

/** One statement for any number of calls up to the most: a parameter for each column of each. */
function insertCalls(count: number): CallInsert {
  let statement = inserts.get(count)
  if (statement === undefined) {
    statement = new Statement<Record<string, string | number | null>>((db, marks) =>
      db
        .insertInto('call')
        .values(Array.from({ length: count }, (_, at) => callValues(marks, at)))
        .onConflict((conflict) => conflict.doNothing()),
    )
    inserts.set(count, statement)
  }
  return statement
}

function callValues(marks: Marks<Record<string, string | number | null>>, at: number) {
  const mark = <Column extends keyof NewCallRow>(column: Column) =>
    marks[`${column}_${at}`] as never as Marks<NewCallRow>[Column]
  return {
    id: mark('id'),
    turn_id: mark('turn_id'),
    step: mark('step'),
    n: mark('n'),
    tool_call_id: mark('tool_call_id'),
    tool_name: mark('tool_name'),
    idempotency_key: mark('idempotency_key'),
    state: mark('state'),
    attempt: mark('attempt'),
    code: mark('code'),
    started_at: mark('started_at'),
    ended_at: mark('ended_at'),
    waits_for: mark('waits_for'),
    input: mark('input'),
    expires_at: mark('expires_at'),
  }
}

export const INSERT_CALL = insertCalls(1)

export async function writeCalls(tx: Connection, rows: readonly NewCallRow[]): Promise<void> {
  for (let from = 0; from < rows.length; from += CALLS_AT_ONCE) {
    const some = rows.slice(from, from + CALLS_AT_ONCE)
    const named = some.flatMap((row, at) =>
      Object.entries(row).map(([column, value]) => [`${column}_${at}`, value] as const),
    )
    await insertCalls(some.length).run(tx, Object.fromEntries(named))
  }
}

export type OfTurn = Pick<TurnRow, 'epoch'>

/** The turn of a call runs, and is of this epoch. */
export function ofRunningTurn(db: Db, { epoch }: Marks<OfTurn>) {
  return db
    .selectFrom('turn as t')
    .select(literal(1).as('one'))
    .whereRef('t.id', '=', sql.ref('call.turn_id'))
    .where('t.epoch', '=', epoch)
    .where('t.status', '=', literal('streaming'))
}

export const START_CALL = new Statement<Pick<CallRow, 'id' | 'started_at'> & OfTurn>((db, marks) =>
  db
    .updateTable('call')
    .set({ state: literal('started'), started_at: marks.started_at, input: NULL })
    .where('id', '=', marks.id)
    .where('state', '=', literal('pending'))
    .where((of) => of.exists(ofRunningTurn(db, marks))),
)

export const SETTLE_CALL = new Statement<
  Pick<CallRow, 'id' | 'state' | 'code' | 'ended_at'> & OfTurn
>((db, marks) =>
  db
    .updateTable('call')
    .set({ state: marks.state, code: marks.code, ended_at: marks.ended_at, input: NULL })
    .where('id', '=', marks.id)
    .where('state', 'in', UNENDED)
    .where((of) => of.exists(ofRunningTurn(db, marks))),
)

/**
 * Of a turn that the same transaction has ended. An answer that came in the same moment does not count:
 * the reply is sealed, and has another result.
 */
export const END_CALL = new Statement<Pick<CallRow, 'id' | 'state' | 'code' | 'ended_at'>>(
  (db, marks) =>
    db
      .updateTable('call')
      .set({ state: marks.state, code: marks.code, ended_at: marks.ended_at, input: NULL })
      .where('id', '=', marks.id),
)

export const NOTE_LATE = new Statement<Pick<CallRow, 'id' | 'late_output' | 'late_error'>>(
  (db, marks) =>
    db
      .updateTable('call')
      .set({ late_output: marks.late_output, late_error: marks.late_error })
      .where('id', '=', marks.id)
      .where('late_output', 'is', null)
      .where('late_error', 'is', null)
      .where('state', 'in', [literal('stopped'), literal('failed')]),
)

export type ById = Pick<CallRow, 'id'> & ViewerParameters

/** The outcome is kept beside the reply, which stays as it was sent. */
export const SUPPLY_CALL = new Statement<
  ById & Pick<CallRow, 'state' | 'late_output' | 'late_error' | 'ended_at'>
>((db, marks) =>
  db
    .updateTable('call')
    .set({
      state: marks.state,
      code: sql.lit(null),
      late_output: marks.late_output,
      late_error: marks.late_error,
      ended_at: marks.ended_at,
    })
    .where('id', '=', marks.id)
    .where('state', '=', literal('unknown'))
    .where((of) =>
      of.exists(
        db
          .selectFrom('turn as t')
          .innerJoin('conversation as c', 'c.id', 't.conversation_id')
          .select(literal(1).as('one'))
          .whereRef('t.id', '=', sql.ref('call.turn_id'))
          .where(() => visible(marks, 'c')),
      ),
    ),
)

/** A call, with the status of its turn. */
export interface FoundCallRow extends PlacedCallRow {
  readonly turn_status: TurnRow['status']
}

export const SELECT_CALL = new Statement<ById, FoundCallRow>((db, marks) =>
  db
    .selectFrom('call as k')
    .crossJoin('turn as t')
    .crossJoin('conversation as c')
    .selectAll('k')
    .select(['t.conversation_id', 't.status as turn_status'])
    .where('k.id', '=', marks.id)
    .whereRef('t.id', '=', 'k.turn_id')
    .whereRef('c.id', '=', 't.conversation_id')
    .where(() => visible(marks, 'c')),
)

/** The calls of the newest step that brought any, in their order. */
export const SELECT_NEWEST_CALLS = new Statement<Pick<CallRow, 'turn_id'>, PlacedCallRow>(
  (db, { turn_id }) =>
    db
      .selectFrom('call as k')
      .crossJoin('turn as t')
      .selectAll('k')
      .select('t.conversation_id')
      .where('k.turn_id', '=', turn_id)
      .where('k.step', '=', (of) =>
        of
          .selectFrom('call as newest')
          .select((the) => the.fn.max<number>('newest.step').as('step'))
          .where('newest.turn_id', '=', turn_id),
      )
      .whereRef('t.id', '=', 'k.turn_id')
      .orderBy('k.n'),
)

type ByTurn = Pick<CallRow, 'turn_id'> & ViewerParameters

export const SELECT_CALLS = new Statement<ByTurn, PlacedCallRow>((db, marks) =>
  db
    .selectFrom('turn as t')
    .crossJoin('conversation as c')
    .crossJoin('call as k')
    .selectAll('k')
    .select('t.conversation_id')
    .where('t.id', '=', marks.turn_id)
    .whereRef('c.id', '=', 't.conversation_id')
    .where(() => visible(marks, 'c'))
    .whereRef('k.turn_id', '=', 't.id')
    .orderBy('k.step')
    .orderBy('k.n'),
)

export const SELECT_STEPS = new Statement<ByTurn, StepRow>((db, marks) =>
  db
    .selectFrom('turn as t')
    .crossJoin('conversation as c')
    .crossJoin('step as s')
    .selectAll('s')
    .where('t.id', '=', marks.turn_id)
    .whereRef('c.id', '=', 't.conversation_id')
    .where(() => visible(marks, 'c'))
    .whereRef('s.turn_id', '=', 't.id')
    .orderBy('s.n'),
)

/** The columns of calls that have ended. */
export function endColumns(calls: readonly CallEnd[], ended_at: number) {
  return calls.map(({ callId: id, state, code = null }) => ({ id, state, code, ended_at }))
}

export function lateColumns(outcome: LateOutcome): Pick<CallRow, 'late_output' | 'late_error'> {
  return 'output' in outcome
    ? { late_output: toJson(outcome.output, 'output'), late_error: null }
    : { late_output: null, late_error: toText(outcome.error) }
}
