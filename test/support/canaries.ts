/** Secrets that a test plants, and the search for them in every value that a host can see. */
import { inspect } from 'node:util'

export const canaries = {
  key: 'sk-canary-key-4f1d90e2',
  header: 'canary-header-77ab21c5',
  sendHeader: 'canary-send-c03e55fa',
} as const

/**
 * Each canary in plain text, and in base64 without its end, which depends on the bytes that follow.
 */
const FORMS = Object.values(canaries).map((canary) => ({
  canary,
  forms: [canary, Buffer.from(canary).toString('base64').slice(0, -4)],
}))

/** The canaries in a text or in bytes, in plain text or in base64. */
export function canariesIn(text: string | Buffer): readonly string[] {
  return FORMS.filter(({ forms }) => forms.some((form) => text.includes(form))).map(
    ({ canary }) => canary,
  )
}

/** The canaries in a value, for every way in which a host can print it. */
export function canariesShownBy(value: unknown): readonly string[] {
  const printed = [
    inspect(value, { depth: Infinity, showHidden: true, maxStringLength: Infinity }),
    inspect(value, { depth: Infinity, customInspect: false, maxArrayLength: Infinity }),
    JSON.stringify(value) ?? '',
    value instanceof Error ? `${value.message}\n${value.stack}` : '',
  ]
  return [...new Set([...printed.flatMap(canariesIn), ...canariesReachableFrom(value)])]
}

/**
 * The canaries in everything that can be reached from a value: by names, symbols and accessors,
 * hidden or not, and in maps and sets.
 *
 * This includes everything that `inspect` shows. But in a system of actors, where everything refers
 * to everything, `inspect` would print for ever and this does not.
 *
 * @param except - properties that are not followed
 */
export function canariesReachableFrom(
  value: unknown,
  except: readonly string[] = [],
): readonly string[] {
  const found = new Set<string>()
  const known = new Set<unknown>()
  const waiting: object[] = []
  const add = (each: unknown) => {
    if (known.has(each)) return
    known.add(each)
    if (typeof each === 'string') for (const canary of canariesIn(each)) found.add(canary)
    else if (isReference(each)) waiting.push(each)
  }
  add(value)
  while (waiting.length > 0) {
    const each = waiting.pop() as object
    if (each instanceof Map) for (const [key, entry] of each) [key, entry].forEach(add)
    if (each instanceof Set) each.forEach(add)
    if (ArrayBuffer.isView(each)) add(Buffer.from(each.buffer).toString('latin1'))
    else {
      for (const key of Reflect.ownKeys(each)) {
        if (!except.includes(key as string)) [key, read(each, key)].forEach(add)
      }
    }
  }
  return [...found]
}

function isReference(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}

function read(from: object, key: string | symbol): unknown {
  try {
    return Reflect.get(from, key)
  } catch {
    // The accessor throws when it is called on this object.
    return undefined
  }
}
