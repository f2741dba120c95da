/**
 * The chat-completions dialect, in all the variants that servers speak.
 *
 * Reads streams and JSON answers; `request.ts` writes the requests. `<think>` tags inside the text
 * are text. Knows nothing of bytes, HTTP or time.
 */
import type { FinishReason, Usage } from '../../../protocol/message.ts'
import { readProviderError, reportedError } from '../../provider-error.ts'
import type { ProviderError } from '../../provider-error.ts'
import type { ReplyDraft } from '../../reply-draft.ts'
import { isObject, nonEmpty, numberIn } from '../../wire-value.ts'
import type { WireObject } from '../../wire-value.ts'
import { bearer } from '../bearer.ts'
import type { WireDialect, WireRequestInfo } from '../dialect.ts'
import { finishReasonOf, givenReason, isFailure } from '../finish-reasons.ts'
import { CallMarker } from '../history/call-mark.ts'
import { pictureIn } from '../picture.ts'
import { Maker } from '../provider-fingerprint.ts'
import { ReplyReader } from '../reply-reader.ts'
import { StatedEnd } from '../stated-end.ts'
import { ToolCalls } from '../tool-calls.ts'
import { kindOf } from '../unread.ts'
import { UsageTally } from '../usage-tally.ts'
import { unwrapped } from '../wrapper.ts'
import { ChatReasoning, hasReasoning } from './reasoning.ts'
import { chatRequestBody, quirksFromError } from './request.ts'
import { textOnly } from './text-only.ts'
import { usageIn } from './usage.ts'

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

/** The fields of a delta or a message that hold pictures: one, or a list of them. */
const PICTURES = [
  'images', // OpenRouter, LiteLLM
  'image',
  'image_url',
  'multi_mod_content', // AiHubMix
  'multi_modal_content',
] as const

/** The types of items of content that may hold nothing without anything being lost. */
const MAY_BE_EMPTY = /^(?:text|output_text|.*(?:thinking|reasoning).*)$/

/** The longest name of a model that is kept, since it is stored with every reply. */
const LONGEST_MODEL = 500

class ChatCompletionsReader extends ReplyReader {
  readonly #maker: Maker
  readonly #reasoning: ChatReasoning
  readonly #end: StatedEnd
  /** How much the draft said when the newest fragment of a call came. */
  #saidAtCall = -1
  #isRefused = false
  /** True once text came in the older format of completions. */
  #isCompletion = false
  readonly #usage = new UsageTally()

  constructor(draft: ReplyDraft, newId: () => string, asked: WireRequestInfo) {
    const marker = new CallMarker(asked)
    const calls = new ToolCalls(draft, newId, marker, { namesGrow: true })
    super(draft, calls)
    this.#maker = new Maker(asked)
    this.#reasoning = new ChatReasoning(draft, asked, marker)
    this.#end = new StatedEnd(draft, calls)
  }

  get isFinished(): boolean {
    return this.#end.isStated
  }

  get isCertain(): boolean {
    return this.#end.isCertain
  }

  get isWhole(): boolean {
    return this.#saidAtCall === this.draft.said && this.calls.areWhole
  }

  event(given: WireObject, name: string | undefined): ProviderError | undefined {
    const event = unwrapped(given, hasChoices)
    const before = this.#end.progress
    const choice = this.#known(event)
    const error = errorIn(event, choice, name)
    if (choice !== undefined && error === undefined) {
      const { delta, message } = choice
      if (isObject(delta)) this.#delta(delta)
      // Some servers repeat the whole message so far beside each delta, so a message is read only
      // if there is no content yet.
      else if (isObject(message) && before === 0) this.#message(message)
      else if (!isObject(message) && (before === 0 || this.#isCompletion)) this.#completion(choice)
    }
    return error ?? this.#finishedWith(choice, before)
  }

  answer(given: WireObject): ProviderError | undefined {
    const answer = unwrapped(given, hasChoices)
    const choice = this.#known(answer)
    const error = errorIn(answer, choice, undefined)
    if (error !== undefined) return error
    const message = choice?.['message'] ?? choice?.['delta']
    if (isObject(message)) this.#message(message)
    else if (choice === undefined) return reportedError(answer) ?? readProviderError(answer)
    else this.#completion(choice)
    return this.#finishedWith(choice, 0)
  }

  override ended(): ProviderError | undefined {
    this.#end.close()
    return super.ended()
  }

  protected get statedReason(): FinishReason | undefined {
    if (this.#isRefused) return 'content-filter'
    const { reason } = this.#end
    return reason === undefined ? undefined : finishReasonOf(reason)
  }

  protected get usage(): Usage | undefined {
    return this.#usage.usage
  }

  /** Notes usage and model, which any chunk may hold. Returns the choice to read. */
  #known(event: WireObject): WireObject | undefined {
    const choice = firstChoice(event['choices'])
    const usage = usageIn(event, choice)
    if (usage !== undefined) this.#usage.add(usage)
    this.model ??= nonEmpty(event['model'])?.slice(0, LONGEST_MODEL)
    return choice
  }

  #delta(delta: WireObject): void {
    this.#content(delta)
    const calls = listed(delta['tool_calls'])
    const hasCalls = calls.length > 0
    if (hasCalls) this.calls.addFragments(calls)
    // The predecessor of tool calls: one call, without id or index.
    const called = delta['function_call']
    if (isObject(called)) this.calls.addFragment({ index: 'function_call', function: called })
    if (hasCalls || called) this.#saidAtCall = this.draft.said
  }

  #message(message: WireObject): void {
    this.#content(message)
    for (const call of listed(message['tool_calls'])) this.calls.addWhole(call)
    if (isObject(message['function_call'])) {
      this.calls.addWhole({ function: message['function_call'] })
    }
  }

