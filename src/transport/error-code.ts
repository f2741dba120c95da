/**
 * Gives the errors of providers the codes that hosts can act on.
 *
 * Names of errors count first: codes, types, statuses and reasons. Then the wording counts. A
 * wording or a name that was met is one line of a table. Knows nothing of how an error is written.
 */
import type { ColloquyErrorCode } from '../protocol/errors.ts'
import type { ProviderError } from './provider-error.ts'

type Meaning = readonly [RegExp, ColloquyErrorCode]

/** Between the words of a wording, within one sentence about the prompt as a whole. */
const GAP = String.raw`(?:(?!image|audio|video|file|schema|tool|string|array|stop|batch|embedding)[^.;]|\.(?=\S)){0,80}?`
/** The verbs of a size that is too large for a limit. */
const EXCEEDS = String.raw`(?:exceed|overflow|surpass|(?:does not|do not|doesn't|don't|won't|cannot|can't) fit|too (?:long|large|big|many)|(?:longer|larger|greater|bigger|more) than|over the|beyond)`
const SIZE = String.raw`(?:context|window|length|limit|maximum|max\b|capacity)`
/** Tokens of the prompt; a limit for the tokens of the answer is no matter of the context. */
const TOKENS = String.raw`(?<!(?:max|maximum|output|completion|new|generated|reasoning|thinking|budget)[ _-])\btokens?\b`

/** Names and wordings for a prompt that does not fit, in lower case: one line for each that was met. */
const OVERFLOW: readonly RegExp[] = [
  /context_?(length|window)_?exceeded|exceed_context_size/, // OpenAI, llama.cpp, LiteLLM: the code
  /(prompt|input|context)_too_long|tokens_limit_reached/, // GitHub Models, gateways: the code
  /context (length|window) exceeded/, // gateways
  /maximum context length/, // OpenAI, vLLM, DeepSeek, OpenRouter, Mistral
  /prompt is too long|prompt too long/, // Anthropic, Ollama
  /input (is|was) too long/, // Bedrock
  /maximum prompt length is/, // xAI
  /reduce (the length of (the |your )?(messages|prompt|input)|your prompt)/, // Groq, OpenAI
  /context (length|window|size) is only|loaded with (a )?context length of/, // vLLM, LM Studio
  /context (window|length) (exceeds|is too|overflow)|context overflow/, // MiniMax, LM Studio
  /exceeded model token limit/, // Kimi
  /too large for model with \d+ maximum context/, // Mistral
  /(prompt|input) (token|tokens).{0,40}(exceed|greater than|limit of)/, // Copilot, SGLang, TGI
  /input (token count|length).{0,40}exceeds/, // Gemini, TGI, Cohere
  /range of input length should be/, // Qwen
  /tokens? (limit|count) exceed|exceeds? (the )?(max|maximum|token) (number of )?(input )?(tokens|limit)/, // z.ai and proxies
  /(prompt|input|上下文).{0,20}(超长|超出|超过)/, // Zhipu, Qwen
  /too many (input |prompt )?tokens(?! per)/,
  /context( window| length| size)? (is )?full\b/, // gateways
  /\binputs?\b.{0,60}must (have|be) (less|fewer|at most|no more|under|<=)[^.]{0,40}\d/, // TGI
  // The rules behind all of these, for wordings that were not met yet.
  new RegExp(String.raw`\b(?:input|prompts?|context)\b${GAP}${EXCEEDS}${GAP}${SIZE}`),
  new RegExp(
    String.raw`\b(?:input|prompt|context) ?(?:is|was|has)? ?(?:too (?:long|large|big)|overflow)`,
  ),
  new RegExp(String.raw`${TOKENS}${GAP}${EXCEEDS}${GAP}(?:${SIZE}|tokens)`),
  new RegExp(
    String.raw`\b(?:request|messages?|conversation|history|text|query|document|sequence)\b${GAP}${EXCEEDS}${GAP}(?:context|${TOKENS})`,
  ),
  new RegExp(String.raw`${TOKENS} (?:are |were |have )?(?:exceed|overflow)`),
  new RegExp(String.raw`\bcontext (?:length|window|size|limit)\b${GAP}${EXCEEDS}`),
]

/** Wordings for limits of a time, which are never a matter of the context. */
const COUNTED =
  /\b(per|(for|in) (the|this))[ -](second|sec|minute|min|hour|day|week|month)\b|\btoday\b|\/ ?(s|sec|min|minute|hour|day)\b|\b[tr]p[smhd]\b|\b(hourly|daily|weekly|monthly) /

