/**
 * Reads Anthropic's Messages format, as Anthropic and other providers send it: streams and JSON
 * answers.
 *
 * `request.ts` writes the requests. The blocks of server tools and blocks of unknown types are not
 * part of a reply. Knows nothing of bytes, HTTP and time.
 */
import type { ReplyEnd } from '../../../protocol/delta.ts'
import type { FinishReason } from '../../../protocol/message.ts'
import { readProviderError } from '../../provider-error.ts'
import type { ProviderError } from '../../provider-error.ts'
import type { ReplyDraft } from '../../reply-draft.ts'
import { isObject, nonEmpty } from '../../wire-value.ts'
import type { WireObject } from '../../wire-value.ts'
import type { WireRequestInfo, DialectReader, WireDialect } from '../dialect.ts'
import { CallMarker, extraFields } from '../history/call-mark.ts'
import { providerFingerprint } from '../provider-fingerprint.ts'
import { ToolCalls } from '../tool-calls.ts'
import { toUsage } from '../usage.ts'
import { messagesRequestBody } from './request.ts'
import { textOnly } from './text-only.ts'
import { addedUsage } from './usage.ts'

export const messages: WireDialect = {
  path: '/messages',
  // A page has 20 models by default. This is the largest page.
  modelsQuery: { limit: '1000' },
  headers: (apiKey) => ({
    'anthropic-version': '2023-06-01',
    ...(apiKey && { 'x-api-key': apiKey }),
  }),
  body: messagesRequestBody,
  reader: (draft, newId, asked) => new MessagesReader(draft, newId, asked),
  textOnly,
  volatileFields: [],
}

const FINISH_REASONS: ReadonlyMap<string, FinishReason> = new Map([
  ['end_turn', 'stop'],
  ['stop_sequence', 'stop'],
  ['max_tokens', 'length'],
  ['model_context_window_exceeded', 'length'],
  ['tool_use', 'tool-calls'],
  ['refusal', 'content-filter'],
])

/** The fields of a call's block that the format describes. */
const TOOL_USE: ReadonlySet<string> = new Set(['type', 'id', 'name', 'input', 'index'])

class MessagesReader implements DialectReader {
  readonly #draft: ReplyDraft
  readonly #asked: WireRequestInfo
  readonly #marker: CallMarker
  readonly #calls: ToolCalls
  /**
   * The indexes of blocks that are calls for the host. Calls of server tools have arguments too.
   */
  readonly #callBlocks = new Set<unknown>()
  /** Complete arguments that came at the start of the newest call. Used if no fragments follow. */
  #wholeInput: { readonly index: unknown; readonly input: unknown } | undefined
  /**
   * The newest block, if it is thinking. Signatures of older blocks are ignored: they would be
   * added to the wrong part.
   */
  #thinking: { readonly index: unknown } | undefined
  /** The stop reason as the provider wrote it. */
  #stopReason: string | undefined
  #usage: WireObject | undefined
  #model: string | undefined

  constructor(draft: ReplyDraft, newId: () => string, asked: WireRequestInfo) {
    this.#draft = draft
    this.#asked = asked
    this.#marker = new CallMarker(asked)
    this.#calls = new ToolCalls(draft, newId, this.#marker)
  }

  get isFinished(): boolean {
    return this.#stopReason !== undefined
  }

  event(event: WireObject, name: string | undefined): ProviderError | 'end' | undefined {
    const { index, delta, content_block: block, message } = event
    const type = nonEmpty(event['type']) ?? name
    switch (type) {
      case 'content_block_delta':
        if (isObject(delta)) this.#delta(index, delta)
        return undefined
      case 'content_block_start':
        if (isObject(block)) this.#open(index, block)
        return undefined
      case 'content_block_stop':
        this.#close()
        return undefined
      case 'message_start':
        if (isObject(message)) this.#known(message)
        return undefined
      case 'message_delta':
        this.#close()
        this.#known(event)
        if (isObject(delta)) this.#stopped(delta)
        return undefined
      case 'message_stop':
        this.#close()
        return 'end'
      default:
        return errorIn(event, type === 'error' || name === 'error')
    }
  }

