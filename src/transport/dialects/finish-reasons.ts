/**
 * Why a model stopped: the words of all providers, in one table for all dialects.
 *
 * Gateways of one format pass on the words of another, in any letter case, and some add a detail
 * after the word. A filter stopped the model: `content-filter`. It came to its natural end: `stop`.
 * The server broke off: neither. Knows nothing of the fields that hold a word.
 */
import type { FinishReason } from '../../protocol/message.ts'
import { nonEmpty } from '../wire-value.ts'

/** One line for each word that was met. Letter case, and blanks or dashes for `_`, do not matter. */
const WORDS: Readonly<Record<FinishReason, readonly string[]>> = {
  stop: [
    'stop', // OpenAI, Gemini, Mistral, vLLM, Ollama
    'end_turn', // Anthropic, Bedrock, xAI
    'end_of_turn',
    'stop_sequence', // Anthropic, TGI, Cohere
    'stop_sequences',
    'stop_sequence_reached',
    'stop_token',
    'stop_word',
    'stop_string',
    'stop_str',
    'stopped_word', // llama.cpp
    'stopped_eos',
    'word',
    'matched_stop', // SGLang
    'stop_criteria_met', // Titan
    'eos_token', // TGI, Hugging Face
    'eos', // llama.cpp, Together
    'eos_found',
    'end_of_text',
    'end_of_sequence',
    'end_of_message',
    'eom',
    'eot',
    'endoftext', // AI21
    'complete', // Cohere
    'completed',
    'completion',
    'done', // Ollama
    'end',
    'ended',
    'finish', // Titan
    'finished',
    'success',
    'normal', // ERNIE
    'natural',
    'message_stop',
  ],
  length: [
    'length', // OpenAI, TGI, Ollama
    'max_tokens', // Anthropic, Gemini, Cohere
    'max_token',
    'max_output_tokens', // Responses
    'max_completion_tokens',
    'max_new_tokens',
    'max_length',
    'max_tokens_reached',
    'model_length', // Mistral
    'model_context_window_exceeded', // Anthropic, z.ai
    'context_window_exceeded',
    'context_length_exceeded',
    'context_length',
    'context_limit',
    'error_limit', // Cohere
    'token_limit',
    'token_limit_reached',
    'limit', // llama.cpp
    'stopped_limit',
    'length_cap',
    'truncated',
  ],
  'tool-calls': [
    'tool_calls', // OpenAI
    'tool_call', // Cohere
    'tool_use', // Anthropic
    'tool_uses',
    'tool',
    'tools',
    'function_call',
    'function_calls',
    'function',
  ],
  'content-filter': [
    'content_filter', // OpenAI, Azure
    'content_filtered', // Bedrock
    'content_filtering',
    'filter',
    'filtered',
    'safety', // Gemini
    'recitation',
    'blocklist',
    'prohibited_content',
    'spii',
    'pii',
    'jailbreak', // Azure
    'model_armor',
    'image_safety',
    'image_prohibited_content',
    'image_recitation',
    'guardrail_intervened', // Bedrock
    'guardrail',
    'refusal', // Anthropic
    'refused',
    'error_toxic', // Cohere
    'toxic',
    'sensitive', // z.ai
    'moderation',
    'moderated',
    'content_moderation',
    'content_policy',
    'content_policy_violation',
    'policy_violation',
    'violation',
    'risk_control',
    'blocked',
    'flagged',
    'unsafe',
    'data_inspection_failed', // Qwen
    'responsible_ai_policy_violation', // Azure
  ],
  paused: [
    'pause_turn', // Anthropic
  ],
  other: [
    'other', // Gemini
    'language',
    'malformed_function_call',
    'malformed_response',
    'unexpected_tool_call',
    'too_many_tool_calls',
    'missing_thought_signature',
    'no_image',
    'image_other',
    'malformed_tool_use', // Bedrock
    'malformed_model_output',
    'insufficient_system_resource', // DeepSeek
    'network_error', // z.ai
    'abort', // vLLM, SGLang
    'aborted',
    'cancelled',
    'canceled',
    'user_cancel', // Cohere
    'timeout',
    'interrupted',
    'load', // Ollama: no reply, the model was loaded or unloaded
    'unload',
    'max_tool_calls', // Responses
    'repetition',
  ],
}

/** The model itself failed: the reply is no reply. */
const FAILURES = ['error', 'failed', 'failure']

const REASONS: ReadonlyMap<string, FinishReason | 'failure'> = new Map(
  Object.entries({ ...WORDS, failure: FAILURES }).flatMap(([reason, words]) =>
    words.map((word) => [squeezed(word), reason as FinishReason | 'failure'] as const),
  ),
)

/** Parts of words that are not in the table, which leave no doubt. */
const HINTS: readonly (readonly [RegExp, FinishReason])[] = [
  [/malformed|unexpected|toomany|invalid/, 'other'],
  [/filter|safety|guardrail|moderat|prohibited|blocklist|toxic|policyviolation/, 'content-filter'],
  [
    /max\w*(?:tokens|len)|(?:token|length)limit|(?:total|output)length|context(?:window|length)/,
    'length',
  ],
  [/^(?:eos|eot|eom|eod|endof)|stop(?:ping)?(?:token|seq|word|str|criteri)/, 'stop'],
]

/** Words that stand where a reason would, and are none. Some servers send them with each event. */
const NONE = new Set(['null', 'none', 'nil', 'undefined', 'unspecified', 'notfinished'])

/** No reason is longer with its detail, as far as it matters here. */
const LONGEST = 200

/** The reason as the provider wrote it, if the value is one. */
export function givenReason(value: unknown): string | undefined {
  const given = nonEmpty(value)?.slice(0, LONGEST)
  if (given === undefined || REASONS.has(given)) return given
  return NONE.has(wordOf(given)) ? undefined : given
}

/** Returns true if the reason says that the model failed. */
export function isFailure(given: string): boolean {
  return known(given) === 'failure'
}

/** @param given - a reason as the provider wrote it */
export function finishReasonOf(given: string): FinishReason {
  const reason = known(given)
  if (reason !== undefined && reason !== 'failure') return reason
  const word = wordOf(given)
  return HINTS.find(([hint]) => hint.test(word))?.[1] ?? 'other'
}

/** Looks up the whole reason, then the word before a detail: `stop: "###"`, `length (4096)`. */
function known(given: string): FinishReason | 'failure' | undefined {
  return REASONS.get(given) ?? REASONS.get(wordOf(given)) ?? knownByWord(given.trim())
}

function knownByWord(given: string): FinishReason | 'failure' | undefined {
  const beforeMark = /^[^:;,=("'[{<|/]*/.exec(given)?.[0] ?? ''
  const [first = ''] = given.split(/\s/, 1)
  return REASONS.get(wordOf(beforeMark)) ?? REASONS.get(wordOf(first))
}

/** Without the prefix that enums have, as in `FinishReason.STOP` and `FINISH_REASON_STOP`. */
function wordOf(given: string): string {
  const word = squeezed(given)
  const bare = word.replace(/^(?:finish|finished|stop|done|completion)reason/, '')
  return bare === '' ? word : bare
}

/** In lower case, without the marks between words: `endTurn`, `END_TURN` and `end-turn` are one. */
function squeezed(word: string): string {
  return word.toLowerCase().replaceAll(/[\s_.-]+/g, '')
}
