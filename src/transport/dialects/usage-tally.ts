/**
 * Keeps the token counts of one reply, which may come in several events.
 *
 * Counts are for the whole reply so far, so nothing is added up: a later figure replaces an earlier
 * one of the same field, even if it is lower. A field that is absent or `null` replaces nothing.
 * Knows nothing of the events that carry the counts.
 */
import type { Usage } from '../../protocol/message.ts'
import { isObject, jsonLength } from '../wire-value.ts'
import type { WireObject } from '../wire-value.ts'
import { LONGEST_USAGE, toUsage } from './usage.ts'

/** The counts of the input. Their names differ between formats and servers. */
const INPUT = ['prompt_tokens', 'input_tokens']
const CACHES = [
  'cached_tokens',
  'cache_read_input_tokens',
  'cache_creation_input_tokens',
  'prompt_cache_hit_tokens',
  'prompt_cache_miss_tokens',
]
const INPUT_SIDE: ReadonlySet<string> = new Set([...INPUT, ...CACHES, 'prompt_tokens_details'])

export class UsageTally {
  #raw: WireObject | undefined
  /** The same object as `#raw` once it was put together of several. It is changed in place. */
  #own: Record<string, unknown> | undefined
  #size = 0
  /** True if the object is so large that only counts are still taken. */
  #isFull = false

  /** The usage so far; `undefined` if the provider reported none. */
  get usage(): Usage | undefined {
    const raw = this.#own === undefined ? this.#raw : { ...this.#own }
    return raw === undefined ? undefined : toUsage(raw)
  }

  add(next: WireObject): void {
    const kept = this.#raw
    if (kept === undefined) {
      this.#raw = next
      return
    }
    // No request has an input of zero tokens: these zeros say that the server did not count.
    const hasNoInput = isZeroInput(next)
    if (hasNoInput && !Object.values(next).some(isPositive)) return
    if (!hasNoInput && this.#own === undefined && hasAll(next, kept)) {
      this.#raw = next
      return
    }
    const own = this.#owned(kept)
    for (const [field, value] of Object.entries(next)) {
      const isKnown = Object.hasOwn(own, field)
      const isUncounted = hasNoInput && INPUT_SIDE.has(field)
      if (isKnown && ((value ?? undefined) === undefined || isUncounted)) continue
      this.#set(own, field, value)
    }
  }

  #owned(kept: WireObject): Record<string, unknown> {
    if (this.#own !== undefined) return this.#own
    this.#own = { ...kept }
    this.#raw = this.#own
    this.#size = jsonLength(kept) ?? Infinity
    return this.#own
  }

  /** A field costs its own length. Without a limit, endless events could make an endless object. */
  #set(own: Record<string, unknown>, field: string, value: unknown): void {
    if (field === '__proto__') return
    const isCount = typeof value === 'number'
    if (this.#isFull && !(isCount && typeof own[field] === 'number')) return
    if (!isCount || !Object.hasOwn(own, field)) {
      const old = Object.hasOwn(own, field) ? (jsonLength(own[field]) ?? 0) : -field.length
      const size = this.#size + (jsonLength(value) ?? Infinity) - old
      this.#isFull = size > LONGEST_USAGE
      if (this.#isFull) return
      this.#size = size
    }
    own[field] = value
  }
}

/** Returns true if the later object makes the earlier one needless. */
function hasAll(next: WireObject, kept: WireObject): boolean {
  for (const field in kept) if ((next[field] ?? undefined) === undefined) return false
  return true
}

/** Returns true if all counts of the input are zero. */
function isZeroInput(usage: WireObject): boolean {
  const isZero = INPUT.some((field) => usage[field] === 0)
  const details = usage['prompt_tokens_details']
  const isCached = isObject(details) && Object.values(details).some(isPositive)
  return isZero && !isCached && ![...INPUT, ...CACHES].some((field) => isPositive(usage[field]))
}

function isPositive(count: unknown): boolean {
  return typeof count === 'number' && count > 0
}
