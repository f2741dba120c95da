/** Streams of the Responses format. Different sets of events can report the output items. */
import type { Script } from './provider.ts'

/** An output item, in its final state. */
export type ResponseItem =
  | { readonly type: 'message'; readonly texts: readonly string[] }
  | {
      readonly type: 'reasoning'
      readonly texts: readonly string[]
      /** `summary_text` or `reasoning_text`. @defaultValue `'summary'` */
      readonly as?: 'summary' | 'reasoning' | undefined
      readonly encrypted?: string | undefined
    }
  | {
      readonly type: 'function_call'
      readonly callId: string
      readonly name: string
      readonly arguments: string
    }
  | { readonly type: 'web_search_call' }

/**
 * The events that tell of the items, and the ids they use. By default all, as OpenAI sends them.
 */
export interface Telling {
  readonly deltas?: boolean | undefined
  /** The `done` events of texts and parts. */
  readonly dones?: boolean | undefined
  /** `response.output_item.added` */
  readonly added?: boolean | undefined
  /** `response.output_item.done` */
  readonly items?: boolean | undefined
  /** True if the last event holds the items too. */
  readonly output?: boolean | undefined
  /** `rotating`: another id in each event. */
  readonly ids?: 'steady' | 'rotating' | 'none' | undefined
  readonly indexes?: 'counting' | 'all 0' | 'none' | undefined
}

let sequence = 0

/** An event with its sequence number, which every event has. */
export function responseEvent(type: string, fields: object = {}): object {
  sequence += 1
  return { type, sequence_number: sequence, ...fields }
}

/** The event that ends a response. */
export function ended(status: string, fields: object = {}): object {
  const response = { id: 'resp_1', object: 'response', model: 'scripted-1', output: [], ...fields }
  return responseEvent(`response.${status}`, { response: { ...response, status } })
}

/** An item in the form that the output holds. */
export function outputItem(item: ResponseItem, id?: string): object {
  const { type } = item
  if (item.type === 'function_call') {
    return { type, id, call_id: item.callId, name: item.name, arguments: item.arguments }
  }
  if (item.type === 'web_search_call') return { type, id, status: 'completed' }
  if (item.type === 'message') {
    const content = item.texts.map((text) => ({ type: 'output_text', text, annotations: [] }))
    return { type, id, role: 'assistant', status: 'completed', content }
  }
  const kind = item.as ?? 'summary'
  const texts = item.texts.map((text) => ({ type: `${kind}_text`, text }))
  return {
    type,
    id,
    summary: kind === 'summary' ? texts : [],
    ...(kind === 'reasoning' && { content: texts }),
    ...(item.encrypted !== undefined && { encrypted_content: item.encrypted }),
  }
}

/** All events for these items, with the last one. */
export function responseEvents(
  items: readonly ResponseItem[],
  telling: Telling = {},
  end: object = {},
): object[] {
  const { added = true, items: isDone = true, output = true } = telling
  let rotations = 0
  const idOf = (n: number): string | undefined => {
    if (telling.ids === 'none') return undefined
    return telling.ids === 'rotating' ? `rotated_${(rotations += 1)}` : `item_${n}`
  }
  const events = items.flatMap((item, n) => {
    const index = { counting: n, 'all 0': 0, none: undefined }[telling.indexes ?? 'counting']
    const place = (): object => ({ output_index: index, item_id: idOf(n) })
    const begun = outputItem(empty(item), idOf(n))
    return [
      ...(added
        ? [responseEvent('response.output_item.added', { output_index: index, item: begun })]
        : []),
      ...textEvents(item, telling, place),
      ...(isDone
        ? [
            responseEvent('response.output_item.done', {
              output_index: index,
              item: outputItem(item, idOf(n)),
            }),
          ]
        : []),
    ]
  })
  const whole = output ? items.map((item, n) => outputItem(item, idOf(n))) : []
  return [
    responseEvent('response.created', { response: { model: 'scripted-1', output: [] } }),
    ...events,
    ended('completed', { output: whole, ...end }),
  ]
}

/** A stream of these events, each in its own write. The body ends after them. */
export function responded(items: readonly ResponseItem[], telling?: Telling, end?: object): Script {
  return (exchange) => {
    for (const event of responseEvents(items, telling, end)) exchange.write(event)
    exchange.response.end()
  }
}

function empty(item: ResponseItem): ResponseItem {
  if (item.type === 'function_call') return { ...item, arguments: '' }
  return item.type === 'web_search_call' ? item : { ...item, texts: [] }
}

function textEvents(item: ResponseItem, telling: Telling, place: () => object): object[] {
  const { deltas = true, dones = true } = telling
  if (item.type === 'web_search_call') {
    return [responseEvent('response.web_search_call.completed', place())]
  }
  const isCall = item.type === 'function_call'
  const kind = isCall ? 'function_call_arguments' : textKind(item)
  const field = isCall ? 'arguments' : 'text'
  return (isCall ? [item.arguments] : item.texts).flatMap((text, part) => {
    const partField = kind === 'reasoning_summary_text' ? 'summary_index' : 'content_index'
    const where = (): object => ({ ...place(), ...(!isCall && { [partField]: part }) })
    return [
      ...(deltas
        ? pieces(text).map((delta) =>
            responseEvent(`response.${kind}.delta`, { ...where(), delta, obfuscation: 'x' }),
          )
        : []),
      ...(dones ? [responseEvent(`response.${kind}.done`, { ...where(), [field]: text })] : []),
    ]
  })
}

function textKind(item: Exclude<ResponseItem, { type: 'function_call' | 'web_search_call' }>) {
  if (item.type === 'message') return 'output_text'
  return item.as === 'reasoning' ? 'reasoning_text' : 'reasoning_summary_text'
}

/** A text in fragments of three characters. */
function pieces(text: string): string[] {
  return text.match(/[^]{1,3}/g) ?? []
}
