/** The options of a queued turn as columns. Knows no statement, and nothing of the options themselves. */
import type { StoredTurnOptions } from '../ports/placement.ts'
import type { TurnRow } from '../schema/schema.ts'
import { json, object, plainText, readRow } from './checked-row.ts'
import { toJson } from './stored-text.ts'

/** Options, with the message that the input follows if that is not the head. */
interface Followed {
  readonly open?: unknown
  readonly parentId?: unknown
}

/** @param parentId - `undefined` for the head, whichever that is when the turn starts */
export function optionsColumn(
  { open }: StoredTurnOptions,
  parentId: string | null | undefined,
): string {
  return toJson({ open, parentId } satisfies Followed, 'options')
}

/** @throws `database-failed` if the row is broken */
export function queuedOptions(row: TurnRow): StoredTurnOptions {
  const { open } = followed(row)
  return {
    ...(open !== undefined && { open }),
    ...(row.sealed_options !== null && { sealed: row.sealed_options }),
  }
}

/**
 * The message that the input of a queued turn follows; `null` for none, `undefined` for the head.
 *
 * @throws `database-failed` if the row is broken
 */
export function queuedParent(row: TurnRow): string | null | undefined {
  const { parentId } = followed(row)
  return parentId === undefined || parentId === null ? parentId : plainText(parentId)
}

function followed(row: TurnRow): Followed {
  if (row.options === null) return {}
  return readRow('turn', row.id, () => object(json(row.options)) as Followed)
}
