/**
 * Reads Anthropic's Messages format, as Anthropic and other providers send it: streams and JSON
 * answers.
 *
 * `request.ts` writes the requests. Blocks of unknown types are not part of a reply. Knows nothing of
 * bytes, HTTP and time.
 */
import type { FinishReason, Usage } from '../../../protocol/message.ts'
import { readProviderError, reportedError, typedError } from '../../provider-error.ts'
import type { ProviderError } from '../../provider-error.ts'
import type { ReplyDraft } from '../../reply-draft.ts'
import { isObject, nonEmpty } from '../../wire-value.ts'
import type { WireObject } from '../../wire-value.ts'
import type { Told, WireDialect, WireRequestInfo } from '../dialect.ts'
import { finishReasonOf, givenReason, isFailure } from '../finish-reasons.ts'
import { CallMarker, extraFields } from '../history/call-mark.ts'
import { pictureIn } from '../picture.ts'
import { Maker } from '../provider-fingerprint.ts'
import { ProviderTools } from '../provider-tool.ts'
import { ReplyReader } from '../reply-reader.ts'
import { StatedEnd } from '../stated-end.ts'
import { ToolCalls } from '../tool-calls.ts'
import { kindOf } from '../unread.ts'
import { UsageTally } from '../usage-tally.ts'
import { unwrapped } from '../wrapper.ts'
import { messagesRequestBody, quirksFromError } from './request.ts'
import { isServerTool, ServerTools } from './server-tools.ts'
import { textOnly } from './text-only.ts'

export const messages: WireDialect = {
  path: '/messages',
  // A page has 20 models by default. This is the largest page.
  modelsQuery: { limit: '1000' },
  headers: (apiKey) => ({
    'anthropic-version': '2023-06-01',
    ...(apiKey && { 'x-api-key': apiKey }),
  }),
  body: messagesRequestBody,
  ownFields: [{ path: 'tool_choice' }],
  quirksFromError,
  reader: (draft, newId, asked) => new MessagesReader(draft, newId, asked),
  textOnly,
  volatileFields: [],
}

/** The fields of a call's block that the format describes. */
const TOOL_USE: ReadonlySet<string> = new Set(['type', 'id', 'name', 'input', 'index'])

class MessagesReader extends ReplyReader {
  readonly #maker: Maker
  readonly #marker: CallMarker
  readonly #serverTools: ServerTools
  /** The indexes of blocks that are calls for the host. */
  readonly #callBlocks = new Set<unknown>()
  /** Complete arguments that came at the start of the newest call. Used if no fragments follow. */
  #wholeInput: { readonly index: unknown; readonly input: unknown } | undefined
  /**
   * The newest block, if it is thinking. Signatures of older blocks are ignored: they would be
   * added to the wrong part.
   */
  #thinking: { readonly index: unknown } | undefined
  /** True once the message has begun. It is read no further than its end. */
  #isOpen = false
  readonly #end: StatedEnd
  /**
   * The input tokens come in `message_start`, the output tokens in `message_delta`. Input tokens
   * leave out those read from a cache or written to one, unlike in other dialects. Output tokens
   * include thinking, even where its text is not shown.
   */
  readonly #usage = new UsageTally()

  constructor(draft: ReplyDraft, newId: () => string, asked: WireRequestInfo) {
    const marker = new CallMarker(asked)
    const calls = new ToolCalls(draft, newId, marker, { namesGrow: false })
    super(draft, calls)
    this.#maker = new Maker(asked)
    this.#marker = marker
    this.#serverTools = new ServerTools(new ProviderTools(draft, asked))
    this.#end = new StatedEnd(draft, calls)
  }

  get isFinished(): boolean {
    return this.#end.isStated
  }

  get isCertain(): boolean {
    return this.#end.isCertain
  }

  /** The format has an event for the end of a message, so a message without it was cut. */
  get isWhole(): boolean {
    return false
  }

  event(given: WireObject, name: string | undefined): Told | undefined {
    const event = unwrapped(given, isOurs)
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
        this.#serverTools.close(index)
        // Nothing of a call comes after its block.
        if (this.#callBlocks.delete(index)) this.calls.complete(index)
        return undefined
      case 'message_start':
        if (!isObject(message)) return undefined
        // Two replies would run into one, and their blocks have the same indexes.
        if (this.#isOpen) return 'another'
        this.#isOpen = true
        this.#known(message)
        return undefined
      case 'message_delta':
        this.#close()
        this.#known(event)
        return isObject(delta) ? this.#stopped(delta) : undefined
      case 'message_stop':
        this.#close()
        return 'end'
      default:
        return errorIn(event, type === 'error' || name === 'error')
    }
  }

  answer(given: WireObject): ProviderError | undefined {
    const answer = unwrapped(given, isOurs)
    const error = errorIn(answer, answer['type'] === 'error')
    if (error !== undefined) return error
    const { content } = answer
    if (!Array.isArray(content)) return reportedError(answer) ?? readProviderError(answer)
    this.#known(answer)
    for (const block of content as unknown[]) {
      if (!isObject(block)) continue
      const { type, id, name, input } = block
      if (isServerTool(type)) this.#kept(type, this.#serverTools.whole(block))
      else if (type !== 'tool_use') this.#content(block)
      else {
        const extra = extraFields(block, TOOL_USE)
        this.calls.addWhole({ ...extra, id, function: { name, arguments: input } }, true)
      }
    }
    return this.#stopped(answer)
  }

  override ended(): ProviderError | undefined {
    this.#end.close()
    return super.ended()
  }

  protected get statedReason(): FinishReason | undefined {
    const { reason } = this.#end
    return reason === undefined ? undefined : finishReasonOf(reason)
  }

  protected get usage(): Usage | undefined {
    return this.#usage.usage
  }

  #open(index: unknown, block: WireObject): void {
    this.#close()
    const { type, id, name, input } = block
    this.#thinking = type === 'thinking' ? { index } : undefined
    this.#callBlocks.delete(index)
    if (type === 'tool_use') {
      this.#callBlocks.add(index)
      this.calls.addFragment({ ...extraFields(block, TOOL_USE), index, id, function: { name } })
      this.#wholeInput = { index, input }
    } else if (isServerTool(type)) this.#kept(type, this.#serverTools.open(index, block))
    else this.#content(block)
  }