  answer(answer: WireObject): ProviderError | undefined {
    const error = errorIn(answer, answer['type'] === 'error')
    if (error !== undefined) return error
    const { content } = answer
    if (!Array.isArray(content)) return readProviderError(answer)
    this.#known(answer)
    this.#stopped(answer)
    for (const block of content as unknown[]) {
      if (!isObject(block)) continue
      const { type, id, name, input } = block
      if (type !== 'tool_use') this.#content(block)
      else {
        const extra = extraFields(block, TOOL_USE)
        this.#calls.addWhole({ ...extra, id, function: { name, arguments: input } })
      }
    }
    return undefined
  }

  close(): ProviderError | undefined {
    const { fault } = this.#calls
    return fault === undefined ? undefined : { message: fault, kinds: '' }
  }

  end(): ReplyEnd {
    const finishReason = this.#finishReason()
    return {
      ...(finishReason !== undefined && { finishReason }),
      ...(this.#usage !== undefined && { usage: toUsage(this.#usage) }),
      ...(this.#model !== undefined && { model: this.#model }),
    }
  }

  #open(index: unknown, block: WireObject): void {
    this.#close()
    const { type, id, name, input } = block
    this.#thinking = type === 'thinking' ? { index } : undefined
    this.#callBlocks.delete(index)
    if (type === 'tool_use') {
      this.#callBlocks.add(index)
      this.#calls.addFragment({ ...extraFields(block, TOOL_USE), index, id, function: { name } })
      this.#wholeInput = { index, input }
    } else this.#content(block)
  }

  /**
   * Adds text and thinking without a look at their block. Events that match a template skip this
   * reader, so their text is added without one too.
   */
  #delta(index: unknown, delta: WireObject): void {
    const { type, text, thinking, signature, partial_json: json } = delta
    if (type === 'text_delta') this.#draft.text(nonEmpty(text) ?? '')
    else if (type === 'thinking_delta') this.#draft.reasoning(nonEmpty(thinking) ?? '')
    else if (type === 'signature_delta' && this.#thinking?.index === index) this.#sign(signature)
    else if (type === 'input_json_delta' && this.#callBlocks.has(index) && json) {
      if (this.#wholeInput?.index === index) this.#wholeInput = undefined
      this.#calls.addFragment({ index, function: { arguments: json } })
    }
  }

  /** The newest block is complete. Adds the arguments that came at its start, if they count. */
  #close(): void {
    const { index, input } = this.#wholeInput ?? {}
    this.#wholeInput = undefined
    if (!isObject(input) || Object.keys(input).length === 0) return
    this.#calls.addFragment({ index, function: { arguments: input } })
  }

  /** Adds the content that a block holds already. The block is not a tool call. */
  #content(block: WireObject): void {
    const { type, text, thinking, signature, data } = block
    if (type === 'text') this.#draft.text(nonEmpty(text) ?? '')
    if (type !== 'thinking' && type !== 'redacted_thinking') return
    this.#draft.separateReasoning()
    if (type === 'thinking') {
      // Until a signature comes. DeepSeek and Kimi send none, and want the thinking back.
      this.#marker.reasoningField = 'thinking'
      this.#draft.reasoning(nonEmpty(thinking) ?? '')
      this.#sign(signature)
    } else if (nonEmpty(data) !== undefined) this.#keep({ type, data })
  }

  /** A signature comes after all text of its block, so thinking with a signature is complete. */
  #sign(signature: unknown): void {
    if (nonEmpty(signature) === undefined) return
    this.#marker.reasoningField = undefined
    this.#keep({ type: 'thinking', signature })
  }

  #keep(opaque: object): void {
    this.#draft.reasoning('', { ...opaque, maker: providerFingerprint(this.#asked) })
  }

  #known(event: WireObject): void {
    const { usage, model } = event
    if (isObject(usage)) this.#usage = addedUsage(this.#usage, usage)
    this.#model ??= nonEmpty(model)
  }

  #stopped({ stop_reason: reason }: WireObject): void {
    this.#stopReason = nonEmpty(reason) ?? this.#stopReason
  }

  #finishReason(): FinishReason | undefined {
    if (this.#stopReason === undefined) return undefined
    const reason = FINISH_REASONS.get(this.#stopReason) ?? 'other'
    return reason === 'stop' && this.#calls.isAsked ? 'tool-calls' : reason
  }
}

/** Reads an error. Proxies send errors in forms of their own, without a type. */
function errorIn(event: WireObject, isError: boolean): ProviderError | undefined {
  if (!isError && (event['type'] !== undefined || !event['error'])) return undefined
  return readProviderError(event) ?? { kinds: '' }
}
