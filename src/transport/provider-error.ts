/**
 * Reads errors as providers write them, and gives them the codes that hosts can
 * act on.
 *
 * The same extractor serves error bodies, errors inside a stream and errors
 * that come with status 200. Its result may still contain secrets. Knows
 * nothing of the endpoint that was asked.
 */
import type { ColloquyErrorCode } from '../protocol/errors.ts'
import { isObject, nonEmpty, numberIn } from './wire-value.ts'
import type { WireObject } from './wire-value.ts'

/** A failure in the provider's words. */
export interface ProviderError {
  readonly message?: string
  /** The provider's own code, or its type of error when there is no code. */
  readonly providerCode?: string
  /** Code, type and status in one text, in lower case, for {@link errorCode}. */
  readonly kinds: string
  /** The HTTP status that the error gives as its code or status. */
  readonly status?: number
}

/**
 * Finds the error in a JSON value: `{"error":{"message","type","code"}}`, `{"error":"text"}`,
 * `{"message"}`, `{"detail"}` as text or as FastAPI's list, `{"errors":[…]}`, or a list of those.
 * Returns `undefined` if the value has none of these forms.
 */
export function readProviderError(given: unknown): ProviderError | undefined {
  // Only one list is unwrapped: lists may be nested deeper than the stack.
  const value: unknown = Array.isArray(given) ? given[0] : given
  if (!isObject(value)) return undefined
  const { error } = value
  if (isObject(error)) return fromFields(error)
  const text =
    nonEmpty(error) ??
    nonEmpty(value['message']) ??
    nonEmpty(value['msg']) ??
    detailText(value['detail']) ??
    detailText(value['errors'])
  if (text === undefined && !error) return undefined
  return fromFields({ ...value, message: text })
}

/** No error name is longer. Searching a longer text would be wasted time. */
const LONGEST_KIND = 200

function fromFields(error: WireObject): ProviderError {
  const code = scalarText(error['code'])
  const type = nonEmpty(error['type'])
  const message = messageText(error)
  const status = numberIn(code ?? error['status'])
  const providerCode = code ?? type
  return {
    kinds: [code, type, nonEmpty(error['status'])]
      .map((kind) => kind?.slice(0, LONGEST_KIND))
      .join(' ')
      .toLowerCase(),
    ...(message !== undefined && { message }),
    ...(providerCode !== undefined && { providerCode }),
    ...(status >= 400 && status <= 599 && { status }),
  }
}

function messageText(error: WireObject): string | undefined {
  const message = nonEmpty(error['message']) ?? detailText(error['detail'])
  // OpenRouter passes on the message of the provider behind it, which is the useful part.
  const metadata = error['metadata']
  const raw = isObject(metadata) ? nonEmpty(metadata['raw']) : undefined
  if (raw === undefined) return message
  const inner = readProviderError(jsonOrUndefined(raw))?.message ?? raw
  return message === undefined ? inner : `${message}: ${inner}`
}

/** Reads text, one object with a message, or FastAPI's list of `{ loc, msg }`. */
function detailText(detail: unknown): string | undefined {
  if (typeof detail === 'string') return nonEmpty(detail)
  if (isObject(detail)) return nonEmpty(detail['message']) ?? nonEmpty(detail['msg'])
  if (!Array.isArray(detail)) return undefined
  const lines = detail.slice(0, 5).flatMap((item: unknown) => {
    if (!isObject(item)) return nonEmpty(item) ?? []
    const text = nonEmpty(item['msg']) ?? nonEmpty(item['message'])
    if (text === undefined) return []
    const loc: unknown = item['loc']
    const where = Array.isArray(loc)
      ? loc.flatMap((step: unknown) => scalarText(step) ?? []).join('.')
      : ''
    return where === '' ? text : `${where}: ${text}`
  })
  return nonEmpty(lines.join('; '))
}

function scalarText(value: unknown): string | undefined {
  return typeof value === 'number' ? String(value) : nonEmpty(value)
}

