/** Makes replies in the format of OpenAI's Responses API. Knows nothing of sockets. */
import type { Script } from './script.ts'
import {
  SCRIPTED_MODEL,
  argumentsOf,
  asAsked,
  fragmentsOf,
  sse,
  streamOf,
  textsOf,
} from './stream-event.ts'
import type { ScriptedReplyOptions, StreamEvent } from './stream-event.ts'

/** Options of a reply in the Responses API. */
export interface ResponsesReplyOptions extends ScriptedReplyOptions {
  /** The `usage` of the response. @defaultValue `null` */
  readonly usage?: object | undefined
  /**
   * How the response ends. `null`: the stream has no terminal event. @defaultValue `'completed'`
   */
  readonly status?: 'completed' | 'incomplete' | 'failed' | null | undefined
  /** Why the response is `incomplete`. @defaultValue `'max_output_tokens'` */
  readonly incompleteReason?: string | undefined
  /** Why the response is `failed`. @defaultValue a `server_error` */
  readonly error?: { readonly code: string; readonly message: string } | undefined
  /** The encrypted content of the reasoning item, opaque to clients. */
  readonly encryptedReasoning?: string | undefined
  /** `true` ends the stream with `[DONE]`, as some compatible servers do. */
  readonly done?: boolean | undefined
}

/** An output item: how it begins, the events that fill it, and the complete item. */
interface Item {
  readonly empty: object
  /**
   * The events between `output_item.added` and `output_item.done`. Each has a type, its fields, and
   * `true` if it is a delta.
   */
  readonly growth: readonly (readonly [string, object, boolean?])[]
  readonly whole: object
}

/** The events of a proper stream, from `response.created` to the terminal event. */
export function responsesEvents(
  texts: string | readonly string[],
  options: ResponsesReplyOptions = {},
): readonly StreamEvent[] {
  const { status = 'completed' } = options
  let sequence = 0
  const event = (type: string, fields: object, isDelta = false): StreamEvent => ({
    text: sse({ type, sequence_number: sequence++, ...fields }, type),
    isDelta,
  })
  const begun = responseOf([], { ...options, usage: undefined }, 'in_progress')
  const items = itemsOf(texts, options)
  return [
    event('response.created', { response: begun }),
    event('response.in_progress', { response: begun }),
    ...items.flatMap(({ empty, growth, whole }, index) => [
      event('response.output_item.added', { output_index: index, item: empty }),
      ...growth.map(([type, fields, isDelta]) =>
        event(`response.${type}`, { output_index: index, ...fields }, isDelta),
      ),
      event('response.output_item.done', { output_index: index, item: whole }),
    ]),
    ...(status === null
      ? []
      : [event(`response.${status}`, { response: responseOf(items, options, status) })]),
    ...(options.done === true ? [{ text: sse('[DONE]'), isDelta: false }] : []),
  ]
}

/** The same reply as one response, for requests that do not stream. */
export function responsesAnswer(
  texts: string | readonly string[],
  options: ResponsesReplyOptions = {},
): object {
  return responseOf(itemsOf(texts, options), options, options.status ?? 'completed')
}

/** Streams a reply, each event in a write of its own, even if the request asks for no stream. */
export function responsesStream(
  texts: string | readonly string[],
  options: ResponsesReplyOptions = {},
): Script {
  return streamOf(responsesEvents, texts, options)
}

/** Replies as the request asks: with a stream, or with one JSON answer. */
export function responsesReply(
  texts: string | readonly string[],
  options: ResponsesReplyOptions = {},
): Script {
  return asAsked(responsesStream(texts, options), responsesAnswer, texts, options)
}

function responseOf(
  items: readonly Item[],
  options: ResponsesReplyOptions,
  status: string,
): object {
  const { usage = null, model = SCRIPTED_MODEL, incompleteReason = 'max_output_tokens' } = options
  const { error = { code: 'server_error', message: 'The model failed.' } } = options
  return {
    id: 'resp_1',
    object: 'response',
    created_at: 1_700_000_000,
    status,
    error: status === 'failed' ? error : null,
    incomplete_details: status === 'incomplete' ? { reason: incompleteReason } : null,
    model,
    output: items.map(({ whole }) => whole),
    usage,
  }
}

function itemsOf(
  texts: string | readonly string[],
  { reasoning = [], toolCalls = [], encryptedReasoning }: ResponsesReplyOptions,
): readonly Item[] {
  const deltas = textsOf(texts)
  return [
    ...(reasoning.length > 0 ? [reasoningItem(reasoning, encryptedReasoning)] : []),
    ...(deltas.length > 0 ? [messageItem(deltas)] : []),
    ...toolCalls.map((call, n) => {
      const item = { id: `fc_${n + 1}`, type: 'function_call', call_id: call.id, name: call.name }
      const place = { item_id: item.id }
      const whole = argumentsOf(call)
      return {
        empty: { ...item, status: 'in_progress', arguments: '' },
        growth: [
          ...fragmentsOf(call).map(
            (delta) => ['function_call_arguments.delta', { ...place, delta }, true] as const,
          ),
          [
            'function_call_arguments.done',
            { ...place, name: call.name, arguments: whole },
          ] as const,
        ],
        whole: { ...item, status: 'completed', arguments: whole },
      }
    }),
  ]
}

function messageItem(deltas: readonly string[]): Item {
  const item = { id: 'msg_1', type: 'message', role: 'assistant' }
  const place = { item_id: item.id, content_index: 0 }
  const part = (text: string): object => ({ type: 'output_text', text, annotations: [] })
  const text = deltas.join('')
  return {
    empty: { ...item, status: 'in_progress', content: [] },
    growth: [
      ['content_part.added', { ...place, part: part('') }],
      ...deltas.map(
        (delta) => ['output_text.delta', { ...place, delta, logprobs: [] }, true] as const,
      ),
      ['output_text.done', { ...place, text, logprobs: [] }],
      ['content_part.done', { ...place, part: part(text) }],
    ],
    whole: { ...item, status: 'completed', content: [part(text)] },
  }
}

function reasoningItem(deltas: readonly string[], encrypted: string | undefined): Item {
  const item = { id: 'rs_1', type: 'reasoning' }
  const place = { item_id: item.id, summary_index: 0 }
  const part = (text: string): object => ({ type: 'summary_text', text })
  const text = deltas.join('')
  return {
    empty: { ...item, summary: [] },
    growth: [
      ['reasoning_summary_part.added', { ...place, part: part('') }],
      ...deltas.map(
        (delta) => ['reasoning_summary_text.delta', { ...place, delta }, true] as const,
      ),
      ['reasoning_summary_text.done', { ...place, text }],
      ['reasoning_summary_part.done', { ...place, part: part(text) }],
    ],
    whole: {
      ...item,
      summary: [part(text)],
      ...(encrypted !== undefined && { encrypted_content: encrypted }),
    },
  }
}