  /**
   * Adds text and thinking without a look at their block. Events that match a template skip this
   * reader, so their text is added without one too.
   */
  #delta(index: unknown, delta: WireObject): void {
    const { type, text, thinking, signature, partial_json: json } = delta
    if (type === 'text_delta') this.draft.text(nonEmpty(text) ?? '')
    else if (type === 'thinking_delta') this.draft.reasoning(nonEmpty(thinking) ?? '')
    else if (type === 'signature_delta' && this.#thinking?.index === index) this.#sign(signature)
    else if (type === 'input_json_delta' && this.#serverTools.fragment(index, json)) return
    else if (type === 'input_json_delta' && this.#callBlocks.has(index) && json) {
      if (this.#wholeInput?.index === index) this.#wholeInput = undefined
      this.calls.addFragment({ index, function: { arguments: json } })
    }
  }

  /** The newest block is complete. Adds the arguments that came at its start, if they count. */
  #close(): void {
    const { index, input } = this.#wholeInput ?? {}
    this.#wholeInput = undefined
    if (!isObject(input) || Object.keys(input).length === 0) return
    this.calls.addFragment({ index, function: { arguments: input } })
  }

  /** Adds the content that a block holds already. The block is not a tool call. */
  #content(block: WireObject): void {
    const { type, text, thinking, signature, data } = block
    this.draft.nextBlock()
    if (type === 'text') this.draft.text(nonEmpty(text) ?? '')
    if (type === 'image') this.#picture(block)
    if (!isThinking(type)) {
      const isRead = type === 'text' || type === 'image' || type === 'compaction'
      if (!isRead) this.unread ??= kindOf(type)
      return
    }
    this.draft.separateReasoning()
    if (type === 'thinking') {
      // Until a signature comes. DeepSeek and Kimi send none, and want the thinking back.
      this.#marker.reasoningField = 'thinking'
      this.draft.reasoning(nonEmpty(thinking) ?? '')
      this.#sign(signature)
    } else if (nonEmpty(data) !== undefined) this.#keep({ type, data })
  }

  /** A tool of the provider that cannot be kept counts as content that was not read. */
  #kept(type: string, isKept: boolean): void {
    if (!isKept) this.unread ??= kindOf(type)
  }

  #picture(block: WireObject): void {
    const picture = pictureIn(block, true)
    if (picture === undefined) return
    const maker = this.#maker.fingerprint
    this.draft.file(picture.mediaType, picture.url, { maker })
  }

  /** A signature comes after all text of its block, so thinking with a signature is complete. */
  #sign(signature: unknown): void {
    if (nonEmpty(signature) === undefined) return
    this.#marker.reasoningField = undefined
    this.#keep({ type: 'thinking', signature })
  }

  #keep(opaque: object): void {
    this.draft.reasoning('', { ...opaque, maker: this.#maker.fingerprint })
  }

  #known(event: WireObject): void {
    const { usage, model } = event
    if (isObject(usage)) this.#usage.add(usage)
    this.model ??= nonEmpty(model)
  }

  /** Returns an error if the model failed. */
  #stopped({ stop_reason: given }: WireObject): ProviderError | undefined {
    const reason = givenReason(given)
    if (reason === undefined) return undefined
    if (isFailure(reason)) return { message: 'The model failed', kinds: '' }
    this.#end.state(reason, finishReasonOf(reason), this.#end.progress)
    return undefined
  }
}

/** The events and answers of the format have a type, whose first word is one of two. */
function isOurs({ type }: WireObject): boolean {
  return typeof type === 'string' && /^(message|content)(_|$)/.test(type)
}

/** Reads an error. Proxies send errors in forms of their own, with other types or without one. */
function errorIn(event: WireObject, isError: boolean): ProviderError | undefined {
  if (!isError && event['type'] !== undefined) return isOurs(event) ? undefined : typedError(event)
  if (!isError && !event['error']) {
    return Array.isArray(event['content']) ? undefined : reportedError(event)
  }
  return readProviderError(event) ?? { kinds: '' }
}

function isThinking(type: unknown): boolean {
  return type === 'thinking' || type === 'redacted_thinking'
}
