/**
 * Follows the calls of functions and custom tools of one response through its events.
 *
 * Knows nothing of the ids that calls have in the reply: `ToolCalls` decides them.
 */
import type { ReplyDraft } from '../../reply-draft.ts'
import { nonEmpty } from '../../wire-value.ts'
import type { WireObject } from '../../wire-value.ts'
import { extraFields } from '../history/call-mark.ts'
import { PLACEHOLDER } from '../growing-call.ts'
import type { ToolCalls } from '../tool-calls.ts'
import { itemKey, OutputItems } from './items.ts'
import type { ItemKey, OutputItem } from './items.ts'

/** The fields of a call's item that the format describes. */
const ITEM: ReadonlySet<string> = new Set([
  'type',
  'id',
  'call_id',
  'name',
  'arguments',
  'input',
  'status',
  'index',
])

interface FunctionCall {
  readonly number: number
  /** True if the input is text, as that of a custom tool. */
  isCustom: boolean
  callId: string | undefined
  name: string | undefined
  /** The arguments so far. */
  inputText: string
  /** Arguments in the event that began the call, mostly a placeholder. */
  announced: string
}

export class FunctionCalls {
  readonly #items: OutputItems
  readonly #calls: ToolCalls
  readonly #states = new Map<OutputItem, FunctionCall>()

  /** @param opened - called when a call begins */
  constructor(draft: ReplyDraft, calls: ToolCalls, opened: () => void) {
    this.#items = new OutputItems(draft, 'id', opened)
    this.#calls = calls
  }

  /** The calls that have a call id, by that id. */
  get ids(): ReadonlyMap<string, FunctionCall> {
    const ids = new Map<string, FunctionCall>()
    for (const call of this.#states.values()) {
      if (call.callId !== undefined) ids.set(call.callId, call)
    }
    return ids
  }

  /** A call's item begins. */
  open(item: WireObject, key: ItemKey): void {
    const call = this.#stateOf(this.#items.open(key))
    call.announced = this.#inputText(call, item)
    this.#add(call, item, '')
  }

  /** Reads an event with a fragment of the arguments. */
  delta(event: WireObject): void {
    const call = this.#stateOf(this.#items.at(itemKey(event)))
    call.isCustom ||= isCustomInput(event)
    this.#add(call, event, this.#calls.argumentsText(event['delta']))
  }

  /** Reads an event with the complete arguments. */
  whole(event: WireObject): void {
    this.#complete(this.#stateOf(this.#items.whole(itemKey(event))), event)
  }

  /** A call's item is done. */
  item(item: WireObject, key: ItemKey): void {
    const known = this.#stateOf(this.#items.whole(key))
    const callId = nonEmpty(item['call_id'])
    const isAnother = known.callId !== undefined && callId !== undefined && known.callId !== callId
    this.#complete(isAnother ? this.#stateOf(this.#items.add(key)) : known, item)
  }

  /**
   * Reads a call in the final response.
   *
   * @param known - the calls that came before the final response, by their call id
   */
  final(item: WireObject, key: ItemKey, known: ReadonlyMap<string, FunctionCall>): void {
    const call = known.get(nonEmpty(item['call_id']) ?? '')
    if (call === undefined) this.item(item, key)
    else this.#complete(call, item)
  }

  /**
   * Nothing more is told of any call. A call without arguments takes the announced ones.
   *
   * @param isCut - true if the model was stopped, perhaps inside a call
   */
  finish(isCut: boolean): void {
    for (const call of this.#states.values()) {
      if (call.inputText === '') this.#add(call, {}, call.announced)
      if (!isCut) this.#calls.complete(call.number)
    }
  }

  #stateOf(item: OutputItem): FunctionCall {
    const known = this.#states.get(item)
    if (known !== undefined) return known
    const { number } = item
    const call: FunctionCall = {
      number,
      isCustom: false,
      callId: undefined,
      name: undefined,
      inputText: '',
      announced: '',
    }
    this.#states.set(item, call)
    return call
  }

  /** Reads the input that an item or an event has. */
  #inputText(call: FunctionCall, told: WireObject): string {
    call.isCustom ||= isCustomInput(told)
    return this.#calls.argumentsText(told[call.isCustom ? 'input' : 'arguments'])
  }

  /**
   * Adds the rest of the arguments. If the complete text does not begin with the text so far, it is
   * the same arguments in another notation, and is ignored, unless an empty object kept the place.
   */
  #complete(call: FunctionCall, told: WireObject): void {
    const text = this.#inputText(call, told)
    const isLonger = text.startsWith(call.inputText)
    if (isLonger) this.#add(call, told, text.slice(call.inputText.length), true)
    else this.#add(call, told, !call.isCustom && isEmpty(call.inputText) ? text : '', true)
    this.#calls.completeIfWhole(call.number)
  }

  #add(call: FunctionCall, told: WireObject, text: string, isLast = false): void {
    const { number: index } = call
    const id = call.callId === undefined ? nonEmpty(told['call_id']) : undefined
    const name = call.name === undefined ? nonEmpty(told['name']) : undefined
    call.callId ??= id
    call.name ??= name
    call.inputText += text
    const called = { name, arguments: text }
    // Events have fields of their own, which are no fields of the call.
    const isItem = told['type'] === 'function_call' || told['type'] === 'custom_tool_call'
    const extra = isItem ? extraFields(told, ITEM) : undefined
    const fragment = { ...extra, index, id, [call.isCustom ? 'custom' : 'function']: called }
    this.#calls.addFragment(fragment, isLast)
  }
}

/** Returns true for a value that holds nothing, which some servers send before the arguments. */
function isEmpty(text: string): boolean {
  return /^\s*\{\s*\}\s*$/.test(text) || PLACEHOLDER.test(text)
}

/** Returns true for an item or an event of a custom tool, whose input is text. */
function isCustomInput({ type }: WireObject): boolean {
  return typeof type === 'string' && /\bcustom_tool_call/.test(type)
}