  /** The text of the older format of completions, which some servers send here too. */
  #completion({ text }: WireObject): void {
    if (typeof text !== 'string') return
    this.#isCompletion = true
    this.draft.text(text)
  }

  #content(delta: WireObject): void {
    const { content, refusal, audio } = delta
    const hasPictures = PICTURES.some((field) => delta[field])
    // Parts stand in the order in which they came, so calls that are held back open theirs first.
    if (this.calls.isAsked && (content || hasPictures || hasReasoning(delta))) this.calls.open()
    this.#reasoning.read(delta)
    if (typeof content === 'string') this.draft.text(content)
    else {
      for (const part of listed(content)) {
        if (this.draft.exceeded !== undefined) return
        this.#part(part)
      }
    }
    if (typeof refusal === 'string' && refusal !== '') {
      this.#isRefused = true
      this.draft.text(refusal)
    }
    if (isObject(audio)) this.#audio(audio)
    if (!hasPictures) return
    for (const field of PICTURES) {
      for (const value of listed(delta[field])) {
        if (this.draft.exceeded !== undefined) return
        if (!this.#picture(value, true)) this.unread ??= field
      }
    }
  }

  /** Of spoken words the text is kept. */
  #audio({ transcript, data }: WireObject): void {
    if (typeof transcript === 'string') this.draft.text(transcript)
    if (nonEmpty(data) !== undefined) this.unread ??= 'audio'
  }

  /**
   * Returns false if there is no picture.
   *
   * @param isPicture - true if the value stands in a field for pictures
   */
  #picture(value: unknown, isPicture: boolean): boolean {
    const picture = pictureIn(value, isPicture)
    if (picture === undefined) return false
    const maker = this.#maker.fingerprint
    this.draft.file(picture.mediaType, picture.url, { maker })
    return true
  }

  /**
   * Reads an item of a content array: text, a picture, or thinking that holds texts, as Mistral
   * sends it.
   */
  #part(part: unknown): void {
    if (typeof part === 'string') this.draft.text(part)
    if (!isObject(part)) return
    const { thinking, text, type } = part
    if (typeof thinking === 'string') this.#reasoning.inContent(thinking)
    else if (Array.isArray(thinking)) {
      for (const thought of thinking) {
        if (isObject(thought)) this.#reasoning.inContent(nonEmpty(thought['text']) ?? '')
      }
    } else if (typeof text === 'string') this.draft.text(text)
    else if (!this.#picture(part, false) && typeof type === 'string' && !MAY_BE_EMPTY.test(type)) {
      this.unread ??= kindOf(type)
    }
  }

  #finishedWith(choice: WireObject | undefined, before: number): ProviderError | undefined {
    const reason = givenReason(choice?.['finish_reason'])
    if (reason === undefined) return undefined
    if (isFailure(reason)) return { message: 'The model failed', kinds: '' }
    this.#end.state(reason, finishReasonOf(reason), before)
    return undefined
  }
}

/** Some servers send one item where others send a list. */
function listed(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value
  return value ? [value] : []
}

function hasChoices(event: WireObject): boolean {
  return Array.isArray(event['choices'])
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
  const { choices, x_groq: groq } = event
  // Groq says here why it stopped a stream early, beside a choice too.
  if (isObject(groq) && groq['error']) return readProviderError(groq)
  if (choice !== undefined) return undefined
  if (Array.isArray(choices)) return reportedError(event)
  const isError = name === 'error' || event['object'] === 'error' || event['type'] === 'error'
  if (!isError && event['detail'] === undefined) return reportedError(event)
  return readProviderError(event) ?? (isError ? { kinds: '' } : undefined)
}
