/**
 * Reads OpenAI's Responses format: streams of events about output items, and JSON answers.
 *
 * The same text comes up to four times: in deltas, in the event that ends its part, in its item,
 * and in the final response. The first of them counts. A text that one of them lacks is taken from
 * the next.
 *
 * `request.ts` writes the requests. Knows nothing of bytes, HTTP and time.
 */
import type { FinishReason, Usage } from '../../../protocol/message.ts'
import { readProviderError, reportedError, typedError } from '../../provider-error.ts'
import type { ProviderError } from '../../provider-error.ts'
import type { ReplyDraft } from '../../reply-draft.ts'
import { isObject, nonEmpty } from '../../wire-value.ts'
import type { WireObject } from '../../wire-value.ts'
import { bearer } from '../bearer.ts'
import type { Told, WireDialect, WireRequestInfo } from '../dialect.ts'
import { finishReasonOf, givenReason } from '../finish-reasons.ts'
import { CallMarker } from '../history/call-mark.ts'
import { ProviderTools } from '../provider-tool.ts'
import { ReplyReader } from '../reply-reader.ts'
import { ToolCalls } from '../tool-calls.ts'
import { kindOf } from '../unread.ts'
import { unwrapped } from '../wrapper.ts'
import { FunctionCalls } from './calls.ts'
import { HostedTools, isHostedTool, refusesHostedTools } from './hosted-tools.ts'
import { itemKey } from './items.ts'
import type { ItemKey } from './items.ts'
import { ResponsePictures } from './pictures.ts'
import { responsesRequestBody } from './request.ts'
import { textOnly, TEXT_DELTAS } from './text-only.ts'
import { ResponseTexts } from './texts.ts'
import type { TextKind } from './texts.ts'
import { responseUsage } from './usage.ts'

export const responses: WireDialect = {
  path: '/responses',
  headers: bearer,
  body: responsesRequestBody,
  ownFields: [
    // Azure names models as its customers like, so the name does not tell which ones reason.
    { path: 'include', words: /encrypted[ _]content/ },
    { path: 'store' },
    { path: 'tools[].strict' },
    { path: 'input[].content[].detail' },
  ],
  quirksFromError: (request, refusal) =>
    refusesHostedTools(request, refusal) ? { serverTools: 'none' } : undefined,
  reader: (draft, newId, asked) => new ResponsesReader(draft, newId, asked),
  textOnly,
  // Where the index of an item is known, the reader of texts does not need its id.
  volatileFields: ['sequence_number', 'obfuscation', 'item_id'],
}

/** The events that repeat a complete text: the kind of the text, and the field that holds it. */
const WHOLES: ReadonlyMap<unknown, readonly [TextKind, string]> = new Map([
  ['response.output_text.done', ['text', 'text']],
  ['response.refusal.done', ['refusal', 'refusal']],
  ['response.reasoning_text.done', ['reasoning', 'text']],
  ['response.reasoning_summary_text.done', ['summary', 'text']],
])

/**
 * The terminal events, each with the status of the response. `undefined`: the response itself names
 * its status.
 */
const ENDS: ReadonlyMap<unknown, string | undefined> = new Map([
  ['response.completed', 'completed'],
  ['response.done', undefined],
  ['response.incomplete', 'incomplete'],
  ['response.failed', 'failed'],
  ['response.cancelled', 'cancelled'],
])

/** The events with a fragment of the input of a call, and those that repeat the complete input. */
const INPUT_DELTAS: ReadonlySet<unknown> = new Set([
  'response.function_call_arguments.delta',
  'response.custom_tool_call_input.delta',
])
const INPUT_WHOLES: ReadonlySet<unknown> = new Set([
  'response.function_call_arguments.done',
  'response.custom_tool_call_input.done',
])

/** The items that are calls of the host's tools. */
const CALLS: ReadonlySet<unknown> = new Set(['function_call', 'custom_tool_call'])

/** Items of the provider that are no tools that it ran, and that nobody has to answer. */
const PROVIDER_ITEMS: ReadonlySet<unknown> = new Set(['image_generation_call', 'compaction'])

