/**
 * Answers to waiting calls, and the lists of them.
 *
 * Each answer is one conditional update: the call waits for it, nobody has answered, and its time is not
 * up. Knows nothing of tools, and of what a turn does next.
 */
import { sql } from 'kysely'
import type { CallRow, ConversationRow, TurnRow } from '../schema/schema.ts'
import type { CallAnswer } from '../ports/wait-store.ts'
import type { PlacedCallRow } from './call-row.ts'
import { lateColumns, type OfTurn, ofRunningTurn } from './calls.ts'
import { type Db, literal, type Marks } from './compile.ts'
import { type Connection, type NoParameters, Statement } from './statement.ts'
import { toJson, toTextOrNull } from './stored-text.ts'
import { RUNNING } from './turns.ts'
import { visible, type ViewerParameters } from './visible.ts'

const NULL = sql.lit(null)
const WAITING = literal('waiting')

type Answered = Pick<CallRow, 'id'> & { readonly at: number } & ViewerParameters

type Decided = Answered &
  Pick<
    CallRow,
    | 'state'
    | 'code'
    | 'approved'
    | 'decided_by'
    | 'reason'
    | 'given_input'
    | 'waits_for'
    | 'expires_at'
    | 'ended_at'
  >

/** The turn of the call, if the viewer sees it. */
function answerable(db: Db, marks: Marks<Answered>) {
  return db
    .selectFrom('turn as t')
    .innerJoin('conversation as c', 'c.id', 't.conversation_id')
    .select(literal(1).as('one'))
    .whereRef('t.id', '=', sql.ref('call.turn_id'))
    .where(() => visible(marks, 'c'))
}

const isInTime = (marks: Marks<Answered>) =>
  sql<boolean>`(expires_at is null or expires_at > ${marks.at})`

function decide(db: Db, marks: Marks<Decided>) {
  return db
    .updateTable('call')
    .set({
      state: marks.state,
      code: marks.code,
      approved: marks.approved,
      decided_by: marks.decided_by,
      reason: marks.reason,
      given_input: marks.given_input,
      waits_for: marks.waits_for,
      // Only what may run keeps its arguments.
      input: sql<string | null>`case when ${marks.approved} = 1 then input else null end`,
      expires_at: marks.expires_at,
      ended_at: marks.ended_at,
    })
    .where('id', '=', marks.id)
    .where('state', '=', WAITING)
    .where('waits_for', '=', literal('decision'))
    .where('approved', 'is', null)
    .where(() => isInTime(marks))
}

type Supplied = Answered & Pick<CallRow, 'state' | 'code' | 'late_output' | 'late_error'>

function supply(db: Db, marks: Marks<Supplied>) {
  return db
    .updateTable('call')
    .set({
      state: marks.state,
      code: marks.code,
      late_output: marks.late_output,
      late_error: marks.late_error,
      input: NULL,
      expires_at: NULL,
      ended_at: marks.at,
    })
    .where('id', '=', marks.id)
    .where('state', '=', WAITING)
    .where('waits_for', '=', literal('output'))
    .where(() => isInTime(marks))
}

type Expired = Pick<CallRow, 'id'> & { readonly at: number }

function expire(db: Db, marks: Marks<Expired>) {
  return db
    .updateTable('call')
    .set({
      state: literal('expired'),
      code: literal('expired'),
      input: NULL,
      ended_at: marks.at,
    })
    .where('id', '=', marks.id)
    .where('state', '=', WAITING)
    .where('expires_at', '<=', marks.at)
}

function ofWaitingTurn(db: Db) {
  return db
    .selectFrom('turn as t')
    .select(literal(1).as('one'))
    .whereRef('t.id', '=', sql.ref('call.turn_id'))
    .where('t.status', '=', WAITING)
}

/** Of a turn that waits. */
export const DECIDE_WAITING = new Statement<Decided>((db, marks) =>
  decide(db, marks).where((of) => of.exists(answerable(db, marks).where('t.status', '=', WAITING))),
)
export const SUPPLY_WAITING = new Statement<Supplied>((db, marks) =>
  supply(db, marks).where((of) => of.exists(answerable(db, marks).where('t.status', '=', WAITING))),
)
export const EXPIRE_WAITING = new Statement<Expired>((db, marks) =>
  expire(db, marks).where((of) => of.exists(ofWaitingTurn(db))),
)

