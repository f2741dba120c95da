/**
 * Reads the queued turns of a conversation. Their inputs have no place on any line yet.
 *
 * Knows nothing of how a turn comes into a queue or leaves it.
 */
import { type RawBuilder, sql, type SqlBool } from 'kysely'
import type { StoredQueuedTurn } from '../ports/placement.ts'
import type { MessageRow, TurnRow } from '../schema/schema.ts'
import { integer, readRow, type ReportBroken, readRows, text } from './checked-row.ts'
import { type Db, literal } from './compile.ts'
import { messageRecord } from './message-row.ts'
import { queuedOptions } from './queued-options.ts'
import { type Connection, Statement } from './statement.ts'
import { turnRecord } from './turn-row.ts'
import type { OwnedTurnRow } from './turns.ts'
import { visible, type ViewerParameters } from './visible.ts'

export const QUEUED = literal('queued')

type OfConversation = Pick<TurnRow, 'conversation_id'>

export const SELECT_QUEUE = new Statement<
  Pick<TurnRow, 'conversation_id'> & ViewerParameters,
  OwnedTurnRow
>((db, marks) =>
  db
    .selectFrom('conversation as c')
    .crossJoin('turn as t')
    .selectAll('t')
    .select('c.owner_id')
    .where('c.id', '=', marks.conversation_id)
    .where(() => visible(marks, 'c'))
    .where('t.conversation_id', '=', marks.conversation_id)
    .where('t.status', '=', QUEUED)
    .orderBy('t.queue_place'),
)

export const SELECT_QUEUE_ORDER = new Statement<OfConversation, Pick<TurnRow, 'id'>>(
  (db, { conversation_id }) =>
    db
      .selectFrom('turn')
      .select('id')
      .where('conversation_id', '=', conversation_id)
      .where('status', '=', QUEUED)
      .orderBy('queue_place'),
)

export const SELECT_QUEUED_TURN = new Statement<Pick<TurnRow, 'id'>, OwnedTurnRow>((db, { id }) =>
  db
    .selectFrom('turn as t')
    .crossJoin('conversation as c')
    .selectAll('t')
    .select('c.owner_id')
    .where('t.id', '=', id)
    .where('t.status', '=', QUEUED)
    .whereRef('c.id', '=', 't.conversation_id'),
)

/** A cross join, because it keeps the order of the two tables. */
export const SELECT_QUEUED_CONVERSATIONS = new Statement<
  { readonly after: string; readonly limit: number } & ViewerParameters,
  Pick<TurnRow, 'conversation_id'>
>((db, marks) =>
  db
    .selectFrom('turn as t')
    .crossJoin('conversation as c')
    .select('t.conversation_id')
    .distinct()
    .where('t.status', '=', QUEUED)
    .where('t.conversation_id', '>', marks.after)
    .whereRef('c.id', '=', 't.conversation_id')
    .where(() => visible(marks, 'c'))
    .orderBy('t.conversation_id')
    .limit(marks.limit),
)

interface Counted {
  readonly n: number
}

/** Of one owner: by the owner's conversations, since others may have many queued turns. */
export const COUNT_QUEUED_OF_OWNER = new Statement<ViewerParameters, Counted>((db, { viewer }) =>
  db
    .selectFrom('conversation as c')
    .crossJoin('turn as t')
    .select((of) => of.fn.countAll<number>().as('n'))
    .where('c.owner_id', '=', sql<string>`${viewer}`)
    .where('c.deleted_at', 'is', null)
    .whereRef('t.conversation_id', '=', 'c.id')
    .where('t.status', '=', QUEUED),
)

/** Of all conversations that the viewer sees. */
export const COUNT_ALL_QUEUED = new Statement<ViewerParameters, Counted>((db, marks) =>
  db
    .selectFrom('turn as t')
    .crossJoin('conversation as c')
    .select((of) => of.fn.countAll<number>().as('n'))
    .where('t.status', '=', QUEUED)
    // By its index, which has no others.
    .where('t.conversation_id', '>=', literal(''))
    .whereRef('c.id', '=', 't.conversation_id')
    .where(() => visible(marks, 'c')),
)

/** The inputs of all queued turns of a conversation, in no order. */
export const SELECT_QUEUED_INPUTS = new Statement<OfConversation, MessageRow>((db, marks) =>
  chains(
    db,
    sql`${sql.ref('t.conversation_id')} = ${marks.conversation_id} and ${sql.ref('t.status')} = ${QUEUED}`,
  ),
)

