/**
 * The calls of one reply, in order, and the marks by which fragments name them.
 *
 * Servers differ in how they mark the call that a fragment belongs to: by an index, by an id, by
 * both, or by neither. Marks alone are not trusted: what the fragments make together decides. The
 * index is a key, never a position, so absurd indexes do no harm. Knows nothing of what is shown.
 */
import { indexIn } from './call-entry.ts'
import type { CallIndex } from './call-entry.ts'
import { GrowingCall } from './growing-call.ts'

/** What a fragment says of its call. */
interface CallFragment {
  readonly index: CallIndex
  readonly id: string | undefined
  readonly name: string | undefined
  readonly text: string
  /** The number of the event that has the fragment. */
  readonly event: number
}

export class CallList {
  readonly #namesGrow: boolean
  readonly #calls: GrowingCall[] = []
  // Created when needed: most replies call no tool, and even an empty map is not small.
  #byIndex: Map<unknown, GrowingCall> | undefined
  #byId: Map<string, GrowingCall> | undefined

  /** @param namesGrow - true if a name may come in pieces */
  constructor(namesGrow: boolean) {
    this.#namesGrow = namesGrow
  }

  /** All calls, even those that are added while the list is read. */
  get all(): readonly GrowingCall[] {
    return this.#calls
  }

  /** Adds a call. Fragments with the index belong to it from now on. */
  open(index: CallIndex, isPlain: boolean): GrowingCall {
    const call = new GrowingCall(this.#calls.length, index, isPlain)
    this.#calls.push(call)
    if (index !== undefined) (this.#byIndex ??= new Map()).set(index, call)
    return call
  }

  /** Notes an id of a call. The first one counts, until the call is shown. */
  identify(call: GrowingCall, id: string | undefined): void {
    if (id === undefined || call.givenId !== undefined || call.isShown) return
    call.givenId = id
    this.#byId ??= new Map()
    if (!this.#byId.has(id)) call.id = id
    this.#byId.set(id, call)
  }

  /** The call with an index. Without an index, the newest call. */
  at(given: unknown): GrowingCall | undefined {
    const index = indexIn(given)
    return index === undefined ? this.#calls.at(-1) : this.#byIndex?.get(index)
  }

  /** Finds the call that a fragment of a stream goes on with; `undefined` if it opens another. */
  of(fragment: CallFragment): GrowingCall | undefined {
    const { index, id, name } = fragment
    const known = id === undefined ? undefined : this.#byId?.get(id)
    const placed = index === undefined ? (known ?? this.#calls.at(-1)) : this.#byIndex?.get(index)
    if (placed === undefined) return name === undefined ? known : undefined
    if (name === undefined) return isOtherId(placed, id) ? (known ?? placed) : placed
    if (!this.#isAnother(placed, name, fragment)) return placed
    return known !== placed && known?.name === name && known.isOpen ? known : undefined
  }

  /** Returns true if a fragment with a name belongs to another call than the one in its place. */
  #isAnother(call: GrowingCall, name: string, { index, id, text, event }: CallFragment): boolean {
    const isIndexed = index !== undefined
    const isOther = isOtherId(call, id)
    if (call.name === undefined) return isOther && !isIndexed
    const isSameName = call.name === name
    if (call.isEmpty) {
      // A server that makes a new id for each fragment repeats the name with the arguments.
      if (isOther) return !(isIndexed && isSameName && text !== '')
      // Arguments cannot come after the end of a call, so these belong to a call of their own.
      if (call.isEnded && id === undefined) return true
      // The pieces of a name come in events of their own, and before the call is shown.
      const mayGrow = this.#namesGrow && !call.isShown && call.event !== event
      return !isSameName && !mayGrow
    }
    const beginsObject = /^\s*\{/.test(text)
    if (call.isComplete) {
      if (isOther || !isSameName) return true
      // Whole calls without any mark, or side by side in one event, are calls of their own. Any
      // other object may be the same arguments again.
      return beginsObject && id === undefined && (!isIndexed || call.event === event)
    }
    if (isOther) {
      return !(isIndexed && isSameName && call.isOpen && text !== '' && !beginsObject)
    }
    const isSameId = id !== undefined && call.givenId !== undefined
    return !isSameName && (beginsObject || !isSameId)
  }
}

function isOtherId(call: GrowingCall, id: string | undefined): boolean {
  return id !== undefined && call.givenId !== undefined && id !== call.givenId
}
