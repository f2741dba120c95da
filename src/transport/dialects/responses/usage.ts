/**
 * Reads the token counts of a response. Output tokens include reasoning, input tokens include those
 * from a cache. Knows nothing of other dialects.
 */
import type { Usage } from '../../../protocol/message.ts'
import { isObject } from '../../wire-value.ts'
import type { WireObject } from '../../wire-value.ts'
import { firstCount, usageOf } from '../usage.ts'

/** Returns the provider's figures, unchanged, under the names of `Usage`. */
export function responseUsage(raw: WireObject): Usage {
  const input = isObject(raw['input_tokens_details']) ? raw['input_tokens_details'] : {}
  const output = isObject(raw['output_tokens_details']) ? raw['output_tokens_details'] : {}
  const counts = {
    inputTokens: firstCount(raw['input_tokens']),
    outputTokens: firstCount(raw['output_tokens']),
    reasoningTokens: firstCount(output['reasoning_tokens']),
    cacheReadTokens: firstCount(input['cached_tokens']),
    cacheWriteTokens: firstCount(input['cache_write_tokens'], input['cache_creation_tokens']),
  }
  return usageOf(counts, raw)
}
