/**
 * Assembles the tool calls of one reply from their fragments, and hands them on.
 *
 * `CallList` knows which call a fragment belongs to. This file knows when a call may be shown, and
 * nothing of the events that carry the fragments.
 */
import type { ReplyDraft } from '../reply-draft.ts'
import { isObject, jsonText, nonEmpty } from '../wire-value.ts'
import type { WireObject } from '../wire-value.ts'
import { calledIn, indexIn } from './call-entry.ts'
import type { CallIndex } from './call-entry.ts'
import { CallList } from './call-list.ts'
import type { GrowingCall } from './growing-call.ts'
import { extraOfCall } from './history/call-mark.ts'
import type { CallMarker } from './history/call-mark.ts'
import { ownCallId } from './history/wire-names.ts'
import { kindOf } from './unread.ts'

/** Memory of a call besides its texts, counted so that endless empty calls reach the limit. */
const CALL_OVERHEAD = 256

interface ToolCallOptions {
  /**
   * True if a name may come in pieces. A call is then shown once it has arguments, since its name
   * does not change after that.
   */
  readonly namesGrow: boolean
}

export class ToolCalls {
  readonly #draft: ReplyDraft
  readonly #newId: () => string
  readonly #marker: CallMarker
  readonly #namesGrow: boolean
  readonly #calls: CallList
  #isUnwritable = false
  /** How many calls at the start of the list are shown. */
  #shown = 0
  #event = 0
  #heard = 0
  #unknownKind: string | undefined

  constructor(
    draft: ReplyDraft,
    newId: () => string,
    marker: CallMarker,
    options: ToolCallOptions,
  ) {
    this.#draft = draft
    this.#newId = newId
    this.#marker = marker
    this.#namesGrow = options.namesGrow
    this.#calls = new CallList(options.namesGrow)
  }

  /** True if the model asked for any tool by its name. */
  get isAsked(): boolean {
    return this.#calls.all.some((call) => call.name !== undefined)
  }

  /** Grows with each fragment that says anything. */
  get heard(): number {
    return this.#heard
  }

  /** True if there are calls, and the arguments of each are complete. */
  get areWhole(): boolean {
    return (
      this.isAsked &&
      this.#calls.all.every((call) => isHusk(call) || (call.name !== undefined && call.isWhole))
    )
  }

  /** The kind of a call that could not be read, if there was one. */
  get unknownKind(): string | undefined {
    return this.#unknownKind
  }

  /** The reason why the calls cannot be used, if there is one. */
  get fault(): string | undefined {
    if (this.#isUnwritable) return 'The arguments of a tool call are nested too deep'
    const isNameless = this.#calls.all.some((call) => call.name === undefined && !isHusk(call))
    return isNameless ? 'The model asked for a tool without naming it' : undefined
  }

  /** Adds the fragments of one event of a stream. Some servers send whole calls there too. */
  addFragments(entries: readonly unknown[]): void {
    this.#event += 1
    for (const entry of entries) if (isObject(entry)) this.#add(entry, false, false)
  }

  /** @param isLast - true if the fragment completes its call */
  addFragment(entry: WireObject, isLast = false): void {
    this.#event += 1
    this.#add(entry, false, isLast)
  }

  /**
   * Adds a call in a JSON answer. Each entry is a call of its own, even without an id.
   *
   * @param isEnded - true if the format says that the arguments are complete
   */
  addWhole(entry: unknown, isEnded = false): void {
    const call = isObject(entry) ? this.#add(entry, true, true) : undefined
    if (isEnded && call !== undefined) this.#end(call)
  }

  /** The provider said that a call is complete, and tells its arguments no more. */
  complete(index: unknown): void {
    const call = this.#calls.at(index)
    if (call !== undefined) this.#end(call)
  }

  /**
   * The provider said that the arguments of a call are complete, but may tell them again. Arguments
   * that are a whole value by now will not change, others may.
   */
  completeIfWhole(index: unknown): void {
    const call = this.#calls.at(index)
    if (call === undefined || !(call.isPlain ? call.hasText : call.isWhole)) return
    this.#end(call)
  }

  /** The arguments as text. Some servers send an object; one too deep for JSON is a fault. */
  argumentsText(value: unknown): string {
    if (typeof value === 'string') return value
    if (value === undefined || value === null) return ''
    const text = jsonText(value)
    if (text === undefined) this.#isUnwritable = true
    return text ?? ''
  }

  /** Opens the parts of all calls that have a name, so that later content comes after them. */
  open(): void {
    this.#openUntil(this.#calls.all.length)
  }

  /** Shows what was held back. Called when nothing more comes. */
  finish(): void {
    // Grows while it is read: an object that follows the arguments may be another call.
    for (const call of this.#calls.all) {
      const following = call.takeFollowing(true)
      if (following !== undefined) this.#follow(call, following)
      if (call.name !== undefined) this.#handOn(call)
    }
  }

  /** Returns the call that the entry adds to. */
  #add(entry: WireObject, isWhole: boolean, isLast: boolean): GrowingCall | undefined {
    if (this.#draft.exceeded !== undefined) return undefined
    const called = calledIn(entry)
    if (called === undefined) {
      this.#unknownKind ??= kindOf(entry['type'])
      return undefined
    }
    const id = nonEmpty(entry['id'])
    const name = nonEmpty(called['name'])
    const text = this.argumentsText(called['arguments'] ?? called['input'])
    const index = isWhole ? undefined : indexIn(entry['index'])
    const event = this.#event
    const known = isWhole ? undefined : this.#calls.of({ index, id, name, text, event })
    const call = known ?? this.#open(index, isObject(entry['custom']))
    this.#calls.identify(call, id)
    this.#name(call, name)
    if (name !== undefined || text !== '') this.#heard += 1
    const data = extraOfCall(entry, called)
    if (data !== undefined) call.data = { ...call.data, ...data }
    this.#feed(call, text, id, isLast)
    return call
  }

  /** Hands on what was held back of a call, and closes its part. */
  #end(first: GrowingCall): void {
    let call = first
    for (;;) {
      const following = call.takeFollowing(true)
      this.#close(call)
      if (following === undefined) return
      call = this.#follow(call, following)
    }
  }

