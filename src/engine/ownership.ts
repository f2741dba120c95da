/** What an owner view keeps its callers from saying. Knows nothing of how conversations are found. */
import type { Viewer } from '../persistence/ports/conversation-store.ts'
import { ColloquyError } from '../protocol/errors.ts'

/** An id that somebody else could guess would tell whether it is taken. */
const SHORTEST_ID = 16

interface Owned {
  readonly ownerId?: string | null | undefined
}

/**
 * The owner of what a view creates; nothing for the engine itself.
 *
 * @throws `invalid-option` if the options name an owner
 */
export function ownedBy(
  viewer: Viewer | undefined,
  options: Owned,
  what: string,
): { readonly ownerId?: string } {
  if (viewer === undefined) return {}
  assertNoOwner(viewer, options, what)
  return { ownerId: viewer.ownerId }
}

/** @throws `invalid-option` */
export function assertNoOwner(viewer: Viewer | undefined, options: Owned, what: string): void {
  if (viewer === undefined || options.ownerId === undefined) return
  throw new ColloquyError(
    'invalid-option',
    `${what}: ownerId is no option of an owner view, which has one owner. Remove it, or call the engine.`,
  )
}

/** @throws `invalid-option` */
export function assertUnguessable(
  viewer: Viewer | undefined,
  id: string | undefined,
  what: string,
): void {
  if (viewer === undefined || id === undefined || id.length >= SHORTEST_ID) return
  throw new ColloquyError(
    'invalid-option',
    `${what} is too short: in an owner view an id has at least ${SHORTEST_ID} characters, so that nobody can guess it.`,
  )
}
