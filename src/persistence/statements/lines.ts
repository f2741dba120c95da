/**
 * Lines: the way from a first message to a message, as ranges of depths in branches.
 *
 * A line is made of few branches, whatever its length: the branch of its end, the one that this
 * branch left, and so on. So a piece of a line is read by depths, from an index, and no message's
 * parent is looked up. Branch 0 leaves no other branch: a line that ends there is one range.
 *
 * Knows nothing of what is read of a message.
 */
import { sql } from 'kysely'
import type { MessageRow } from '../schema/schema.ts'
import type { Place } from '../ports/conversation-store.ts'
import type { Db, Marks } from './compile.ts'
import type { Connection, Statement } from './statement.ts'

/** The depths `from` to `to` of the line that ends at a place. `to` is at most its depth. */
export type LineRange = {
  readonly conversation_id: string
  readonly branch: number
  readonly depth: number
  readonly from: number
  readonly to: number
}

/** The parameters of a range in branch 0. */
export type FirstRange = Pick<LineRange, 'conversation_id' | 'from' | 'to'>

/** One read for lines that end in branch 0, and the same one for all others. */
export interface LineStatements<Row> {
  readonly inFirstBranch: Statement<FirstRange, Row>
  /** Its rows have no order: to sort them in the database would cost more. */
  readonly inAnyBranch: Statement<LineRange, Row>
}

/**
 * The branches of a line as `line (n, parent, low, high)`: from its end upwards, until a branch has
 * the depth `from`. Each has the depths above `low` up to `high`.
 */
export function lineOf(
  db: Db,
  { conversation_id, branch, depth, from }: Marks<Omit<LineRange, 'to'>>,
) {
  return db.withRecursive('line(n, parent, low, high)', (of) =>
    of
      .selectFrom('branch as b')
      .select(['b.n', 'b.parent', 'b.fork_depth as low', integer(depth).as('high')])
      .where('b.conversation_id', '=', conversation_id)
      .where('b.n', '=', branch)
      .unionAll((all) =>
        all
          .selectFrom('line as l')
          .crossJoin('branch as p')
          .select(['p.n', 'p.parent', 'p.fork_depth as low', 'l.low as high'])
          .where('p.conversation_id', '=', conversation_id)
          .whereRef('p.n', '=', 'l.parent')
          // A branch leaves an older one. Rows that another program changed must not go in a circle.
          .whereRef('p.n', '<', 'l.n')
          .where('l.low', '>=', from),
      ),
  )
}

/** The messages of a line, as `m`. A cross join, because it keeps the order of the two tables. */
export function messagesOfLine(db: Db, marks: Marks<LineRange>) {
  return lineOf(db, marks)
    .selectFrom('line')
    .crossJoin('message as m')
    .where('m.conversation_id', '=', marks.conversation_id)
    .whereRef('m.branch', '=', 'line.n')
    .whereRef('m.depth', '>', 'line.low')
    .whereRef('m.depth', '<=', 'line.high')
    .where('m.depth', '>=', marks.from)
    .where('m.depth', '<=', marks.to)
}

/** The messages of a line that ends in branch 0, oldest first. */
export function messagesOfFirstBranch(db: Db, { conversation_id, from, to }: Marks<FirstRange>) {
  return db
    .selectFrom('message as m')
    .where('m.conversation_id', '=', conversation_id)
    .where('m.branch', '=', sql.lit(0))
    .where('m.depth', '>=', from)
    .where('m.depth', '<=', to)
    .orderBy('m.depth')
}

/** Reads a piece of a line, oldest first. */
export async function readLine<Row extends Pick<MessageRow, 'depth'>>(
  connection: Connection,
  { inFirstBranch, inAnyBranch }: LineStatements<Row>,
  range: LineRange,
): Promise<readonly Row[]> {
  const { conversation_id, branch, from, to } = range
  if (branch === 0) return await inFirstBranch.all(connection, { conversation_id, from, to })
  const rows = await inAnyBranch.all(connection, range)
  return rows.toSorted((one, other) => Number(one.depth) - Number(other.depth))
}

/** The whole line to a place. */
export function wholeLine(conversation_id: string, { branch, depth }: Place): LineRange {
  return { conversation_id, branch, depth, from: 1, to: depth }
}

/** PostgreSQL does not see the type of a parameter that is selected. */
function integer(mark: Marks<LineRange>['depth']) {
  return sql<number>`cast(${mark} as integer)`
}
