/**
 * Pages: their size, and the place in a list of conversations as a text that a browser gives back.
 *
 * A place is no secret and no permission: an owner who forges one gets another page of the same list.
 */
import type { ConversationRecord } from '../../index.ts'
import { Refusal } from '../refusals/refusal.ts'

const MOST = 500

/** @throws `invalid-option` */
export function limitOf(query: URLSearchParams, standard: number): number {
  const text = query.get('limit')
  if (text === null) return standard
  const limit = /^\d{1,3}$/.test(text) ? Number(text) : 0
  if (limit >= 1 && limit <= MOST) return limit
  throw new Refusal('invalid-option', { field: 'limit' })
}

type Place = Pick<ConversationRecord, 'id' | 'updatedAt' | 'createdAt'>

export function placeText({ id, updatedAt, createdAt }: Place): string {
  const place = [updatedAt.getTime(), createdAt.getTime(), id]
  return Buffer.from(JSON.stringify(place)).toString('base64url')
}

/** @throws `invalid-option` */
export function placeOf(text: string | null): Place | undefined {
  if (text === null) return undefined
  try {
    const [updated, created, id, ...rest] = JSON.parse(
      Buffer.from(text.slice(0, 1_000), 'base64url').toString(),
    ) as readonly unknown[]
    if (isTime(updated) && isTime(created) && typeof id === 'string' && rest.length === 0) {
      return { id, updatedAt: new Date(updated), createdAt: new Date(created) }
    }
  } catch {
    // Not a place that this handler made. It is refused below like any other.
  }
  throw new Refusal('invalid-option', { field: 'after' })
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Math.abs(value) <= 8.64e15
}
