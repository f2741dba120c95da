/**
 * Follows the tool calls of one reply through their fragments.
 *
 * Servers differ in how they mark which call a fragment belongs to: by an
 * index, by an id, by both, or by neither. The index is a key, never a
 * position, so absurd ones do no harm.
 */
import type { ReplyDraft } from '../reply-draft.ts'
import { isObject, jsonText, nonEmpty } from '../wire-value.ts'
import type { WireObject } from '../wire-value.ts'

/** What a call takes in memory besides its texts, so that endless empty calls reach the limit. */
const CALL_OVERHEAD = 256

/** Longer arguments are not looked through again and again for their end. */
const LONGEST_CHECK = 64 * 1024

interface Call {
  /** What the provider calls it; only the first name counts. */
  givenId: string | undefined
  /** What the reply calls it: the given id, unless that is missing, late, or taken. */
  id: string | undefined
  name: string | undefined
  /** The arguments so far. Nothing is handed on until the name is known. */
  inputText: string
  isShown: boolean
}

export class ToolCalls {
  readonly #draft: ReplyDraft
  readonly #newId: () => string
  readonly #calls: Call[] = []
  // Most replies call no tool, and an empty map is not small.
  #byIndex: Map<unknown, Call> | undefined
  #byId: Map<string, Call> | undefined
  #isUnwritable = false

  constructor(draft: ReplyDraft, newId: () => string) {
    this.#draft = draft
    this.#newId = newId
  }

  /** Whether the model asked for any tool. */
  get isAsked(): boolean {
    return this.#calls.some((call) => call.isShown)
  }

  /** Why the calls are of no use, if they are. */
  get fault(): string | undefined {
    if (this.#isUnwritable) return 'The arguments of a tool call are nested too deep'
    const isNameless = this.#calls.some(
      (call) => !call.isShown && (call.givenId ?? call.inputText) !== '',
    )
    return isNameless ? 'The model asked for a tool without naming it' : undefined
  }

  /** A fragment of a call in a stream; some servers send calls whole there too. */
  addFragment(entry: unknown): void {
    if (isObject(entry)) this.#add(entry, false)
  }

  /** A call in a JSON answer. Two of them are never the same, whatever they lack. */
  addWhole(entry: unknown): void {
    if (isObject(entry)) this.#add(entry, true)
  }

  /** Arguments as text; some servers send an object. One that cannot be written is a fault. */
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
    else this.#show(call, call.name, text, signatureOf(entry))
  }

  #show(call: Call, name: string, text: string, providerData: object | undefined): void {
    if (call.isShown && text === '' && providerData === undefined) return
    if (!call.isShown) {
      call.id ??= `call_${this.#newId()}`
      this.#draft.count(call.id.length + name.length)
    }
    this.#draft.toolCall(call.id ?? '', name, call.isShown ? text : call.inputText, providerData)
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

/** Whether a fragment goes on with a call, or opens another one in the same place. */
function continues(
  call: Call,
  id: string | undefined,
  name: string | undefined,
  text: string,
): boolean {
  if (id !== undefined && call.givenId !== undefined) return id === call.givenId
  if (name === undefined || call.name === undefined) return true
  // Some servers repeat the name with every fragment; some send whole calls, all with the same
  // index and without ids. An object after a complete one can only be another call's.
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

/** Gemini's thought signatures, which have to be sent back with the call. */
function signatureOf(entry: WireObject): object | undefined {
  const extra = entry['extra_content']
  return isObject(extra) ? { extra_content: extra } : undefined
}
