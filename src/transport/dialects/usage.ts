/** Token counts as providers report them, under our names: what all dialects do alike. */
import type { Usage } from '../../protocol/message.ts'
import { jsonLength } from '../wire-value.ts'
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