/** Of a turn that runs in this epoch. */
export const DECIDE_RUNNING = new Statement<Decided & OfTurn>((db, marks) =>
  decide(db, marks).where((of) =>
    of.exists(
      answerable(db, marks)
        .where('t.status', '=', literal('streaming'))
        .where('t.epoch', '=', marks.epoch),
    ),
  ),
)
export const SUPPLY_RUNNING = new Statement<Supplied & OfTurn>((db, marks) =>
  supply(db, marks).where((of) =>
    of.exists(
      answerable(db, marks)
        .where('t.status', '=', literal('streaming'))
        .where('t.epoch', '=', marks.epoch),
    ),
  ),
)
export const EXPIRE_RUNNING = new Statement<Expired & OfTurn>((db, marks) =>
  expire(db, marks).where((of) => of.exists(ofRunningTurn(db, marks))),
)

/** A further input ends the turn, which runs in this epoch. */
export const DENY_RUNNING = new Statement<
  Pick<CallRow, 'id' | 'reason'> & { readonly at: number } & OfTurn
>((db, marks) =>
  db
    .updateTable('call')
    .set({
      state: literal('denied'),
      code: literal('denied'),
      reason: marks.reason,
      input: NULL,
      ended_at: marks.at,
    })
    .where('id', '=', marks.id)
    .where('state', '=', WAITING)
    .where((of) => of.exists(ofRunningTurn(db, marks))),
)

/** What an opening has put back to wait, with its decision, is approved already. */
export const RELEASE_APPROVED = new Statement<Pick<CallRow, 'turn_id'>>((db, { turn_id }) =>
  db
    .updateTable('call')
    .set({ state: literal('pending') })
    .where('turn_id', '=', turn_id)
    .where('state', '=', WAITING)
    .where('waits_for', '=', literal('decision'))
    .where('approved', '=', literal(1)),
)

export const SELECT_NEXT_EXPIRY = new Statement<
  NoParameters,
  { readonly expires_at: number | null }
>((db) =>
  db
    .selectFrom('call')
    .select((of) => of.fn.min<number | null>('expires_at').as('expires_at'))
    .where('state', '=', WAITING)
    .where('expires_at', 'is not', null),
)

export const SELECT_EXPIRED = new Statement<
  { readonly at: number; readonly limit: number },
  Pick<CallRow, 'id' | 'turn_id'>
>((db, { at, limit }) =>
  db
    .selectFrom('call')
    .select(['id', 'turn_id'])
    .where('state', '=', WAITING)
    .where('expires_at', '<=', at)
    .orderBy('expires_at')
    .limit(limit),
)

type Listed = { readonly limit: number } & ViewerParameters

/**
 * Of the conversations of one owner: by the owner's conversations that wait, and by all turns that run.
 * It is sorted, since it costs what that owner has, and not what everybody has.
 */
export const SELECT_WAITING_OF_OWNER = new Statement<Listed, PlacedCallRow>((db, marks) =>
  db
    .selectFrom('conversation as c')
    .crossJoin('turn as t')
    .crossJoin('call as k')
    .selectAll('k')
    .select('t.conversation_id')
    .where('c.owner_id', '=', sql<string>`${marks.viewer}`)
    .where('c.deleted_at', 'is', null)
    .whereRef('t.conversation_id', '=', 'c.id')
    .where('t.status', '=', WAITING)
    .whereRef('k.turn_id', '=', 't.id')
    .where('k.state', '=', WAITING)
    .unionAll(
      db
        .selectFrom('turn as t')
        .crossJoin('conversation as c')
        .crossJoin('call as k')
        .selectAll('k')
        .select('t.conversation_id')
        .where('t.status', 'in', RUNNING)
        .whereRef('c.id', '=', 't.conversation_id')
        .where(() => visible(marks, 'c'))
        .whereRef('k.turn_id', '=', 't.id')
        .where('k.state', '=', WAITING),
    )
    .orderBy('id')
    .limit(marks.limit),
)

/** Of all conversations that the viewer sees. */
export const SELECT_ALL_WAITING = new Statement<Listed, PlacedCallRow>((db, marks) =>
  db
    .selectFrom('call as k')
    .crossJoin('turn as t')
    .crossJoin('conversation as c')
    .selectAll('k')
    .select('t.conversation_id')
    .where('k.state', '=', WAITING)
    // By its index, in the order of the ids, which is that of time.
    .where('k.id', '>=', literal(''))
    .whereRef('t.id', '=', 'k.turn_id')
    .whereRef('c.id', '=', 't.conversation_id')
    .where(() => visible(marks, 'c'))
    .orderBy('k.id')
    .limit(marks.limit),
)

