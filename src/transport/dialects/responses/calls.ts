/**
 * Follows the function calls of one response through its events.
 *
 * Knows nothing of the ids that calls have in the reply: `ToolCalls` decides them.
 */
import type { ReplyDraft } from '../../reply-draft.ts'
import { nonEmpty } from '../../wire-value.ts'
import type { WireObject } from '../../wire-value.ts'
import type { WireRequestInfo } from '../dialect.ts'
import { CallMarker, extraFields } from '../history/call-mark.ts'
import { ToolCalls } from '../tool-calls.ts'
import { itemKey, OutputItems } from './items.ts'
import type { ItemKey, OutputItem } from './items.ts'

/** The fields of a call's item that the format describes. */
const ITEM: ReadonlySet<string> = new Set([
  'type',
  'id',
  'call_id',
  'name',
  'arguments',
  'status',
  'index',
])

interface FunctionCall {
  readonly number: number
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
  constructor(draft: ReplyDraft, newId: () => string, asked: WireRequestInfo, opened: () => void) {
    this.#items = new OutputItems(draft, 'id', opened)
    this.#calls = new ToolCalls(draft, newId, new CallMarker(asked))
  }

  /** True if the model called a function. */
  get isAsked(): boolean {
    return this.#calls.isAsked
  }

  /** Why the calls cannot be used; `undefined` if they can. */
  get fault(): string | undefined {
    return this.#calls.fault
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
    call.announced = this.#calls.argumentsText(item['arguments'])
    this.#add(call, item, '')
  }

  /** Reads an event with a fragment of the arguments. */
  delta(event: WireObject): void {
    const call = this.#stateOf(this.#items.at(itemKey(event)))
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

  /** All calls are complete. A call without arguments takes the announced ones. */
  finish(): void {
    for (const call of this.#states.values()) {
      if (call.inputText === '') this.#add(call, {}, call.announced)
    }
  }

  #stateOf(item: OutputItem): FunctionCall {
    const known = this.#states.get(item)
    if (known !== undefined) return known
    const { number } = item
    const call = { number, callId: undefined, name: undefined, inputText: '', announced: '' }
    this.#states.set(item, call)
    return call
  }

  /**
   * Adds the rest of the arguments. If the complete text does not begin with the text so far, it is
   * the same arguments in another notation, and is ignored.
   */
  #complete(call: FunctionCall, told: WireObject): void {
    const text = this.#calls.argumentsText(told['arguments'])
    const isLonger = text.startsWith(call.inputText)
    this.#add(call, told, isLonger ? text.slice(call.inputText.length) : '')
  }

  #add(call: FunctionCall, told: WireObject, text: string): void {
    const { number: index } = call
    const id = call.callId === undefined ? nonEmpty(told['call_id']) : undefined
    const name = call.name === undefined ? nonEmpty(told['name']) : undefined
    call.callId ??= id
    call.name ??= name
    call.inputText += text
    // Events have fields of their own, which are no fields of the call.
    const extra = told['type'] === 'function_call' ? extraFields(told, ITEM) : undefined
    this.#calls.addFragment({ ...extra, index, id, function: { name, arguments: text } })
  }
}
