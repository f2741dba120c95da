/**
 * Branches: where a message goes, and where a line was last left.
 *
 * A message that follows the last one of its branch goes on in it. Any other opens a branch. Knows
 * nothing of messages but their places.
 */
import { sql } from 'kysely'
import type { BranchRow, ConversationRow, MessageRow } from '../schema/schema.ts'
import type { Place } from '../ports/conversation-store.ts'
import { literal } from './compile.ts'
import { numberAfter } from './positions.ts'
import { type Connection, Statement } from './statement.ts'

/** A place, and whether a message follows it in its branch. */
export interface FollowedPlace extends Place {
  readonly isFollowed: boolean
}

type PlaceParams = Pick<BranchRow, 'conversation_id'> & Pick<Place, 'branch' | 'depth'>

export const INSERT_BRANCH = new Statement<BranchRow>((db, row) =>
  db.insertInto('branch').values({
    conversation_id: row.conversation_id,
    n: row.n,
    parent: row.parent,
    fork_depth: row.fork_depth,
    activated: row.activated,
  }),
)

// The head's branch was activated last, so the number after its own is greater than all others.
export const ACTIVATE = new Statement<
  Pick<BranchRow, 'conversation_id' | 'n'> & { readonly head_branch: number }
>((db, { conversation_id, n, head_branch }) =>
  db
    .updateTable('branch')
    .set((of) => ({
      activated: of.fn.coalesce(
        of
          .selectFrom('branch as head')
          .select(sql<number>`${sql.ref('head.activated')} + 1`.as('next'))
          .where('head.conversation_id', '=', conversation_id)
          .where('head.n', '=', head_branch),
        literal(1),
      ),
    }))
    .where('conversation_id', '=', conversation_id)
    .where('n', '=', n),
)

// A branch without a message is left out: its reply is not saved yet, or never will be. The place's
// own branch has one.
export const SELECT_BRANCHES_BELOW = new Statement<PlaceParams, Pick<BranchRow, 'n' | 'activated'>>(
  (db, { conversation_id, branch, depth }) =>
    db
      .withRecursive('below(n, fork_depth, activated)', (of) =>
        of
          .selectFrom('branch as b')
          .select(['b.n', 'b.fork_depth', 'b.activated'])
          .where('b.conversation_id', '=', conversation_id)
          .where('b.n', '=', branch)
          .unionAll((all) =>
            all
              .selectFrom('below as u')
              .crossJoin('branch as x')
              .select(['x.n', 'x.fork_depth', 'x.activated'])
              .where('x.conversation_id', '=', conversation_id)
              .whereRef('x.parent', '=', 'u.n')
              // Rows that another program changed must not go in a circle. A difference, because a
              // comparison would let the database choose the numbers of branches as its index.
              .where(sql<number>`${sql.ref('x.n')} - ${sql.ref('u.n')}`, '>', literal(0))
              .where((where) =>
                where.or([where('u.n', '<>', branch), where('x.fork_depth', '>=', depth)]),
              ),
          ),
      )
      .selectFrom('below')
      .crossJoin('message as m')
      .select(['below.n', 'below.activated'])
      .where('m.conversation_id', '=', conversation_id)
      .whereRef('m.branch', '=', 'below.n')
      .where('m.depth', '=', sql<number>`${sql.ref('below.fork_depth')} + 1`),
)

export const SELECT_TIP = new Statement<
  Pick<BranchRow, 'conversation_id'> & { readonly branch: number },
  Pick<MessageRow, 'id' | 'branch' | 'depth'>
>((db, { conversation_id, branch }) =>
  db
    .selectFrom('message')
    .select(['id', 'branch', 'depth'])
    .where('conversation_id', '=', conversation_id)
    .where('branch', '=', branch)
    .where('depth', 'is not', null)
    .orderBy('depth', 'desc')
    .limit(literal(1)),
)

/** The place before a first message. */
export function beforeFirst({ messages }: Pick<ConversationRow, 'messages'>): FollowedPlace {
  return { branch: 0, depth: 0, isFollowed: messages > 0 }
}

/**
 * Returns the place after another, and opens the branch for it where it needs one.
 *
 * @returns the place, with the number of branches that the conversation then has
 */
export async function placeAfter(
  tx: Connection,
  { id, branches }: Pick<ConversationRow, 'id' | 'branches'>,
  { branch, depth, isFollowed }: FollowedPlace,
): Promise<Place & { readonly branches: number }> {
  if (!isFollowed) return { branch, depth: depth + 1, branches }
  const n = numberAfter(branches, id)
  const common = { conversation_id: id, activated: 0 }
  if (n === 1) await INSERT_BRANCH.run(tx, { ...common, n: 0, parent: null, fork_depth: 0 })
  const parent = depth === 0 ? null : branch
  await INSERT_BRANCH.run(tx, { ...common, n, parent, fork_depth: depth })
  return { branch: n, depth: depth + 1, branches: n }
}

/** Notes that the head comes to another branch. */
export async function activate(
  tx: Connection,
  { id, head_branch }: Pick<ConversationRow, 'id' | 'head_branch'>,
  branch: number,
): Promise<void> {
  if (branch === head_branch) return
  await ACTIVATE.run(tx, { conversation_id: id, n: branch, head_branch })
}

/** The branch in which the line through a message was last left, and ends. */
export async function branchLeftLast(
  connection: Connection,
  conversation: Pick<ConversationRow, 'id' | 'branches'>,
  { branch, depth }: Place,
): Promise<number> {
  if (conversation.branches === 0) return branch
  const below = await SELECT_BRANCHES_BELOW.all(connection, {
    conversation_id: conversation.id,
    branch,
    depth,
  })
  let last: Pick<BranchRow, 'n' | 'activated'> | undefined
  for (const candidate of below) {
    if (last === undefined || isLater(candidate, last)) last = candidate
  }
  return last?.n ?? branch
}

function isLater(
  one: Pick<BranchRow, 'n' | 'activated'>,
  other: Pick<BranchRow, 'n' | 'activated'>,
): boolean {
  return one.activated === other.activated ? one.n > other.n : one.activated > other.activated
}