/** Names of errors, with `_` between their words. */
const KINDS: readonly Meaning[] = [
  [
    /content_?(filter|policy|management)|responsible_?ai|moderation|data_inspection|sensitive_?content/,
    'content-filter',
  ],
  [
    /insufficient_?(user_?)?(quota|balance|credit|fund)|billing|payment_?required|arrear|credits?_?exhausted/,
    'quota-exceeded',
  ],
  [
    /(invalid|incorrect|wrong|missing|expired|unknown)_?(x_)?(api_?key|auth|token|credential)|api_?key_?(is_)?(invalid|incorrect|wrong|missing|expired|not_?(valid|found))/,
    'bad-key',
  ],
  [
    /authentication|authorization_?error|unauthorized|unauthenticated|permission|access_?denied|\bforbidden\b/,
    'bad-key',
  ],
  [
    /(model|deployment)_?(not_?(found|available|supported|exist\w*)|does_?not_?exist|decommissioned|deprecated|retired)/,
    'model-not-found',
  ],
  [/(invalid|unknown|unsupported|no_?such)_?model/, 'model-not-found'],
  [/rate_?limit|too_?many_?requests|resource_?exhausted|throttl|rate_?quota/, 'rate-limited'],
  [/overloaded|engine_?overload|capacity|unavailable|server_?(is_)?busy/, 'overloaded'],
]

const MONEY: readonly RegExp[] = [
  /insufficient[ _](account |user )?(quota|balance|credit|fund)/, // DeepSeek, MiniMax, xAI
  /exceeded your current quota/, // OpenAI
  /credit balance|out of credits?|(no|not enough) (more )?credits?\b|requires more credits/, // Anthropic, OpenRouter
  /balance (is )?(insufficient|not enough|exhausted|too low)|not enough balance/, // gateways
  /spend(ing)? limit|billing (hard )?limit|payment (is )?required|in arrears|overdue/, // OpenAI, xAI, Qwen
  /余额不足|欠费/, // Zhipu, Qwen
]

