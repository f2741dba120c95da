/**
 * Copies the values that a host hands in to be stored, or sent, as JSON.
 *
 * The copy is plain data. Later changes by the host do not reach it, and reading it never runs code
 * of the host. A value is refused if `JSON.stringify` would throw, or would leave a part of it out.
 * A property that is `undefined` counts as absent, as it does in all options.
 *
 * Knows nothing of the options that hold such values.
 */
import { types } from 'node:util'

/** The deepest nesting. `JSON.stringify` itself fails at some thousand levels. */
const DEEPEST = 2_000

const UNREADABLE = 'an object that throws when it is read'

/** The reason why a value is refused, and the place of that value. */
export class NotJson extends Error {
  override readonly name = 'NotJson'
  /** The keys that lead to the refused value. */
  readonly path: readonly (string | number)[]

  constructor(problem: string, path: readonly (string | number)[]) {
    super(problem)
    this.path = path
  }
}

/** @throws {@link NotJson} */
export function plainJson(value: unknown): unknown {
  const path: (string | number)[] = []
  try {
    return new Copy(path).of(value, '')
  } catch (error) {
    // Anything else was thrown by a getter, a `toJSON` or a proxy of the host.
    throw error instanceof NotJson ? error : new NotJson(UNREADABLE, path)
  }
}

/** A copy under way. */
class Copy {
  /** The keys that lead to the value that is copied now. */
  readonly #path: (string | number)[]
  /** The objects that contain it. */
  readonly #around = new Set<object>()

  constructor(path: (string | number)[]) {
    this.#path = path
  }

  of(given: unknown, key: string | number): unknown {
    const value = asJson(given, key)
    switch (typeof value) {
      case 'string':
      case 'boolean':
        return value
      case 'number':
        return Number.isFinite(value) ? value : this.#refuse(String(value))
      case 'object':
        return value === null ? null : this.#object(value)
      case 'undefined':
        return this.#refuse('undefined')
      default:
        return this.#refuse(`a ${typeof value}`)
    }
  }

  #object(value: object): unknown {
    if (this.#around.has(value)) this.#refuse('an object that contains itself')
    if (this.#around.size === DEEPEST) this.#refuse(`one of more than ${DEEPEST} levels`)
    this.#around.add(value)
    const copy = Array.isArray(value) ? this.#list(value) : this.#record(value)
    this.#around.delete(value)
    return copy
  }

  #list(list: readonly unknown[]): unknown {
    const copy: unknown[] = []
    for (let at = 0; at < list.length; at += 1) {
      this.#path.push(at)
      const value = list[at]
      copy.push(typeof value === 'string' ? value : this.of(value, at))
      this.#path.pop()
    }
    return copy
  }

  #record(record: object): unknown {
    const names = namesOf(record)
    const kind = hiddenKind(record, names)
    if (kind !== undefined) this.#refuse(`${kind}, whose content JSON leaves out`)
    const copy = {}
    for (const name of names) {
      this.#path.push(name)
      const value = (record as Record<string, unknown>)[name]
      // Most values are texts: they need no call.
      if (typeof value === 'string') setOwn(copy, name, value)
      else if (value !== undefined) setOwn(copy, name, this.of(value, name))
      this.#path.pop()
    }
    return copy
  }

  #refuse(problem: string): never {
    throw new NotJson(problem, this.#path)
  }
}

/** The value that JSON writes in place of another: the result of `toJSON`, a primitive for its box. */
function asJson(given: unknown, key: string | number): unknown {
  if (given === null || (typeof given !== 'object' && typeof given !== 'bigint')) return given
  const { toJSON } = given as { toJSON?: unknown }
  const value: unknown = typeof toJSON === 'function' ? toJSON.call(given, `${key}`) : given
  return isOrdinary(value) || !types.isBoxedPrimitive(value) ? value : value.valueOf()
}

/** Returns true for nearly all objects that hosts give. Spares them the slower questions. */
function isOrdinary(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === Object.prototype || prototype === Array.prototype
}

/**
 * The names under which an object has values: its own, and those that it inherits from another
 * object of the host, as `Object.create(defaults)` does.
 */
export function namesOf(value: object): readonly string[] {
  if (isOrdinary(value)) return Object.keys(value)
  const names: string[] = []
  for (const name in value) {
    if (Object.hasOwn(value, name) || !(name in Object.prototype)) names.push(name)
  }
  return names
}

/** Sets a property. Assigned to `__proto__`, a value would become the prototype instead. */
function setOwn(record: Record<string, unknown>, name: string, value: unknown): void {
  if (name !== '__proto__') record[name] = value
  else Object.defineProperty(record, name, { value, enumerable: true })
}

/**
 * The kind of an object whose content JSON does not see: a Map, a Promise, an Error. `undefined`
 * for other objects.
 */
export function hiddenKind(value: object, names: readonly string[]): string | undefined {
  if (isOrdinary(value)) return undefined
  if (types.isNativeError(value)) return 'an Error'
  if (names.length > 0 || isPlain(value)) return undefined
  const tag = Object.prototype.toString.call(value).slice(8, -1)
  return tag === 'Object' ? 'an object' : `an object of the kind ${tag}`
}

/** Returns true for an object literal, and for an object without a prototype, of any realm. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}
