/** The usage of several requests as one. Knows nothing of what was asked. */
import type { Usage } from '../../../protocol/message.ts'

const FIGURES = [
  'inputTokens',
  'outputTokens',
  'reasoningTokens',
  'cacheReadTokens',
  'cacheWriteTokens',
] as const

/**
 * Adds the figures of all requests. One that has no usage, or lacks a figure that another one has,
 * makes the sum incomplete. The provider's own object is kept only of a single request.
 */
export function usageSum(usages: readonly (Usage | undefined)[]): Usage | undefined {
  const known = usages.filter((usage) => usage !== undefined)
  if (known.length === 0) return undefined
  if (usages.length === 1) return known[0]
  const sums = FIGURES.flatMap((figure) => {
    const counts = known.flatMap((usage) => usage[figure] ?? [])
    return counts.length === 0 ? [] : [{ figure, counts }]
  })
  const isComplete = sums.every(({ counts }) => counts.length === usages.length)
  const total = (counts: readonly number[]) => counts.reduce((sum, count) => sum + count, 0)
  return {
    ...Object.fromEntries(sums.map(({ figure, counts }) => [figure, total(counts)])),
    source: known.some(({ source }) => source === 'estimated') ? 'estimated' : 'provider',
    ...(!isComplete && { incomplete: true }),
  }
}