const ERRORS: ReadonlySet<unknown> = new Set(['error', 'response.error'])

class ResponsesReader extends ReplyReader {
  readonly #pictures: ResponsePictures
  readonly #texts: ResponseTexts
  readonly #hostedTools: HostedTools
  readonly #functionCalls: FunctionCalls
  /** True once an event told that the response begins. */
  #isOpen = false
  /** The id of the response, as far as that event told it. */
  #openId: string | undefined
  #finish: FinishReason | undefined
  #usage: Usage | undefined

  constructor(draft: ReplyDraft, newId: () => string, asked: WireRequestInfo) {
    const calls = new ToolCalls(draft, newId, new CallMarker(asked), { namesGrow: false })
    super(draft, calls)
    this.#pictures = new ResponsePictures(draft, asked)
    this.#texts = new ResponseTexts(draft, asked, this.#pictures)
    this.#hostedTools = new HostedTools(new ProviderTools(draft, asked))
    this.#functionCalls = new FunctionCalls(draft, calls, () => this.#texts.followed())
  }

  get isFinished(): boolean {
    return this.#finish !== undefined
  }

  /** The event with the status ends the response, so nothing is waited for after it. */
  get isCertain(): boolean {
    return this.isFinished
  }

  /** The format has an event for the end of a response, so a response without it was cut. */
  get isWhole(): boolean {
    return false
  }

  event(given: WireObject, name: string | undefined): Told | undefined {
    const event = unwrapped(given, isOurs)
    const type = nonEmpty(event['type']) ?? name
    const kind = TEXT_DELTAS.get(type)
    if (kind !== undefined) {
      this.#texts.delta(kind, event)
      return undefined
    }
    if (type === 'response.created' && this.#isAnother(event['response'])) return 'another'
    const whole = WHOLES.get(type)
    if (whole !== undefined) this.#texts.whole(whole[0], event[whole[1]], itemKey(event), event)
    else if (INPUT_DELTAS.has(type)) this.#functionCalls.delta(event)
    else if (INPUT_WHOLES.has(type)) this.#functionCalls.whole(event)
    else if (type === 'response.output_item.added') this.#item(event, false)
    else if (type === 'response.output_item.done') this.#item(event, true)
    const { response } = event
    if (isObject(response)) this.model ??= nonEmpty(response['model'])
    if (ENDS.has(type)) return this.#over(isObject(response) ? response : {}, ENDS.get(type))
    return ERRORS.has(type) || !isOurs(event) ? errorIn(event, type) : undefined
  }

  answer(given: WireObject): ProviderError | undefined {
    const answer = unwrapped(given, isOurs)
    this.model ??= nonEmpty(answer['model'])
    const { output, output_text: text } = answer
    if (!Array.isArray(output) && !nonEmpty(text)) {
      return reportedError(answer) ?? readProviderError(answer)
    }
    const told = this.#over(answer, undefined)
    return told === 'end' ? undefined : told
  }

  override ended(): ProviderError | undefined {
    this.unread ??= this.#texts.unreadKind
    return super.ended()
  }

  protected get statedReason(): FinishReason | undefined {
    return this.#finish !== undefined && this.#texts.isRefused ? 'content-filter' : this.#finish
  }

  protected get usage(): Usage | undefined {
    return this.#usage
  }

  /**
   * Returns true if a response begins while another one is open. Some servers announce a response
   * twice, so ids are compared. Without ids, content before the announcement tells.
   */
  #isAnother(response: unknown): boolean {
    const id = isObject(response) ? nonEmpty(response['id']) : undefined
    const isFirst = !this.#isOpen
    this.#isOpen = true
    if (isFirst) this.#openId = id
    if (isFirst) return false
    return id === undefined || this.#openId === undefined
      ? this.draft.hasContent
      : id !== this.#openId
  }