/** Of the one turn of a conversation that waits, or of the one that runs: there are never both. */
export const SELECT_WAITING_IN = new Statement<
  Listed & Pick<TurnRow, 'conversation_id'>,
  PlacedCallRow
>((db, marks) =>
  db
    .selectFrom('conversation as c')
    .crossJoin('turn as t')
    .crossJoin('call as k')
    .selectAll('k')
    .select('t.conversation_id')
    .where('c.id', '=', marks.conversation_id)
    .where(() => visible(marks, 'c'))
    .where('t.id', '=', (of) =>
      of.fn.coalesce(
        of
          .selectFrom('turn as w')
          .select('w.id')
          .where('w.conversation_id', '=', marks.conversation_id)
          .where('w.status', '=', WAITING),
        of
          .selectFrom('turn as r')
          .select('r.id')
          .where('r.status', 'in', RUNNING)
          // Of the few that run, and not of all turns of the conversation.
          .where(sql<string>`(${sql.ref('r.conversation_id')} || '')`, '=', marks.conversation_id)
          .limit(literal(1)),
      ),
    )
    .whereRef('k.turn_id', '=', 't.id')
    .where('k.state', '=', WAITING)
    .orderBy('k.step')
    .orderBy('k.n')
    .limit(marks.limit),
)

export const SELECT_WAITING_TURN = new Statement<
  Pick<ConversationRow, 'id'> & ViewerParameters,
  Pick<TurnRow, 'id'>
>((db, marks) =>
  db
    .selectFrom('conversation as c')
    .crossJoin('turn as t')
    .select('t.id')
    .where('c.id', '=', marks.id)
    .where(() => visible(marks, 'c'))
    .whereRef('t.conversation_id', '=', 'c.id')
    .where('t.status', '=', WAITING),
)

/** Writes an answer. Returns true if it was taken. */
export async function writeAnswer(
  tx: Connection,
  answer: CallAnswer,
  {
    at,
    viewer,
    epoch,
  }: {
    readonly at: number
    readonly viewer: ViewerParameters
    /** That of the running turn; absent if the turn waits. */
    readonly epoch?: number | undefined
  },
): Promise<boolean> {
  const named = { id: answer.callId, at }
  if (answer.kind === 'steering') {
    const reason = toTextOrNull(answer.reason)
    return epoch !== undefined && (await DENY_RUNNING.run(tx, { ...named, reason, epoch })) > 0
  }
  if (answer.kind === 'expiry') {
    const count =
      epoch === undefined
        ? await EXPIRE_WAITING.run(tx, named)
        : await EXPIRE_RUNNING.run(tx, { ...named, epoch })
    return count > 0
  }
  if (answer.kind === 'output') {
    const isError = !('output' in answer.outcome)
    const columns = {
      ...named,
      ...viewer,
      ...lateColumns(answer.outcome),
      state: isError ? ('failed' as const) : ('finished' as const),
      code: isError ? ('failed' as const) : null,
    }
    const count =
      epoch === undefined
        ? await SUPPLY_WAITING.run(tx, columns)
        : await SUPPLY_RUNNING.run(tx, { ...columns, epoch })
    return count > 0
  }
  const columns = { ...named, ...viewer, ...decisionColumns(answer, at) }
  const count =
    epoch === undefined
      ? await DECIDE_WAITING.run(tx, columns)
      : await DECIDE_RUNNING.run(tx, { ...columns, epoch })
  return count > 0
}

function decisionColumns(
  { approved, by, reason, givenInput, output }: Extract<CallAnswer, { kind: 'decision' }>,
  at: number,
) {
  const isDenied = !approved
  const state = isDenied ? 'denied' : output === undefined ? 'pending' : 'waiting'
  return {
    state,
    code: isDenied ? 'denied' : null,
    approved: isDenied ? 0 : 1,
    decided_by: toTextOrNull(by),
    reason: toTextOrNull(reason),
    given_input: givenInput === undefined ? null : toJson(givenInput.value, 'input'),
    waits_for: output === undefined ? 'decision' : 'output',
    expires_at: output?.expiresAt?.getTime() ?? null,
    ended_at: isDenied ? at : null,
  } as const
}