const KEY = String.raw`(?:api[ _-]?key|x-api-key|subscription key|access key|api token|access token|bearer token|auth(?:entication|orization)? token|credentials?)`
const WRONG_KEY: readonly RegExp[] = [
  new RegExp(
    String.raw`\b${KEY}s?\b[^.;]{0,80}?\b(?:not (?:valid|found|authorized|recognized|exist)|invalid|incorrect|wrong|expired|revoked|missing|required|malformed|disabled|does(?: not|n't) exist)\b`,
  ),
  new RegExp(
    String.raw`\b(?:invalid|incorrect|wrong|expired|revoked|missing|malformed|unknown|no|bad)(?: or \w+)? (?:[\w-]+ ){0,2}?["'\x60]?${KEY}`,
  ),
  /\b(authentication|authorization) (fail\w*|error)|fail(ed|ure) to authenticate|\bunauthorized\b|\bunauthenticated\b/, // DeepSeek, gateways
  /\b(your|the|this|provided) key\b(?! ?["'`[])[^.;]{0,40}?\b(not (valid|found|recognized)|invalid|incorrect|wrong|expired|revoked|unknown)\b|\b(wrong|incorrect|expired|revoked) key\b/, // gateways
  /\b(expired token|token (is |has )?(expired|revoked)|(security|session) token\b.{0,60}\b(invalid|expired))|^invalid token\.?$/, // AWS, One API
  /\b(please|could not|cannot) (provide|verify|find) (a |an |your )?(valid )?api key/, // gateways
  /身份验证失败|令牌(已过期|无效|不正确)|无效的? ?api ?key/, // Zhipu, One API
]

const NO_MODEL: readonly RegExp[] = [
  /\bmodel\b.{0,120}\b(not found|(does not|doesn't|do not|not) exist|(could not|cannot|can't) be found|(is )?not available|is not supported)\b/, // OpenAI, DeepSeek, Ollama
  /\bmodel\b(?! parameter)[^.;]{0,80}\b(is|was|has been) (not (a )?(valid|known|recognized)|invalid|unknown|unrecognized|unsupported|deprecated|retired|decommissioned|no longer (available|supported))\b/, // Bedrock, Groq
  /(?<!\b(for|of) (the )?)\b(invalid|unknown|unrecognized|unsupported|nonexistent|no such|undefined)( value for| parameter)? ["'`]?model\b(?! parameter)/, // LiteLLM, vLLM
  /\b(could not|cannot|can't|couldn't|unable to) (find|locate|resolve)( the| a| any)? (\w+ )?model\b/, // gateways
  /\bmodel ["'`]?[\w./:@-]{1,100}["'`]? (unknown|invalid|unavailable|not (known|valid|recognized))(?=$|["'`)\]}.,:;!])/, // gateways
  /not a (valid|known|supported|recognized) model|\bmodel_not_(found|exist)|\bno (available )?model\b.{0,60}\b(match|found|named|called|exists?|with)/, // OpenRouter, LocalAI
  /\bno (allowed )?(endpoints|providers|deployments?|channels?)( are)? (found|available|configured) for\b/, // OpenRouter, LiteLLM
  /\bdeployment\b.{0,60}\bdoes not exist/, // Azure
  /pull(ing)? (it|the model)|no models? (is |are )?loaded/, // Ollama, LM Studio
  /模型不存在|不支持的?模型/, // Zhipu, One API
]

const FILTERED: readonly RegExp[] = [
  /content (management|filter)|content_filter|content policy/, // Azure, OpenAI
  /flagged (by|as|for)|(violates?|violation of) (our |the )?(usage|content|safety)/, // OpenAI, OpenRouter
  /(input|output|text|prompt|data|new_sensitive).{0,30}(sensitive|inappropriate|unsafe) content|risk control/, // Qwen, MiniMax
  /敏感|不安全/, // Zhipu, MiniMax
]

const LIMITED: readonly RegExp[] = [
  /rate[ -]?limit|too many (concurrent )?requests|request limit|concurrency limit|slow down|throttl/, // any
  /速率限制|请求过于频繁|并发/, // Zhipu
]
/** Wordings for a limit, which is one of a time if the message counts per time. */
const LIMIT = /(quota|limit).{0,60}(exceeded|reached|exhausted)|exceed(s|ed)? .{0,60}(quota|limit)/

const BUSY: readonly RegExp[] = [
  /overloaded|over(loaded)? capacity|at capacity|no capacity|(server|system|service|engine)s? (is |are )?(currently )?(too )?busy/, // any
  /temporarily unavailable|service unavailable|high (demand|load|traffic)/, // Gemini, DeepSeek
]

/** Wordings for a model that loads: the server answers once that is done. */
const LOADING: readonly RegExp[] = [
  /\b(down)?load(ing|s) (the |a |your )?(\S{1,80} )?model\b/, // llama.cpp, Ollama
  /\bmodel\b.{0,120}\b((down)?loading|being (down)?loaded|warming up|starting( up)?|initiali[sz]ing|not (yet )?ready|isn't ready|not loaded yet|not yet loaded)\b/, // Hugging Face, vLLM, TGI
  /\b(server|service|engine|worker|container|instance|backend|runner|endpoint)s?\b.{0,40}\b(starting( up)?|warming up|initiali[sz]ing|loading|booting|not (yet )?ready|isn't ready)\b/, // SGLang, NIM
  /\bwarming up\b|\bcold start/, // serverless hosts
  /\b(wait|again|available)\b.{0,20}\b(while|until|till|once|after|when)\b.{0,40}\bmodel\b.{0,60}\b(is|has been|gets) (loaded|ready|up)\b/, // gateways
]
/** Loading that failed is over. */
const NOT_LOADING =
  /\b(fail\w*|error|unable|cannot|could ?n[o']?t)( to| in| while| when)? (re)?load/

/** A longer message is searched only so far. */
const SEARCHED = 2000

/** Finds the code for a failure. `status` is absent for an error inside a stream. */
export function errorCode(
  status: number | undefined,
  error: ProviderError | undefined,
): ColloquyErrorCode {
  const kinds = error?.kinds ?? ''
  const text = searchedText(error)
  const known = status ?? error?.status
  if (isLoading(status, error)) return 'overloaded'
  // Whatever else it says, a request that is to be sent again later is none that is wrong.
  if (error?.retryAfterMs !== undefined) return 'rate-limited'
  const isCounted = COUNTED.test(text)
  if (says(OVERFLOW, kinds)) return 'context-overflow'
  if (known !== 429 && !isCounted && says(OVERFLOW, text)) return 'context-overflow'
  if (known === 413) return isCounted ? 'rate-limited' : 'context-overflow'
  if (known === 402) return 'quota-exceeded'
  const kind = KINDS.find(([pattern]) => pattern.test(kinds))?.[1]
  if (kind === 'content-filter' || kind === 'quota-exceeded' || kind === 'model-not-found') {
    return kind
  }
  if (says(MONEY, text)) return 'quota-exceeded'
  if (known === 401) return 'bad-key'
  if (known === 429) return 'rate-limited'
  const worded =
    known === undefined || known < 500 ? meaningInWords(text, known, isCounted) : undefined
  if (worded !== undefined) return worded
  if (known === 403) return 'bad-key'
  if (known === 503 || known === 529) return 'overloaded'
  if (kind !== undefined) return kind
  if (known === undefined && says(BUSY, text)) return 'overloaded'
  return known !== undefined && known < 500 ? 'request-rejected' : 'provider-error'
}

/**
 * Returns true if the error says that the model is being loaded. A server that loads refuses with
 * 503, or with another status of the server; inside a stream it may give none.
 */
export function isLoading(status: number | undefined, error: ProviderError | undefined): boolean {
  const known = status ?? error?.status
  if (error === undefined || (known !== undefined && known < 500 && known !== 425)) return false
  if (error.hasLoadingTime === true) return true
  const text = searchedText(error)
  return says(LOADING, text) && !NOT_LOADING.test(text)
}

function meaningInWords(
  text: string,
  status: number | undefined,
  isCounted: boolean,
): ColloquyErrorCode | undefined {
  if (says(NO_MODEL, text) || (status === 404 && text.includes('model'))) return 'model-not-found'
  if (says(FILTERED, text)) return 'content-filter'
  if (says(WRONG_KEY, text)) return 'bad-key'
  if (says(LIMITED, text) || (isCounted && LIMIT.test(text))) return 'rate-limited'
  return undefined
}

function searchedText(error: ProviderError | undefined): string {
  return (error?.message ?? '').slice(0, SEARCHED).toLowerCase()
}

function says(wordings: readonly RegExp[], text: string): boolean {
  return wordings.some((wording) => wording.test(text))
}
