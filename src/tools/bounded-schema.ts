/**
 * A JSON Schema without the keywords that cost the validator the square of an input, and the check that
 * takes their place.
 *
 * `uniqueItems` compares each item of a list with each other one: a list of a megabyte, which a model
 * writes in a second, would block the process for an hour. Knows nothing of calls.
 */

/** Keywords that hold schemas under names of the host's own. */
const SCHEMAS_BY_NAME: ReadonlySet<string> = new Set([
  'properties',
  'patternProperties',
  'dependentSchemas',
  'dependencies',
  '$defs',
  'definitions',
])
/** Keywords that hold values, and no schemas. */
const VALUES: ReadonlySet<string> = new Set(['const', 'enum', 'default', 'example', 'examples'])

/** The longest list in which a repeated item is left to the validator. */
const LONGEST_LIST = 500

interface BoundedSchema {
  /** Costs the validator in proportion to the input. */
  readonly bounded: Readonly<Record<string, unknown>>
  /** The same schema with `uniqueItems`; `undefined` if it has none. */
  readonly exact: Readonly<Record<string, unknown>> | undefined
}

export function boundedSchema(schema: Readonly<Record<string, unknown>>): BoundedSchema {
  const bounded = copy(schema, false) as Readonly<Record<string, unknown>>
  const exact = copy(schema, true) as Readonly<Record<string, unknown>>
  const isSame = JSON.stringify(bounded) === JSON.stringify(exact)
  return { bounded, exact: isSame ? undefined : exact }
}

/** A copy, since the validator writes into what it is given. */
function copy(schema: unknown, keepsUnique: boolean): unknown {
  if (Array.isArray(schema)) return schema.map((each) => copy(each, keepsUnique))
  if (typeof schema !== 'object' || schema === null) return schema
  const entries = Object.entries(schema).flatMap(([key, value]): [string, unknown][] => {
    if (key === 'uniqueItems' && typeof value === 'boolean' && !keepsUnique) return []
    // No format of JSON Schema. The validator has one, with a pattern of quadratic cost.
    if (key === 'format' && value === 'url') return [[key, 'uri']]
    if (VALUES.has(key)) return [[key, structuredClone(value)]]
    if (!SCHEMAS_BY_NAME.has(key)) return [[key, copy(value, keepsUnique)]]
    return [[key, copyOfEach(value, keepsUnique)]]
  })
  return Object.fromEntries(entries)
}

function copyOfEach(schemas: unknown, keepsUnique: boolean): unknown {
  if (typeof schemas !== 'object' || schemas === null) return schemas
  return Object.fromEntries(
    Object.entries(schemas).map(([name, each]) => [name, copy(each, keepsUnique)]),
  )
}

export type Repetition = 'none' | 'short' | 'long'

/**
 * Says whether a list in the input repeats an item: in none, `uniqueItems` holds everywhere, and the
 * bounded schema says all. Of two kinds, the longer one counts.
 */
export function repetition(input: unknown): Repetition {
  /** A number for each different value, so that a value inside is looked at once. */
  const numbers = new Map<string, number>()
  let found: Repetition = 'none'
  const numberOf = (value: unknown): number => {
    const key = keyOf(value)
    const known = numbers.get(key)
    if (known !== undefined) return known
    numbers.set(key, numbers.size)
    return numbers.size - 1
  }
  const keyOf = (value: unknown): string => {
    if (typeof value !== 'object' || value === null) return JSON.stringify(value)
    if (!Array.isArray(value)) {
      const fields = Object.entries(value).map(([name, each]) => {
        return `${JSON.stringify(name)}:${numberOf(each)}`
      })
      return `{${fields.toSorted().join()}}`
    }
    const items = value.map(numberOf)
    if (found !== 'long' && new Set(items).size < items.length) {
      found = items.length > LONGEST_LIST ? 'long' : 'short'
    }
    return `[${items.join()}]`
  }
  numberOf(input)
  return found
}
