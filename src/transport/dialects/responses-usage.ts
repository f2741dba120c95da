/** Reads the token counts of a response: reasoning is in its output, the cache in its input. */
import type { Usage } from '../../protocol/message.ts'
import { isObject, jsonLength } from '../wire-value.ts'
import type { WireObject } from '../wire-value.ts'
import { firstCount, LONGEST_RAW } from './chat-usage.ts'

/** The provider's figures, unchanged, under our names. */
export function responseUsage(raw: WireObject): Usage {
  const input = isObject(raw['input_tokens_details']) ? raw['input_tokens_details'] : {}
  const output = isObject(raw['output_tokens_details']) ? raw['output_tokens_details'] : {}
  const inputTokens = firstCount(raw['input_tokens'])
  const outputTokens = firstCount(raw['output_tokens'])
  const reasoningTokens = firstCount(output['reasoning_tokens'])
  const cacheReadTokens = firstCount(input['cached_tokens'])
  const cacheWriteTokens = firstCount(input['cache_write_tokens'], input['cache_creation_tokens'])
  return {
    ...(inputTokens !== undefined && { inputTokens }),
    ...(outputTokens !== undefined && { outputTokens }),
    ...(reasoningTokens !== undefined && { reasoningTokens }),
    ...(cacheReadTokens !== undefined && { cacheReadTokens }),
    ...(cacheWriteTokens !== undefined && { cacheWriteTokens }),
    ...((jsonLength(raw) ?? Infinity) <= LONGEST_RAW && { raw }),
    source: 'provider',
  }
}