/** The inputs of one turn, in no order. */
export const SELECT_INPUTS = new Statement<Pick<TurnRow, 'id'>, MessageRow>((db, { id }) =>
  chains(db, sql`${sql.ref('t.id')} = ${id}`),
)

/**
 * The chains of inputs that end in those of turns. A union leaves out what it has: rows that another
 * program changed do not go in a circle.
 *
 * @param selected - the condition on the turns `t`
 */
function chains(db: Db, selected: RawBuilder<SqlBool>) {
  return db
    .withRecursive('line(id, parent_id, turn_id, depth)', (of) =>
      of
        .selectFrom('turn as t')
        .crossJoin('message as m')
        .select(['m.id', 'm.parent_id', 'm.turn_id', 'm.depth'])
        .where(() => selected)
        .whereRef('m.id', '=', 't.input_message_id')
        .union((all) =>
          all
            .selectFrom('line')
            .crossJoin('message as p')
            .select(['p.id', 'p.parent_id', 'p.turn_id', 'p.depth'])
            .where('line.depth', 'is', null)
            .whereRef('p.id', '=', 'line.parent_id')
            .whereRef('p.turn_id', '=', 'line.turn_id')
            .where('p.depth', 'is', null),
        ),
    )
    .selectFrom('line')
    .crossJoin('message as w')
    .selectAll('w')
    .whereRef('w.id', '=', 'line.id')
}

/** A broken turn is left out, and reported. */
export async function readQueue(
  connection: Connection,
  named: OfConversation & ViewerParameters,
  report: ReportBroken,
): Promise<readonly StoredQueuedTurn[]> {
  const turns = await SELECT_QUEUE.all(connection, named)
  if (turns.length === 0) return []
  const { conversation_id } = named
  const inputs = await SELECT_QUEUED_INPUTS.all(connection, { conversation_id })
  const byId = new Map(inputs.map((row) => [row.id, row]))
  return readRows(turns, (turn) => queuedTurn(turn, chainOf(turn, byId)), report)
}

/** One queued turn, in a list that is empty if it is broken. Then that is reported. */
export async function readQueuedTurn(
  connection: Connection,
  id: string,
  report: ReportBroken,
): Promise<readonly StoredQueuedTurn[]> {
  const turns = await SELECT_QUEUED_TURN.all(connection, { id })
  const inputs = await SELECT_INPUTS.all(connection, { id })
  const byId = new Map(inputs.map((row) => [row.id, row]))
  return readRows(turns, (turn) => queuedTurn(turn, chainOf(turn, byId)), report)
}

/**
 * The inputs of a turn, in their order: a chain that ends in the last one. A turn that answers a stored
 * message has that one, as other turns may have too.
 *
 * @throws `database-failed` if there is none
 */
export async function readInputs(
  connection: Connection,
  turn: Pick<TurnRow, 'id' | 'input_message_id'>,
): Promise<readonly MessageRow[]> {
  const inputs = await SELECT_INPUTS.all(connection, { id: turn.id })
  return chainOf(turn, new Map(inputs.map((row) => [row.id, row])))
}

function chainOf(
  { id, input_message_id }: Pick<TurnRow, 'id' | 'input_message_id'>,
  inputs: ReadonlyMap<string, MessageRow>,
): readonly MessageRow[] {
  const chain = new Set<MessageRow>()
  let row = inputs.get(input_message_id)
  // Rows that another program changed must not go in a circle.
  while (row !== undefined && !chain.has(row)) {
    chain.add(row)
    row = row.depth === null && row.parent_id !== null ? inputs.get(row.parent_id) : undefined
  }
  if (chain.size === 0) readRow('turn', id, noInput)
  return [...chain].toReversed()
}

function noInput(): never {
  throw new Error('The input of this turn is missing.')
}

/** @throws `database-failed` if a row is broken */
function queuedTurn(turn: OwnedTurnRow, messages: readonly MessageRow[]): StoredQueuedTurn {
  return {
    turn: turnRecord(turn),
    ...(turn.owner_id !== null && { ownerId: text(turn.owner_id) }),
    place: readRow('turn', turn.id, () => integer(turn.queue_place)),
    messages: messages.map(messageRecord),
    options: queuedOptions(turn),
  }
}