function jsonOrUndefined(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Wordings for a prompt that does not fit: one line for each wording that was met. */
const OVERFLOW = [
  /context[_ -]?(length|window)[_ ]exceeded|exceed_context_size/, // OpenAI, llama.cpp: the code
  /maximum context length/, // OpenAI, vLLM, DeepSeek, OpenRouter, Mistral
  /exceeds? the (model's )?(maximum )?context (window|length|size)/, // OpenAI
  /prompt is too long|prompt too long/, // Anthropic, Ollama
  /input (is|was) too long/, // Bedrock
  /input (token count|length).{0,40}exceeds/, // Gemini, TGI, Cohere
  /maximum prompt length is/, // xAI
  /reduce (the length of (the |your )?(messages|prompt|input)|your prompt)/, // Groq, OpenAI
  /exceeds the available context size/, // llama.cpp
  /(greater|longer|larger) than the (model's )?context (length|window)/, // LM Studio, vLLM
  /context (window|length) (exceeds|is too|overflow)|context overflow/, // MiniMax, LM Studio
  /exceeded model token limit/, // Kimi
  /too large for model with \d+ maximum context/, // Mistral
  /(prompt|input) (token|tokens).{0,40}(exceed|greater than|limit of)/, // Copilot, SGLang, TGI
  /range of input length should be/, // Qwen
  /tokens? (limit|count) exceed|exceeds? (the )?(max|maximum|token) (number of )?(input )?(tokens|limit)/, // z.ai and proxies
  /too many (input |prompt )?tokens(?! per)/,
]

const KINDS: readonly (readonly [RegExp, ColloquyErrorCode])[] = [
  [/content_?(filter|policy)|responsible_?ai|moderation|data_inspection/, 'content-filter'],
  [/insufficient_?(quota|balance|credit|funds)|billing|payment_required/, 'quota-exceeded'],
  [/(invalid|incorrect)_?api_?key|authentication|unauthorized|permission/, 'bad-key'],
  [/model_?not_?(found|available|supported)|invalid_?model|unknown_?model/, 'model-not-found'],
  [/rate_?limit|too_?many_?requests|resource_?exhausted/, 'rate-limited'],
  [/overloaded|engine_?overload|capacity|unavailable/, 'overloaded'],
]

const MONEY = /insufficient (quota|balance|credit|funds)|exceeded your current quota|credit balance/
const FILTERED = /content (management|filter)|content_filter|flagged by|content policy/
const NO_MODEL =
  /model\b.{0,120}\b(not found|does not exist|doesn't exist|not available|is not supported)|not a valid model|no such model|unknown model|pull(ing)? (it|the model)/

/** Finds the code for a failure. `status` is absent for an error inside a stream. */
export function errorCode(
  status: number | undefined,
  error: ProviderError | undefined,
): ColloquyErrorCode {
  const kinds = error?.kinds ?? ''
  const text = (error?.message ?? '').slice(0, 4000).toLowerCase()
  const known = status ?? error?.status
  // The message for a limit of tokens per minute (429) reads like the one for a full context.
  if (isOverflow(kinds) || (known !== 429 && isOverflow(text))) return 'context-overflow'
  if (known === 413) return 'context-overflow'
  if (known === 402) return 'quota-exceeded'
  const kind = KINDS.find(([pattern]) => pattern.test(kinds))?.[1]
  if (kind === 'content-filter' || kind === 'quota-exceeded' || kind === 'model-not-found') {
    return kind
  }
  if (MONEY.test(text)) return 'quota-exceeded'
  if (known === 401) return 'bad-key'
  if (known === 429) return 'rate-limited'
  if (known === undefined || (known >= 400 && known < 500)) {
    if (NO_MODEL.test(text) || (known === 404 && text.includes('model'))) return 'model-not-found'
    if (FILTERED.test(text)) return 'content-filter'
  }
  if (known === 403) return 'bad-key'
  if (known === 503 || known === 529) return 'overloaded'
  if (kind !== undefined) return kind
  return known !== undefined && known < 500 ? 'request-rejected' : 'provider-error'
}

function isOverflow(said: string): boolean {
  return OVERFLOW.some((wording) => wording.test(said))
}
