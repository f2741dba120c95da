/**
 * Token counts as providers report them, under our names. Shared by all dialects. Knows nothing of
 * the events that carry the counts.
 */
import type { Usage } from '../../protocol/message.ts'
import { isObject, jsonLength } from '../wire-value.ts'
import type { WireObject } from '../wire-value.ts'

/**
 * A larger object is no usage report, and is not kept. Without a limit, endless events could make
 * an endless object.
 */
export const LONGEST_USAGE = 64 * 1024

type Counts = {
  readonly [Name in Exclude<keyof Usage, 'raw' | 'source' | 'incomplete'>]-?: number | undefined
}

/** The provider's figures, unchanged. A figure that it did not give is absent. */
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

/** The first value that is a count. */
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
