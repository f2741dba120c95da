/**
 * The chat-completions dialect, in all the variants that servers speak.
 *
 * Reads streams and JSON answers; `request.ts` writes the requests. `<think>` tags inside the text
 * are text. Knows nothing of bytes, HTTP or time.
 */
import type { ReplyEnd } from '../../../protocol/delta.ts'
import type { FinishReason } from '../../../protocol/message.ts'
import { readProviderError } from '../../provider-error.ts'
import type { ProviderError } from '../../provider-error.ts'
import type { ReplyDraft } from '../../reply-draft.ts'
import { isObject, nonEmpty, numberIn } from '../../wire-value.ts'
import type { WireObject } from '../../wire-value.ts'
import { bearer } from '../bearer.ts'
import type { DialectReader, WireDialect, WireRequestInfo } from '../dialect.ts'
import { CallMarker } from '../history/call-mark.ts'
import { ToolCalls } from '../tool-calls.ts'
import { toUsage } from '../usage.ts'
import { ChatReasoning } from './reasoning.ts'
import { chatRequestBody, quirksFromError } from './request.ts'
import { textOnly } from './text-only.ts'
import { laterUsage, usageIn } from './usage.ts'

export const chatCompletions: WireDialect = {
  path: '/chat/completions',
  headers: bearer,
  body: chatRequestBody,
  quirksFromError: quirksFromError,
  reader: (draft, newId, asked) => new ChatCompletionsReader(draft, newId, asked),
  textOnly,
  // OpenAI and others pad their events, so that the length of an event does not reveal its text.
  volatileFields: ['id', 'created', 'obfuscation', 'p'],
}

const FINISH_REASONS: ReadonlyMap<string, FinishReason> = new Map([
  ['stop', 'stop'],
  ['length', 'length'],
  ['max_tokens', 'length'],
  ['model_length', 'length'],
  ['model_context_window_exceeded', 'length'],
  ['tool_calls', 'tool-calls'],
  ['function_call', 'tool-calls'],
  ['content_filter', 'content-filter'],
])

/** The longest name of a model that is kept, since it is stored with every reply. */
const LONGEST_MODEL = 500

class ChatCompletionsReader implements DialectReader {
  readonly #draft: ReplyDraft
  readonly #reasoning: ChatReasoning
  readonly #calls: ToolCalls
  /** The finish reason as the provider wrote it. */
  #finish: string | undefined
  #isRefused = false
  #usage: WireObject | undefined
  #model: string | undefined

  constructor(draft: ReplyDraft, newId: () => string, asked: WireRequestInfo) {
    this.#draft = draft
    const marker = new CallMarker(asked)
    this.#reasoning = new ChatReasoning(draft, asked, marker)
    this.#calls = new ToolCalls(draft, newId, marker)
  }

  get isFinished(): boolean {
    return this.#finish !== undefined
  }

  event(event: WireObject, name: string | undefined): ProviderError | undefined {
    const choice = this.#known(event)
    const error = errorIn(event, choice, name)
    if (choice !== undefined && error === undefined) {
      const { delta, message } = choice
      if (isObject(delta)) this.#delta(delta)
      // Some servers repeat the whole message so far beside each delta, so a message is read only
      // if there is no content yet.
      else if (isObject(message) && !this.#draft.hasContent) this.#message(message)
    }
    return error ?? this.#finishedWith(choice)
  }

  answer(answer: WireObject): ProviderError | undefined {
    const choice = this.#known(answer)
    const error = errorIn(answer, choice, undefined)
    if (error !== undefined) return error
    const message = choice?.['message'] ?? choice?.['delta']
    if (isObject(message)) this.#message(message)
    else if (typeof choice?.['text'] === 'string') this.#draft.text(choice['text'])
    else if (choice === undefined) return readProviderError(answer)
    return this.#finishedWith(choice)
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

  /** Notes usage and model, which any chunk may hold. Returns the choice to read. */
  #known(event: WireObject): WireObject | undefined {
    const choice = firstChoice(event['choices'])
    const usage = usageIn(event, choice)
    if (usage !== undefined) this.#usage = laterUsage(this.#usage, usage)
    this.#model ??= nonEmpty(event['model'])?.slice(0, LONGEST_MODEL)
    return choice
  }

  #delta(delta: WireObject): void {
    this.#content(delta)
    const calls = delta['tool_calls']
    if (Array.isArray(calls)) for (const call of calls) this.#calls.addFragment(call)
    // The predecessor of tool calls: one call, without id or index.
    if (isObject(delta['function_call'])) {
      this.#calls.addFragment({ function: delta['function_call'] })
    }
  }

  #message(message: WireObject): void {
    this.#content(message)
    const calls = message['tool_calls']
    if (Array.isArray(calls)) for (const call of calls) this.#calls.addWhole(call)
    if (isObject(message['function_call'])) {
      this.#calls.addWhole({ function: message['function_call'] })
    }
  }

  #content(delta: WireObject): void {
    this.#reasoning.read(delta)
    const { content, refusal } = delta
    if (typeof content === 'string') this.#draft.text(content)
    else if (Array.isArray(content)) for (const part of content) this.#part(part)
    if (typeof refusal === 'string' && refusal !== '') {
      this.#isRefused = true
      this.#draft.text(refusal)
    }
  }

  /** Reads an item of a content array, as Mistral sends it: text, or thinking that holds texts. */
  #part(part: unknown): void {
    if (typeof part === 'string') this.#draft.text(part)
    if (!isObject(part)) return
    const { thinking, text } = part
    if (typeof thinking === 'string') this.#reasoning.inContent(thinking)
    else if (Array.isArray(thinking)) {
      for (const thought of thinking) {
        if (isObject(thought)) this.#reasoning.inContent(nonEmpty(thought['text']) ?? '')
      }
    } else if (typeof text === 'string') this.#draft.text(text)
  }

  #finishedWith(choice: WireObject | undefined): ProviderError | undefined {
    const reason = nonEmpty(choice?.['finish_reason'])
    if (reason === undefined) return undefined
    if (reason === 'error') return { message: 'The model failed', kinds: '' }
    this.#finish = reason
    return undefined
  }

  #finishReason(): FinishReason | undefined {
    if (this.#isRefused) return 'content-filter'
    if (this.#finish === undefined) return undefined
    const reason = FINISH_REASONS.get(this.#finish.toLowerCase()) ?? 'other'
    return reason === 'stop' && this.#calls.isAsked ? 'tool-calls' : reason
  }
}

/** The choice with index 0; a missing index counts as 0. No other choice is read. */
function firstChoice(choices: unknown): WireObject | undefined {
  if (!Array.isArray(choices)) return undefined
  for (const choice of choices as unknown[]) {
    if (isObject(choice) && numberIn(choice['index'] ?? 0) === 0) return choice
  }
  return undefined
}

function errorIn(
  event: WireObject,
  choice: WireObject | undefined,
  name: string | undefined,
): ProviderError | undefined {
  if (event['error']) return readProviderError(event)
  if (choice?.['error']) return readProviderError(choice)
  if (choice !== undefined || Array.isArray(event['choices'])) return undefined
  const isError = name === 'error' || event['object'] === 'error' || event['type'] === 'error'
  if (!isError && event['detail'] === undefined) return undefined
  return readProviderError(event) ?? (isError ? { kinds: '' } : undefined)
}
