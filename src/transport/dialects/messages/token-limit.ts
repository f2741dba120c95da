/**
 * Finds the limit of tokens in a refusal that asks for fewer. Knows nothing of requests.
 *
 * Each wording that was met is a line of a table. The number in its group is the limit.
 */
import type { Refusal } from '../../refusal.ts'

/** A refusal is about the tokens of the answer if it says one of these. */
const ABOUT =
  /\bmax(?:imum)?[ _](?:output[ _]|completion[ _]|new[ _])?tokens\b|\boutput tokens\b|\bmaximum number of tokens\b/i

/** Wordings of a window that holds the prompt and the answer. The default may fill half of it. */
const WINDOWS: readonly RegExp[] = [
  /\d > (\d+) - \d+/g, // vLLM: 8192 > 4096 - 50
  /\bcontext (?:length|window|size) (?:is|of) (?:only )?(\d+)/gi, // vLLM
]

/** Wordings of the highest number that is allowed. */
const HIGHEST: readonly RegExp[] = [
  /\d > (\d+)\b/g, // Anthropic: max_tokens: 8192 > 4096, which is the maximum
  /[[(] ?\d+ ?, ?(\d+) ?[\])]/g, // DeepSeek: the valid range of max_tokens is [1, 4096]
  /\bbetween \d+ and (\d+)/gi, // gateways
  /(?:<=|\b(?:at most|up to|no more than|less than or equal to|(?:exceed|greater than|more than|larger than)|maximum(?: allowed)?(?: value)?(?: is| of|:)|limit(?: is| of|:))) ?["'`]?(\d+)/gi, // Bedrock, FastAPI, OpenAI's wording
]

/** Wordings of the first number that is too high. */
const TOO_HIGH: readonly RegExp[] = [
  /(?:<|\b(?:less|lower|smaller|fewer) than) ?["'`]?(\d+)/gi, // Bedrock
]

/** A lower limit is none that a model has: the number means something else. */
const LOWEST = 16

/** A refusal is searched only so far. */
const SEARCHED = 2000

/**
 * @param asked - the tokens that the refused request asked for
 * @returns fewer tokens than that; `undefined` if the refusal names no such limit
 */
export function namedTokenLimit({ param, text }: Refusal, asked: number): number | undefined {
  const said = text.slice(0, SEARCHED).replaceAll(/(?<=(?:^|[^[(\d])\d{1,3}),(?=\d{3}\b)/g, '')
  if (param !== 'max_tokens' && !ABOUT.test(said)) return undefined
  const windows = numbers(WINDOWS, said).map((size) => Math.floor(size / 2))
  const limits =
    windows.length > 0
      ? windows
      : [...numbers(HIGHEST, said), ...numbers(TOO_HIGH, said).map((limit) => limit - 1)]
  const lower = limits.filter((limit) => limit >= LOWEST && limit < asked)
  return lower.length === 0 ? undefined : Math.min(...lower)
}

function numbers(wordings: readonly RegExp[], said: string): readonly number[] {
  return wordings.flatMap((wording) => Array.from(said.matchAll(wording), ([, n]) => Number(n)))
}
