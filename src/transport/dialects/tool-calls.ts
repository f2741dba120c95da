/**
 * Assembles the tool calls of one reply from their fragments.
 *
 * Servers differ in how they mark the call that a fragment belongs to: by an index, by an id, by
 * both, or by neither. The index is a key, never a position, so absurd indexes do no harm. This
 * file knows nothing of the events that carry the fragments.
 */
import type { ReplyDraft } from '../reply-draft.ts'
import { isObject, jsonText, nonEmpty } from '../wire-value.ts'
import type { WireObject } from '../wire-value.ts'
import { extraOfCall } from './history/call-mark.ts'
import type { CallMarker } from './history/call-mark.ts'
import { ownCallId } from './history/wire-names.ts'

/** Memory of a call besides its texts, counted so that endless empty calls reach the limit. */
const CALL_OVERHEAD = 256

/** Longer arguments are not checked for their end: every fragment would parse them again. */
const LONGEST_CHECK = 64 * 1024

interface Call {
  /** The provider's id for the call. Only the first one counts. */
  givenId: string | undefined
  /** The id in the reply: the given id, unless that is missing, late, or taken. */
  id: string | undefined
  name: string | undefined
  /** The arguments so far. Nothing is handed on until the name is known. */
  inputText: string
  isShown: boolean
}

export class ToolCalls {
  readonly #draft: ReplyDraft
  readonly #newId: () => string
  readonly #marker: CallMarker
  readonly #calls: Call[] = []
  // Created when needed: most replies call no tool, and even an empty map is not small.
  #byIndex: Map<unknown, Call> | undefined
  #byId: Map<string, Call> | undefined
  #isUnwritable = false

  constructor(draft: ReplyDraft, newId: () => string, marker: CallMarker) {
    this.#draft = draft
    this.#newId = newId
    this.#marker = marker
  }

  /** True if the model asked for any tool. */
  get isAsked(): boolean {
    return this.#calls.some((call) => call.isShown)
  }

  /** The reason why the calls cannot be used, if there is one. */
  get fault(): string | undefined {
    if (this.#isUnwritable) return 'The arguments of a tool call are nested too deep'
    const isNameless = this.#calls.some(
      (call) => !call.isShown && (call.givenId ?? call.inputText) !== '',
    )
    return isNameless ? 'The model asked for a tool without naming it' : undefined
  }

  /** Adds a fragment of a call in a stream. Some servers send whole calls there too. */
  addFragment(entry: unknown): void {
    if (isObject(entry)) this.#add(entry, false)
  }

  /** Adds a call in a JSON answer. Each entry is a call of its own, even without an id. */
  addWhole(entry: unknown): void {
    if (isObject(entry)) this.#add(entry, true)
  }

  /** The arguments as text. Some servers send an object; one too deep for JSON is a fault. */
  argumentsText(value: unknown): string {
    if (typeof value === 'string') return value
    if (value === undefined || value === null) return ''
    const text = jsonText(value)
    if (text === undefined) this.#isUnwritable = true
    return text ?? ''
  }

  #add(entry: WireObject, isWhole: boolean): void {
    const called = isObject(entry['function']) ? entry['function'] : {}
    const id = nonEmpty(entry['id'])
    const name = nonEmpty(called['name'])
    const text = this.argumentsText(called['arguments'])
    const call = isWhole ? this.#open() : this.#callFor(entry['index'], id, name, text)
    if (id !== undefined && call.givenId === undefined && !call.isShown) {
      call.givenId = id
      this.#byId ??= new Map()
      if (!this.#byId.has(id)) call.id = id
      this.#byId.set(id, call)
    }
    call.name ??= name
    call.inputText += text
    if (call.name === undefined) this.#draft.count(text.length)
    else this.#show(call, call.name, text, extraOfCall(entry, called))
  }

  #show(call: Call, name: string, text: string, extra: WireObject | undefined): void {
    if (call.isShown && text === '' && extra === undefined) return
    if (!call.isShown) {
      call.id ??= ownCallId(this.#newId())
      this.#draft.count(call.id.length + name.length)
    }
    const id = call.id ?? ''
    const mark = this.#marker.mark(id, extra, !call.isShown)
    this.#draft.toolCall(id, name, call.isShown ? text : call.inputText, mark)
    call.isShown = true
  }

  #callFor(index: unknown, id: string | undefined, name: string | undefined, text: string): Call {
    const isIndexed = typeof index === 'number' || typeof index === 'string'
    const known = id === undefined ? undefined : this.#byId?.get(id)
    const candidate = isIndexed ? this.#byIndex?.get(index) : (known ?? this.#calls.at(-1))
    if (candidate !== undefined && continues(candidate, id, name, text)) return candidate
    if (known !== undefined && name === undefined) return known
    const call = this.#open()
    if (isIndexed) (this.#byIndex ??= new Map()).set(index, call)
    return call
  }

  #open(): Call {
    const call: Call = {
      givenId: undefined,
      id: undefined,
      name: undefined,
      inputText: '',
      isShown: false,
    }
    this.#calls.push(call)
    this.#draft.count(CALL_OVERHEAD)
    return call
  }
}

/** Returns true if a fragment continues a call, false if it opens another one in its place. */
function continues(
  call: Call,
  id: string | undefined,
  name: string | undefined,
  text: string,
): boolean {
  if (id !== undefined && call.givenId !== undefined) return id === call.givenId
  if (name === undefined || call.name === undefined) return true
  // Some servers repeat the name with every fragment. Others send whole calls, all with the same
  // index and without ids. An object after a complete object can only belong to another call.
  return name === call.name && !(/^\s*\{/.test(text) && isComplete(call.inputText))
}

function isComplete(inputText: string): boolean {
  if (inputText.length > LONGEST_CHECK) return false
  try {
    JSON.parse(inputText)
    return true
  } catch {
    return false
  }
}
