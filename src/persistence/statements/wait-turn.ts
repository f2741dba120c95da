/**
 * Lets a turn wait, and go on again: its status, and what it needs to go on after a restart.
 *
 * Each write is conditional on the status before it, so that of two writers that let a turn go on, one
 * does. Knows nothing of tools, and of what is asked next.
 */
import type { TurnRow } from '../schema/schema.ts'
import type { ResumedTurn, TurnResume, TurnWait } from '../ports/wait-store.ts'
import { callRecord } from './call-row.ts'
import { SELECT_CALL, SELECT_NEWEST_CALLS } from './calls.ts'
import { literal } from './compile.ts'
import { conversationRecord } from './conversation-row.ts'
import { SELECT_CONVERSATION } from './conversations.ts'
import { optionsColumn } from './queued-options.ts'
import { type Connection, Statement } from './statement.ts'
import { turnRecord } from './turn-row.ts'
import { SELECT_TURN, SELECT_VISIBLE_TURN } from './turns.ts'
import { viewerParameters } from './visible.ts'
import { RELEASE_APPROVED, writeAnswer } from './waiting-calls.ts'

const WAITING = literal('waiting')

export const LET_WAIT = new Statement<
  Pick<TurnRow, 'id' | 'epoch' | 'options' | 'sealed_options' | 'content_seq' | 'last_seq'> & {
    readonly calls: number
  }
>((db, marks) =>
  db
    .updateTable('turn')
    .set({
      status: WAITING,
      options: marks.options,
      sealed_options: marks.sealed_options,
      content_seq: marks.content_seq,
      last_seq: marks.last_seq,
    })
    .where('id', '=', marks.id)
    .where('epoch', '=', marks.epoch)
    .where('status', '=', literal('streaming'))
    // An answer may have come meanwhile.
    .where((of) =>
      of(
        of
          .selectFrom('call as k')
          .select(of.fn.countAll<number>().as('count'))
          .whereRef('k.turn_id', '=', 'turn.id')
          .where('k.state', '=', WAITING)
          .$asScalar(),
        '=',
        marks.calls,
      ),
    )
    .where((of) =>
      of.not(
        of.exists(
          of
            .selectFrom('call as o')
            .select(literal(1).as('one'))
            .whereRef('o.turn_id', '=', 'turn.id')
            .where('o.state', 'in', [literal('pending'), literal('started')]),
        ),
      ),
    ),
)

// The options stay until the end: if no tool starts before a crash, the turn waits again.
export const LET_GO_ON = new Statement<Pick<TurnRow, 'id' | 'epoch'>>((db, { id, epoch }) =>
  db
    .updateTable('turn')
    .set({ status: literal('streaming'), epoch })
    .where('id', '=', id)
    .where('status', '=', WAITING),
)

export const SET_ENDED_BY = new Statement<Pick<TurnRow, 'id' | 'ended_by'>>(
  (db, { id, ended_by }) => db.updateTable('turn').set({ ended_by }).where('id', '=', id),
)

/** The parameters of `LET_WAIT`. */
export function waitColumns({ turnId, options, lastSeqs, calls }: TurnWait, epoch: number) {
  return {
    id: turnId,
    epoch,
    options: optionsColumn(options, undefined),
    sealed_options: options.sealed ?? null,
    content_seq: lastSeqs.content,
    last_seq: lastSeqs.terminal,
    calls,
  }
}

export function waitTurnJob(
  wait: TurnWait,
  epoch: number,
): (tx: Connection) => Promise<'waiting' | 'changed' | 'lost'> {
  const columns = waitColumns(wait, epoch)
  return async (tx) => {
    if ((await LET_WAIT.run(tx, columns)) > 0) return 'waiting'
    const row = await SELECT_TURN.first(tx, { id: wait.turnId })
    // An earlier commit may have been reported as failed, and had succeeded.
    if (row?.epoch === epoch && row.status === 'waiting') return 'waiting'
    return row?.epoch === epoch && row.status === 'streaming' ? 'changed' : 'lost'
  }
}

/** The job returns `undefined` if it changed nothing. */
export function resumeTurnJob(
  { turnId, viewer, answer, at, bind }: TurnResume,
  epoch: number,
): (tx: Connection) => Promise<ResumedTurn | { readonly refusal: unknown } | undefined> {
  const named = viewerParameters(viewer)
  return async (tx) => {
    const row = await SELECT_VISIBLE_TURN.first(tx, { id: turnId, ...named })
    if (row?.status !== 'waiting') return undefined
    const found = await SELECT_CONVERSATION.one(tx, { id: row.conversation_id })
    const conversation = conversationRecord(found)
    try {
      bind(turnRecord(row), conversation)
    } catch (refusal) {
      return { refusal }
    }
    const written = { at: at.getTime(), viewer: named }
    if (answer !== undefined && !(await writeAnswer(tx, answer, written))) return undefined
    await LET_GO_ON.run(tx, { id: turnId, epoch })
    await RELEASE_APPROVED.run(tx, { turn_id: turnId })
    const rows = await SELECT_NEWEST_CALLS.all(tx, { turn_id: turnId })
    const answered = answer && (await SELECT_CALL.first(tx, { id: answer.callId, ...named }))
    return {
      turn: turnRecord({ ...row, status: 'streaming', epoch }),
      conversation,
      calls: rows.map(callRecord),
      ...(answered && { answered: callRecord(answered) }),
    }
  }
}
