/** Makes replies in the format of Anthropic's Messages API. Knows nothing of sockets. */
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

/** Options of a reply in the Messages API. */
export interface MessagesReplyOptions extends ScriptedReplyOptions {
  /**
   * The `usage` that `message_delta` reports at the end. @defaultValue 9 input tokens, and one
   * output token for each text
   */
  readonly usage?: object | undefined
  /**
   * `null`: the reply ends without a stop reason. @defaultValue `'end_turn'`, or `'tool_use'` if
   * the reply has tool calls
   */
  readonly stopReason?: string | null | undefined
  /** The signature of the reasoning. @defaultValue `'sig-1'` */
  readonly signature?: string | undefined
  /** `false` leaves out `message_stop`. */
  readonly stop?: boolean | undefined
}

/** A content block: how it begins, its deltas, and the complete block. */
interface Block {
  readonly empty: object
  readonly deltas: readonly object[]
  readonly whole: object
}

/**
 * The events of a proper stream: `message_start`, `ping`, the blocks, `message_delta`,
 * `message_stop`.
 */
export function messagesEvents(
  texts: string | readonly string[],
  options: MessagesReplyOptions = {},
): readonly StreamEvent[] {
  const stopReason = stopReasonOf(options)
  const usage = usageOf(texts, options)
  const message = {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: options.model ?? SCRIPTED_MODEL,
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: { ...usage, output_tokens: 1 },
  }
  return [
    event('message_start', { message }),
    event('ping', {}),
    ...blocksOf(texts, options).flatMap(({ empty, deltas }, index) => [
      event('content_block_start', { index, content_block: empty }),
      ...deltas.map((delta) => event('content_block_delta', { index, delta }, true)),
      event('content_block_stop', { index }),
    ]),
    ...(stopReason === null
      ? []
      : [
          event('message_delta', {
            delta: { stop_reason: stopReason, stop_sequence: null },
            usage,
          }),
        ]),
    ...(options.stop === false ? [] : [event('message_stop', {})]),
  ]
}

/** The same reply as one message, for requests that do not stream. */
export function messagesAnswer(
  texts: string | readonly string[],
  options: MessagesReplyOptions = {},
): object {
  return {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: options.model ?? SCRIPTED_MODEL,
    content: blocksOf(texts, options).map(({ whole }) => whole),
    stop_reason: stopReasonOf(options),
    stop_sequence: null,
    usage: usageOf(texts, options),
  }
}

/** Streams a reply, each event in a write of its own, even if the request asks for no stream. */
export function messagesStream(
  texts: string | readonly string[],
  options: MessagesReplyOptions = {},
): Script {
  return streamOf(messagesEvents, texts, options)
}

/** Replies as the request asks: with a stream, or with one JSON answer. */
export function messagesReply(
  texts: string | readonly string[],
  options: MessagesReplyOptions = {},
): Script {
  return asAsked(messagesStream(texts, options), messagesAnswer, texts, options)
}

function event(type: string, fields: object, isDelta = false): StreamEvent {
  return { text: sse({ type, ...fields }, type), isDelta }
}

function blocksOf(
  texts: string | readonly string[],
  { reasoning = [], toolCalls = [], signature = 'sig-1' }: MessagesReplyOptions,
): readonly Block[] {
  const deltas = textsOf(texts)
  const thinking = reasoning.join('')
  return [
    ...(reasoning.length > 0
      ? [
          {
            empty: { type: 'thinking', thinking: '', signature: '' },
            deltas: [
              ...reasoning.map((text) => ({ type: 'thinking_delta', thinking: text })),
              { type: 'signature_delta', signature },
            ],
            whole: { type: 'thinking', thinking, signature },
          },
        ]
      : []),
    ...(deltas.length > 0
      ? [
          {
            empty: { type: 'text', text: '' },
            deltas: deltas.map((text) => ({ type: 'text_delta', text })),
            whole: { type: 'text', text: deltas.join('') },
          },
        ]
      : []),
    ...toolCalls.map((call) => ({
      empty: { type: 'tool_use', id: call.id, name: call.name, input: {} },
      deltas: fragmentsOf(call).map((text) => ({ type: 'input_json_delta', partial_json: text })),
      whole: { type: 'tool_use', id: call.id, name: call.name, input: inputOf(argumentsOf(call)) },
    })),
  ]
}

/** Parses the arguments of a call. An empty text means no arguments. */
function inputOf(text: string): unknown {
  return text === '' ? {} : JSON.parse(text)
}

function stopReasonOf({ stopReason, toolCalls = [] }: MessagesReplyOptions): string | null {
  return stopReason === undefined ? (toolCalls.length > 0 ? 'tool_use' : 'end_turn') : stopReason
}

function usageOf(texts: string | readonly string[], { usage }: MessagesReplyOptions): object {
  return usage ?? { input_tokens: 9, output_tokens: textsOf(texts).length }
}
