/** Token counts as providers report them, under our names: what all dialects do alike. */
import type { Usage } from '../../protocol/message.ts'
import { isObject, jsonLength } from '../wire-value.ts'
import type { WireObject } from '../wire-value.ts'

/**
 * A larger usage object is no usage object; it is not kept. Without a limit, events without end
 * could make one without end.
 */
export const LONGEST_USAGE = 64 * 1024

type Counts = {
  readonly [Name in Exclude<keyof Usage, 'raw' | 'source'>]-?: number | undefined
}

/** The provider's figures, unchanged; one that it did not give is absent. */
export function usageOf(counts: Counts, raw: WireObject): Usage {
  const { inputTokens, outputTokens, reasoningTokens, cacheReadTokens, cacheWriteTokens } = counts
  return {
    ...(inputTokens !== undefined && { inputTokens }),
    ...(outputTokens !== undefined && { outputTokens }),
    ...(reasoningTokens !== undefined && { reasoningTokens }),
    ...(cacheReadTokens !== undefined && { cacheReadTokens }),
    ...(cacheWriteTokens !== undefined && { cacheWriteTokens }),
    ...((jsonLength(raw) ?? Infinity) <= LONGEST_USAGE && { raw }),
    source: 'provider',
  }
}

/** The first of them that is a count. */
export function firstCount(...values: readonly unknown[]): number | undefined {
  return values.find(
    (value): value is number => typeof value === 'number' && Number.isFinite(value) && value >= 0,
  )
}

/** The provider's figures of chat completions or Messages, unchanged, under our names. */
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
