/**
 * Finds the token counts of chat completions, which servers report in different places. Knows
 * nothing of the names of the counts: `../usage.ts` reads these.
 */
import { isObject } from '../../wire-value.ts'
import type { WireObject } from '../../wire-value.ts'

/** The usage object of a chunk or an answer, from any of its places. */
export function usageIn(event: WireObject, choice: WireObject | undefined): WireObject | undefined {
  if (isObject(event['usage'])) return event['usage']
  const groq = event['x_groq']
  if (isObject(groq) && isObject(groq['usage'])) return groq['usage']
  const ofChoice = choice?.['usage']
  return isObject(ofChoice) ? ofChoice : undefined
}