  /** Reads an item that begins, or a complete item that is done. */
  #item(event: WireObject, isDone: boolean): void {
    const { item } = event
    if (!isObject(item)) return
    const key = { ...itemKey(event), id: nonEmpty(item['id']) }
    const { type } = item
    if (type === 'message' || type === 'reasoning') {
      if (isDone) this.#texts.item(item, key)
      else this.#texts.open(type, key)
    } else if (CALLS.has(type)) {
      if (isDone) this.#functionCalls.item(item, key)
      else this.#functionCalls.open(item, key)
    } else if (isHostedTool(type)) {
      if (isDone) this.#hostedTool(item)
      else this.#texts.interrupted()
    } else {
      this.#orphaned(type)
      if (isDone && type === 'image_generation_call') this.#pictures.item(item)
    }
  }

  /** Reads the final response. Takes only content that did not come before. */
  #over(response: WireObject, known: string | undefined): ProviderError | 'end' {
    const { usage, output, incomplete_details: details } = response
    if (isObject(usage)) this.#usage = responseUsage(usage)
    const status = known ?? nonEmpty(response['status']) ?? 'completed'
    if (status === 'failed' || status === 'cancelled' || response['error']) {
      return readProviderError(response) ?? { message: `The response was ${status}`, kinds: '' }
    }
    this.#output(Array.isArray(output) ? output : [])
    this.#functionCalls.finish(status !== 'completed')
    if (!this.draft.hasContent) this.draft.text(nonEmpty(response['output_text']) ?? '')
    const reason = isObject(details) ? details['reason'] : undefined
    if (status === 'incomplete') this.#finish = incompleteReason(reason)
    else if (status === 'completed') this.#finish = 'stop'
    return 'end'
  }

  /**
   * Takes the texts of an item only if no item of its type had content before. Ids and indexes may
   * differ from those in the earlier events, so single items cannot be compared.
   */
  #output(items: readonly unknown[]): void {
    const untold = this.#texts.untold
    const known = this.#functionCalls.ids
    const areToolsTold = this.#hostedTools.areTold
    for (const [index, item] of items.entries()) {
      // Each item takes memory, even without content.
      if (this.draft.exceeded !== undefined) return
      if (!isObject(item)) continue
      const key: ItemKey = { id: nonEmpty(item['id']), index }
      const { type } = item
      if (type === 'message' || type === 'reasoning') {
        if (untold.has(type)) this.#texts.final(item, key)
      } else if (CALLS.has(type)) this.#functionCalls.final(item, key, known)
      else if (isHostedTool(type)) {
        if (!areToolsTold) this.#hostedTool(item)
      } else {
        this.#orphaned(type)
        if (type === 'image_generation_call') this.#pictures.item(item)
      }
    }
  }

  /** The reasoning before the item goes back with it. */
  #hostedTool(item: WireObject): void {
    if (this.#hostedTools.isKnown(item)) return
    this.#texts.resumed()
    if (!this.#hostedTools.add(item)) this.unread ??= kindOf(item['type'])
  }

  #orphaned(type: unknown): void {
    if (!PROVIDER_ITEMS.has(type)) this.unread ??= kindOf(type)
    this.#texts.orphaned()
  }
}

/** A response that is incomplete came to no natural end, whatever its reason says. */
function incompleteReason(value: unknown): FinishReason {
  const given = givenReason(value)
  const reason = given === undefined ? 'other' : finishReasonOf(given)
  return reason === 'stop' || reason === 'tool-calls' ? 'other' : reason
}

/**
 * Reads an error event. The error is in a field of the event, or the event itself is the error.
 * Some servers send error events without a type, or with a type that is the name of the error.
 */
function errorIn(event: WireObject, type: string | undefined): ProviderError | undefined {
  const isError = ERRORS.has(type) || event['object'] === 'error'
  if (!isError && nonEmpty(event['type'])) return typedError(event)
  if (!isError && !event['error'] && event['detail'] === undefined) {
    return type === undefined ? reportedError(event) : undefined
  }
  // If the event itself is the error, its type may say only that it is one.
  const isTypeKnown = ERRORS.has(event['type'])
  return readProviderError(isTypeKnown ? { ...event, type: undefined } : event) ?? { kinds: '' }
}

/** The events of the format have a type that says so; an answer is named as an object. */
function isOurs({ type, object }: WireObject): boolean {
  return (typeof type === 'string' && type.startsWith('response.')) || object === 'response'
}
