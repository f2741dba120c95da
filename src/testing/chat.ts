/** Makes replies in the chat-completions format. Knows nothing of sockets. */
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

/** The delta of a chunk. Other fields are allowed. */
export interface ChunkDelta {
  readonly role?: string
  readonly content?: unknown
  readonly [field: string]: unknown
}

/** Options of a reply in chat completions. */
export interface ChatReplyOptions extends ScriptedReplyOptions {
  /**
   * The `usage` object, sent in a last chunk without choices. Without it that chunk is left out.
   */
  readonly usage?: object | undefined
  /**
   * `null`: no chunk has a finish reason. @defaultValue `'stop'`, or `'tool_calls'` if the reply
   * has tool calls
   */
  readonly finishReason?: string | null | undefined
  /** `false` leaves out `[DONE]`. */
  readonly done?: boolean | undefined
}

/**
 * One `chat.completion.chunk` with one choice.
 *
 * @param extra - fields of the chunk; `finish_reason` and `index` go into the choice
 */
export function chunk(delta: ChunkDelta | null, extra: Record<string, unknown> = {}): object {
  const { finish_reason: finishReason = null, index = 0, ...fields } = extra
  return {
    id: 'chatcmpl-1',
    object: 'chat.completion.chunk',
    created: 1_700_000_000,
    model: SCRIPTED_MODEL,
    choices: [{ index, delta, finish_reason: finishReason }],
    ...fields,
  }
}

/** The events of a proper stream: role, deltas, finish reason, usage, `[DONE]`. */
export function chatEvents(
  texts: string | readonly string[],
  options: ChatReplyOptions = {},
): readonly StreamEvent[] {
  const { reasoning = [], toolCalls = [], usage, model = SCRIPTED_MODEL } = options
  const finishReason = finishReasonOf(options)
  const plain = (...args: Parameters<typeof chunk>): StreamEvent => ({
    text: sse(chunk(args[0], { model, ...args[1] })),
    isDelta: false,
  })
  const delta = (content: ChunkDelta): StreamEvent => ({ ...plain(content), isDelta: true })
  return [
    plain({ role: 'assistant', content: '' }),
    ...reasoning.map((text) => delta({ reasoning_content: text })),
    ...textsOf(texts).map((text) => delta({ content: text })),
    ...toolCalls.flatMap((call, index) => {
      const { id, name } = call
      const first = { index, id, type: 'function', function: { name, arguments: '' } }
      return [
        first,
        ...fragmentsOf(call).map((text) => ({ index, function: { arguments: text } })),
      ].map((entry) => delta({ tool_calls: [entry] }))
    }),
    ...(finishReason === null ? [] : [plain({}, { finish_reason: finishReason })]),
    ...(usage === undefined ? [] : [plain(null, { choices: [], usage })]),
    ...(options.done === false ? [] : [{ text: sse('[DONE]'), isDelta: false }]),
  ]
}

/** The same reply as one `chat.completion`, for requests that do not stream. */
export function chatAnswer(
  texts: string | readonly string[],
  options: ChatReplyOptions = {},
): object {
  const { reasoning = [], toolCalls = [], usage, model = SCRIPTED_MODEL } = options
  const message = {
    role: 'assistant',
    content: textsOf(texts).join(''),
    ...(reasoning.length > 0 && { reasoning_content: reasoning.join('') }),
    ...(toolCalls.length > 0 && {
      tool_calls: toolCalls.map((call) => ({
        id: call.id,
        type: 'function',
        function: { name: call.name, arguments: argumentsOf(call) },
      })),
    }),
  }
  return {
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1_700_000_000,
    model,
    choices: [{ index: 0, message, finish_reason: finishReasonOf(options) }],
    ...(usage !== undefined && { usage }),
  }
}

/** Streams a reply, each event in a write of its own, even if the request asks for no stream. */
export function chatStream(
  texts: string | readonly string[],
  options: ChatReplyOptions = {},
): Script {
  return streamOf(chatEvents, texts, options)
}

/** Replies as the request asks: with a stream, or with one JSON answer. */
export function chatReply(
  texts: string | readonly string[],
  options: ChatReplyOptions = {},
): Script {
  return asAsked(chatStream(texts, options), chatAnswer, texts, options)
}

/** Sends a delta every few milliseconds until the client leaves. */
export function endless(text = 'word ', everyMs = 3): Script {
  return async (exchange) => {
    exchange.write(chunk({ role: 'assistant', content: '' }))
    const timer = setInterval(() => exchange.write(chunk({ content: text })), everyMs)
    await exchange.closed
    clearInterval(timer)
  }
}

function finishReasonOf({ finishReason, toolCalls = [] }: ChatReplyOptions): string | null {
  return finishReason === undefined ? (toolCalls.length > 0 ? 'tool_calls' : 'stop') : finishReason
}
