/**
 * Reads OpenAI's Responses format: streams of events about output items, and JSON answers.
 *
 * The same text comes up to four times: in deltas, in the event that ends its part, in its item,
 * and in the final response. The first of them counts. A text that one of them lacks is taken from
 * the next. Items of tools that run at the provider are not read.
 *
 * `request.ts` writes the requests. Knows nothing of bytes, HTTP and time.
 */
import type { ReplyEnd } from '../../../protocol/delta.ts'
import type { FinishReason, Usage } from '../../../protocol/message.ts'
import { readProviderError } from '../../provider-error.ts'
import type { ProviderError } from '../../provider-error.ts'
import type { ReplyDraft } from '../../reply-draft.ts'
import { isObject, nonEmpty } from '../../wire-value.ts'
import type { WireObject } from '../../wire-value.ts'
import { bearer } from '../bearer.ts'
import type { WireRequestInfo, DialectReader, WireDialect } from '../dialect.ts'
import { FunctionCalls } from './calls.ts'
import { itemKey } from './items.ts'
import type { ItemKey } from './items.ts'
import { responsesRequestBody } from './request.ts'
import { textOnly, TEXT_DELTAS } from './text-only.ts'
import { ResponseTexts } from './texts.ts'
import type { TextKind } from './texts.ts'
import { responseUsage } from './usage.ts'

export const responses: WireDialect = {
  path: '/responses',
  headers: bearer,
  body: responsesRequestBody,
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

const ERRORS: ReadonlySet<unknown> = new Set(['error', 'response.error'])

const INCOMPLETE: ReadonlyMap<unknown, FinishReason> = new Map([
  ['max_output_tokens', 'length'],
  ['max_tokens', 'length'],
  ['content_filter', 'content-filter'],
])

class ResponsesReader implements DialectReader {
  readonly #draft: ReplyDraft
  readonly #texts: ResponseTexts
  readonly #calls: FunctionCalls
  #finish: FinishReason | undefined
  #usage: Usage | undefined
  #model: string | undefined

  constructor(draft: ReplyDraft, newId: () => string, asked: WireRequestInfo) {
    this.#draft = draft
    this.#texts = new ResponseTexts(draft, asked)
    this.#calls = new FunctionCalls(draft, newId, asked, () => this.#texts.followed())
  }

  get isFinished(): boolean {
    return this.#finish !== undefined
  }

  event(event: WireObject, name: string | undefined): ProviderError | 'end' | undefined {
    const type = nonEmpty(event['type']) ?? name
    const kind = TEXT_DELTAS.get(type)
    if (kind !== undefined) {
      this.#texts.delta(kind, event)
      return undefined
    }
    const whole = WHOLES.get(type)
    if (whole !== undefined) this.#texts.whole(whole[0], event[whole[1]], itemKey(event), event)
    else if (type === 'response.function_call_arguments.delta') this.#calls.delta(event)
    else if (type === 'response.function_call_arguments.done') this.#calls.whole(event)
    else if (type === 'response.output_item.added') this.#item(event, false)
    else if (type === 'response.output_item.done') this.#item(event, true)
    const { response } = event
    if (isObject(response)) this.#model ??= nonEmpty(response['model'])
    if (ENDS.has(type)) return this.#over(isObject(response) ? response : {}, ENDS.get(type))
    return ERRORS.has(type) || !nonEmpty(event['type']) ? errorIn(event, type) : undefined
  }

  answer(answer: WireObject): ProviderError | undefined {
    this.#model ??= nonEmpty(answer['model'])
    const { output, output_text: text } = answer
    if (!Array.isArray(output) && !nonEmpty(text)) return readProviderError(answer)
    const told = this.#over(answer, undefined)
    return told === 'end' ? undefined : told
  }

  close(): ProviderError | undefined {
    const { fault } = this.#calls
    return fault === undefined ? undefined : { message: fault, kinds: '' }
  }

  end(): ReplyEnd {
    const finishReason = this.#finishReason()
    return {
      ...(finishReason !== undefined && { finishReason }),
      ...(this.#usage !== undefined && { usage: this.#usage }),
      ...(this.#model !== undefined && { model: this.#model }),
    }
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
    } else if (type === 'function_call') {
      if (isDone) this.#calls.item(item, key)
      else this.#calls.open(item, key)
    } else this.#texts.orphaned()
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
    this.#calls.finish()
    if (!this.#draft.hasContent) this.#draft.text(nonEmpty(response['output_text']) ?? '')
    const reason = isObject(details) ? details['reason'] : undefined
    if (status === 'incomplete') this.#finish = INCOMPLETE.get(reason) ?? 'other'
    else if (status === 'completed') this.#finish = 'stop'
    return 'end'
  }

  /**
   * Takes the texts of an item only if no item of its type had content before. Ids and indexes may
   * differ from those in the earlier events, so single items cannot be compared.
   */
  #output(items: readonly unknown[]): void {
    const untold = this.#texts.untold
    const known = this.#calls.ids
    for (const [index, item] of items.entries()) {
      if (!isObject(item)) continue
      const key: ItemKey = { id: nonEmpty(item['id']), index }
      const { type } = item
      if (type === 'message' || type === 'reasoning') {
        if (untold.has(type)) this.#texts.final(item, key)
      } else if (type === 'function_call') this.#calls.final(item, key, known)
      else this.#texts.orphaned()
    }
  }

  #finishReason(): FinishReason | undefined {
    if (this.#finish !== undefined && this.#texts.isRefused) return 'content-filter'
    return this.#finish === 'stop' && this.#calls.isAsked ? 'tool-calls' : this.#finish
  }
}

/**
 * Reads an error event. The error is in a field of the event, or the event itself is the error.
 * Some servers send error events without a type.
 */
function errorIn(event: WireObject, type: string | undefined): ProviderError | undefined {
  const isError = ERRORS.has(type) || event['object'] === 'error'
  if (!isError && !event['error'] && event['detail'] === undefined) return undefined
  // If the event itself is the error, its type says only that it is one.
  return readProviderError(isError ? { ...event, type: undefined } : event) ?? { kinds: '' }
}
