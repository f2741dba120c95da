/**
 * The fields of metadata that lists select by, of conversations that were stored without them.
 *
 * A copy of the rule as it was then: a migration does not change with the code. Knows no table.
 */

const MOST = 16
const LONGEST = 200

/** @param metadata - JSON text, which another program may have changed */
export function fieldsOf(metadata: string): readonly (readonly [name: string, value: string])[] {
  let value: unknown
  try {
    value = JSON.parse(metadata)
  } catch {
    // A broken row stays as it is. Reading it tells so.
    return []
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return []
  return Object.entries(value)
    .filter(([name, field]) => name.length <= LONGEST && isScalar(field))
    .slice(0, MOST)
    .map(([name, field]) => [stored(name), JSON.stringify(field)])
}

function isScalar(value: unknown): boolean {
  if (typeof value === 'string') return value.length <= LONGEST
  return typeof value === 'boolean' || typeof value === 'number'
}

/** As `stored-text.ts` encodes a string. */
function stored(name: string): string {
  if (name.isWellFormed() && !name.includes('\0') && !name.startsWith('"')) return name
  return JSON.stringify(name)
}
