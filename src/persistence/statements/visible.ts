/**
 * The condition on a conversation that every read and write by an id has: it is not deleted, and the
 * caller may see it.
 *
 * It stands in the statement itself, so that no other write comes between the check and what is done.
 * A conversation that is missing, deleted or of another owner is one that is not found. Knows nothing
 * of what is read.
 */
import { type RawBuilder, sql, type SqlBool } from 'kysely'
import type { Viewer } from '../ports/conversation-store.ts'
import type { Marks } from './compile.ts'
import { toText } from './stored-text.ts'

const EVERYBODY = 0
const OWNER = 1
const OWNER_OR_NOBODY = 2

/** A type and no interface: statements take records. */
export type ViewerParameters = {
  readonly viewer: string | null
  /** Whose conversations are found besides those of the viewer. */
  readonly reach: number
}

export const ANY_VIEWER: ViewerParameters = { viewer: null, reach: EVERYBODY }

export function viewerParameters(viewer: Viewer | undefined): ViewerParameters {
  if (viewer === undefined) return ANY_VIEWER
  return {
    viewer: toText(viewer.ownerId),
    reach: viewer.unowned === true ? OWNER_OR_NOBODY : OWNER,
  }
}

/** @param alias - of the table of conversations */
export function visible(
  { viewer, reach }: Marks<ViewerParameters>,
  alias: string,
): RawBuilder<SqlBool> {
  const owner = sql.ref(`${alias}.owner_id`)
  return sql<SqlBool>`(${sql.ref(`${alias}.deleted_at`)} is null and (${reach} = ${sql.lit(EVERYBODY)} or ${owner} = ${viewer} or (${reach} = ${sql.lit(OWNER_OR_NOBODY)} and ${owner} is null)))`
}
