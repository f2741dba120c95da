/** Reads the token counts of chat completions, which every server reports in its own place. */
import type { Usage } from '../../protocol/message.ts'
import { isObject } from '../wire-value.ts'
import type { WireObject } from '../wire-value.ts'
import { firstCount, usageOf } from './usage.ts'

/** The usage object of a chunk or an answer, wherever it is. */
export function usageIn(event: WireObject, choice: WireObject | undefined): WireObject | undefined {
  if (isObject(event['usage'])) return event['usage']
  const groq = event['x_groq']
  if (isObject(groq) && isObject(groq['usage'])) return groq['usage']
  const ofChoice = choice?.['usage']
  return isObject(ofChoice) ? ofChoice : undefined
}

/** The one to keep. Counts are cumulative, never summed; zeros replace nothing. */
export function laterUsage(kept: WireObject | undefined, next: WireObject): WireObject {
  if (kept === undefined) return next
  return Object.values(next).some((count) => typeof count === 'number' && count > 0) ? next : kept
}

/** The provider's figures, unchanged, under our names. */
export function toUsage(raw: WireObject): Usage {
  const input = isObject(raw['prompt_tokens_details']) ? raw['prompt_tokens_details'] : {}
  const output = isObject(raw['completion_tokens_details']) ? raw['completion_tokens_details'] : {}
  const counts = {
    inputTokens: firstCount(raw['prompt_tokens'], raw['input_tokens']),
    outputTokens: firstCount(raw['completion_tokens'], raw['output_tokens']),
    reasoningTokens: firstCount(output['reasoning_tokens'], raw['reasoning_tokens']),
    cacheReadTokens: firstCount(
      input['cached_tokens'],
      raw['prompt_cache_hit_tokens'],
      raw['cached_tokens'],
      raw['cache_read_input_tokens'],
    ),
    cacheWriteTokens: firstCount(
      input['cache_write_tokens'],
      input['cache_creation_tokens'],
      raw['cache_creation_input_tokens'],
    ),
  }
  return usageOf(counts, raw)
}
