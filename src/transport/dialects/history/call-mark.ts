/**
 * Marks a call with its maker, where the call has what only its maker can read.
 *
 * That is an id which other servers refuse, a field that is not in the format's description, plain
 * reasoning before the call that its maker wants back, or the text of a custom tool. The mark is the call's `providerData`.
 * Most calls need none. Knows nothing of events and requests.
 */
import type { Dialect } from '../../../protocol/endpoint.ts'
import { isObject, jsonText } from '../../wire-value.ts'
import type { WireObject } from '../../wire-value.ts'
import type { WireRequestInfo } from '../dialect.ts'
import { Maker } from '../provider-fingerprint.ts'
import { isNarrowId } from './wire-names.ts'

/** The mark's own fields. The extra fields of the call stand beside them. */
interface Mark {
  /** The fingerprint of the provider and model that made the call. */
  readonly maker: string
  /** The dialect in which the call came. Extra fields go back in this dialect only. */
  readonly dialect: Dialect
  /** The field in which the reasoning before the call came. */
  readonly reasoningField?: string
  /** True for a call of a custom tool, whose input is text. */
  readonly isCustom?: true
}

const MARKS: ReadonlySet<string> = new Set(['maker', 'dialect', 'reasoningField', 'isCustom'])

export class CallMarker {
  readonly #dialect: Dialect
  readonly #maker: Maker
  /** The extra fields that were told, by call. Made when needed: hardly any call has some. */
  #told: Map<string, string> | undefined
  /** The field in which plain reasoning came, once there was some. */
  reasoningField: string | undefined

  constructor(asked: WireRequestInfo) {
    this.#dialect = asked.target.dialect
    this.#maker = new Maker(asked)
  }

  /**
   * Returns the `providerData` that a fragment of a call adds, if it adds any.
   *
   * @param isFirst - true if the call is told for the first time
   * @param isCustom - true for a call of a custom tool
   */
  mark(
    id: string,
    extra: WireObject | undefined,
    isFirst: boolean,
    isCustom: boolean,
  ): object | undefined {
    const isNews = extra !== undefined && this.#isNews(id, extra)
    const isMarked = isFirst && (this.reasoningField !== undefined || isCustom || !isNarrowId(id))
    if (!isNews && !isMarked) return undefined
    const { reasoningField } = this
    return {
      ...(isNews && extra),
      maker: this.#maker.fingerprint,
      dialect: this.#dialect,
      ...(isFirst && reasoningField !== undefined && { reasoningField }),
      ...(isFirst && isCustom && { isCustom }),
    } satisfies Mark
  }

  /** Some servers repeat the extra fields in each fragment. */
  #isNews(id: string, extra: WireObject): boolean {
    const text = jsonText(extra)
    if (text === undefined || this.#told?.get(id) === text) return false
    ;(this.#told ??= new Map()).set(id, text)
    return true
  }
}

/**
 * The fields that a format does not describe, of an object that came. `undefined` if it has none.
 */
export function extraFields(came: WireObject, known: ReadonlySet<string>): WireObject | undefined {
  let extra: Record<string, unknown> | undefined
  for (const field in came) {
    if (known.has(field) || came[field] === null || came[field] === undefined) continue
    extra ??= Object.create(null) as Record<string, unknown>
    extra[field] = came[field]
  }
  return extra === undefined ? undefined : { ...extra }
}

const ENTRY: ReadonlySet<string> = new Set(['index', 'id', 'type', 'function', 'custom'])
const FUNCTION: ReadonlySet<string> = new Set(['name', 'arguments', 'input'])
const FLAT: ReadonlySet<string> = new Set([...ENTRY, ...FUNCTION])

/**
 * The extra fields of a call in the form of chat completions, those of its function included.
 *
 * @param called - the function; the entry itself if its fields stand there
 */
export function extraOfCall(entry: WireObject, called: WireObject): WireObject | undefined {
  if (called === entry) return extraFields(entry, FLAT)
  const extra = extraFields(entry, ENTRY)
  const inFunction = extraFields(called, FUNCTION)
  return inFunction === undefined ? extra : { ...extra, function: inFunction }
}

/** The extra fields in the `providerData` of a call, and the field of the reasoning before it. */
export interface ReadMark {
  readonly extra: WireObject | undefined
  readonly reasoningField: string | undefined
  readonly isCustom: boolean
}

/** Reads the mark of a call of the asked provider and model, in the dialect in which it came. */
export function readMark(mark: WireObject): ReadMark {
  const { reasoningField, isCustom } = mark
  return {
    extra: extraFields(mark, MARKS),
    reasoningField: typeof reasoningField === 'string' ? reasoningField : undefined,
    isCustom: isCustom === true,
  }
}

/** Returns the data if it is marked with this maker. */
export function madeBy(providerData: unknown, maker: () => string): WireObject | undefined {
  if (!isObject(providerData) || typeof providerData['maker'] !== 'string') return undefined
  return providerData['maker'] === maker() ? providerData : undefined
}