  #close(call: GrowingCall): void {
    if (call.isEnded || !this.#show(call, true)) return
    call.isEnded = true
    this.#draft.closeCall(call.id ?? '', call.name ?? '')
  }

  #name(call: GrowingCall, name: string | undefined): void {
    if (name === undefined || call.isShown) return
    if (call.name !== undefined && !(this.#namesGrow && call.isEmpty)) return
    call.name = grownName(call.name, name)
    this.#draft.count(name.length)
  }

  #feed(first: GrowingCall, text: string, id: string | undefined, isLast: boolean): void {
    let call = first
    call.event = this.#event
    for (let at = 0; at < text.length;) {
      at = call.add(text, at, id)
      const following = call.takeFollowing(false)
      if (following !== undefined) call = this.#follow(call, following)
    }
    const isShown = this.#show(call, isLast)
    // Text that is held back is in no delta.
    if (!isShown || call.hasFollowing || call.isEnded) this.#draft.count(text.length)
  }

  /** Opens another call of the same tool, with arguments that came after those of `call`. */
  #follow(call: GrowingCall, { text, id }: { text: string; id: string | undefined }): GrowingCall {
    this.#show(call, true)
    const other = this.#open(call.index, false)
    this.#calls.identify(other, id === call.givenId ? undefined : id)
    this.#name(other, call.name)
    other.event = this.#event
    other.add(text, 0, undefined)
    return other
  }

  /** Hands on a call, unless that is too early. Returns true if all of its text is handed on. */
  #show(call: GrowingCall, isLast: boolean): boolean {
    if (call.name === undefined) return false
    if (call.isUnclear && !isLast) {
      if (!this.#namesGrow) this.#openPart(call)
      return false
    }
    if (!call.isShown) this.#openUntil(call.position)
    this.#handOn(call)
    return true
  }

  /** Opens the parts of the first calls. The order of parts is the order of calls. */
  #openUntil(count: number): void {
    for (; this.#shown < count; this.#shown += 1) {
      const call = this.#calls.all[this.#shown]
      if (call?.name !== undefined) this.#openPart(call)
    }
  }

  #openPart(call: GrowingCall): void {
    if (!call.isShown) this.#deliver(call, '')
  }

  #handOn(call: GrowingCall): void {
    const text = call.isEnded ? '' : call.takeText()
    if (!call.isShown || text !== '' || call.data !== undefined) this.#deliver(call, text)
  }

  #deliver(call: GrowingCall, text: string): void {
    if (!call.isShown) {
      call.id ??= ownCallId(this.#newId())
      this.#draft.count(call.id.length)
    }
    const id = call.id ?? ''
    const mark = this.#marker.mark(id, call.data, !call.isShown, call.isPlain)
    this.#draft.toolCall(id, call.name ?? '', text, mark)
    call.isShown = true
    call.data = undefined
  }

  #open(index: CallIndex, isPlain: boolean): GrowingCall {
    const call = this.#calls.open(index, isPlain)
    this.#draft.count(CALL_OVERHEAD)
    return call
  }
}

/** Returns true if an entry said nothing of its call. */
function isHusk(call: GrowingCall): boolean {
  return call.name === undefined && call.givenId === undefined && !call.hasText
}

/** A name comes whole, in pieces, or with each fragment: whole again, or all of it so far. */
function grownName(name: string | undefined, added: string): string {
  if (name === undefined) return added
  return added.length >= name.length && added.startsWith(name) ? added : name + added
}
