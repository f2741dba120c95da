/**
 * One tool call while its arguments come in fragments.
 *
 * Holds back what a later fragment may still change: a name without arguments, an object without
 * content, and an object that follows a complete one. Knows nothing of the marks that tell calls
 * apart: `ToolCalls` has those.
 */
import { isDeepStrictEqual } from 'node:util'
import type { WireObject } from '../wire-value.ts'
import { ObjectScanner } from './object-scanner.ts'

/** An object after complete arguments, with the id of the fragment that began it. */
interface FollowingObject {
  readonly text: string
  readonly id: string | undefined
}

interface Following {
  text: string
  readonly id: string | undefined
  readonly scanner: ObjectScanner
}

/** Values besides `{}` that some servers send before the arguments. */
export const PLACEHOLDER = /^\s*(?:null|""|\[\s*\])\s*$/
const LONGEST_PLACEHOLDER = 16

export class GrowingCall {
  /** The provider's id for the call. Only the first one counts. */
  givenId: string | undefined
  /** The id in the reply: the given id, unless that is missing, late, or taken. */
  id: string | undefined
  name: string | undefined
  /** True once the part of the call is open. Id and name do not change after that. */
  isShown = false
  /** True once the provider said that the arguments are complete. No text is handed on after that. */
  isEnded = false
  /** The number of the event that last added to the call. */
  event = 0
  /** Opaque data that was not handed on yet. */
  data: WireObject | undefined
  /** The position among the calls of the reply. */
  readonly position: number
  /** The index by which fragments name the call. */
  readonly index: number | string | undefined
  /** True if the input is plain text, in which braces mean nothing. */
  readonly isPlain: boolean
  #text = ''
  /** The end of the text, not handed on yet. */
  #held = ''
  /**
   * The complete arguments in one notation, or false if they are no JSON. Made when it is needed,
   * and once: arguments may be long, and each event of a hostile stream may ask.
   */
  #normal: string | false | undefined
  #scanner = new ObjectScanner()
  #next: Following | undefined

  constructor(position: number, index: number | string | undefined, isPlain: boolean) {
    this.position = position
    this.index = index
    this.isPlain = isPlain
    if (isPlain) this.#scanner.giveUp()
  }

  /** True if no argument has come. */
  get isEmpty(): boolean {
    return this.isPlain ? this.#text === '' : this.#scanner.isBlank
  }

  /** True if the arguments are one object that is closed, and nothing has come after it. */
  get isComplete(): boolean {
    return this.#scanner.isClosed && this.#next === undefined
  }

  /** True if the arguments are an object that has begun and is not closed. */
  get isOpen(): boolean {
    return this.#scanner.isOpen
  }

  /** True if the arguments are complete and valid JSON. */
  get isWhole(): boolean {
    return this.isComplete && this.#normalText() !== undefined
  }

  get hasText(): boolean {
    return this.#text !== ''
  }

  /** True if an object after the arguments has begun and is not complete. */
  get hasFollowing(): boolean {
    return this.#next !== undefined
  }

  /** True if it is not clear yet that the text so far are the arguments. */
  get isUnclear(): boolean {
    return this.isPlain ? this.#text === '' : this.#scanner.isBare || this.#isPlaceholder
  }

  /** True if the text may keep the place of an object, and was not handed on. */
  get #isPlaceholder(): boolean {
    const text = this.#text
    return (
      !this.isPlain &&
      text.length <= LONGEST_PLACEHOLDER &&
      this.#held === text &&
      PLACEHOLDER.test(text)
    )
  }

  /** Returns the text that was not handed on yet, and counts it as handed on. */
  takeText(): string {
    const held = this.#held
    this.#held = ''
    return held
  }

  /**
   * Adds the text of a fragment from `at` on. Returns where reading stopped: at the end of the
   * text, or behind a complete object that stands after the arguments.
   *
   * @param id - the id of the fragment
   */
  add(text: string, at: number, id: string | undefined): number {
    const next = this.#next
    if (next !== undefined) {
      const end = next.scanner.read(text, at)
      next.text += text.slice(at, end)
      return end
    }
    if (this.#isPlaceholder && text.slice(at).trimStart().startsWith('{')) this.#restart()
    const end = this.#scanner.read(text, at)
    const added = text.slice(at, end)
    this.#text += added
    this.#held += added
    if (end === text.length) return end
    if (text[end] !== '{') this.#scanner.giveUp()
    else if (this.#scanner.isBare && this.#held === this.#text) this.#restart()
    else this.#next = { text: '', id, scanner: new ObjectScanner() }
    return end
  }

  /** Forgets the empty value that kept the place of the arguments. It was not handed on. */
  #restart(): void {
    this.#text = ''
    this.#held = ''
    this.#normal = undefined
    this.#scanner = new ObjectScanner()
  }

  /**
   * Decides what the object after the arguments is, once it is complete: the same arguments again,
   * or those of another call. Returns the object if it belongs to another call.
   *
   * @param isLast - true if nothing more comes, so that the object need not be complete
   */
  takeFollowing(isLast: boolean): FollowingObject | undefined {
    const next = this.#next
    if (next === undefined || !(next.scanner.isClosed || isLast)) return undefined
    this.#next = undefined
    const mine = this.#normalText()
    if (!next.scanner.isClosed && mine !== undefined) {
      return this.#text.startsWith(next.text) ? undefined : next
    }
    const other = normal(next.text)
    if (mine !== undefined && other !== undefined) return isEqual(mine, other) ? undefined : next
    // One of the two is no JSON, so where the arguments end is a guess. The text stays as it came.
    this.#text += next.text
    this.#held += next.text
    this.#scanner.giveUp()
    return undefined
  }

  #normalText(): string | undefined {
    this.#normal ??= normal(this.#text) ?? false
    return this.#normal === false ? undefined : this.#normal
  }
}

/** Returns JSON in one notation; `undefined` if the text is no JSON, or is nested too deep. */
function normal(text: string): string | undefined {
  try {
    return JSON.stringify(JSON.parse(text))
  } catch {
    return undefined
  }
}

/** Compares objects in one notation. Those that differ in the order of fields only are equal. */
function isEqual(one: string, other: string): boolean {
  if (one === other) return true
  if (one.length !== other.length) return false
  try {
    return isDeepStrictEqual(JSON.parse(one), JSON.parse(other))
  } catch {
    return false
  }
}
