/**
 * Writes the arguments of a stored call as every server accepts them: one JSON object.
 *
 * Some models write another JSON value, or text that is no JSON. Servers refuse both in a history,
 * so such arguments are sent in an object with the one field `input`. The model then sees what it
 * wrote beside the result that says what was wrong. Knows nothing of wire formats.
 */
import type { ToolCallPart } from '../../../protocol/message.ts'
import { wellFormedJson } from '../../well-formed-json.ts'
import { isObject, jsonLength, parsedJson } from '../../wire-value.ts'

interface WrittenArguments {
  readonly input: object
  /** `input` as JSON; the text of the provider if it says the same. */
  readonly inputText: string
}

/** Half a surrogate pair may be hidden in an escape of the provider's own JSON. */
const SURROGATE_ESCAPE = /\\ud[89a-f]/i

export function callArguments({ input, inputText }: ToolCallPart): WrittenArguments {
  const read = objectIn(inputText)
  if (read !== undefined) {
    const isWhole = inputText.isWellFormed() && !SURROGATE_ESCAPE.test(inputText)
    return isWhole ? { input: read, inputText } : wholeObject(read)
  }
  if (input === undefined) return wholeObject(inputText.trim() === '' ? {} : { input: inputText })
  // Arguments that are nested too deep to be written are left out.
  if (jsonLength(input) === undefined) return { input: {}, inputText: '{}' }
  return wholeObject(isObject(input) ? input : { input })
}

/** Returns the object that a text is the JSON of; `undefined` if it is the JSON of none. */
function objectIn(inputText: string): object | undefined {
  const read = /^\s*\{/.test(inputText) ? parsedJson(inputText) : undefined
  return isObject(read) && jsonLength(read) !== undefined ? read : undefined
}

function wholeObject(input: object): WrittenArguments {
  const inputText = wellFormedJson(input)
  return { input: JSON.parse(inputText) as object, inputText }
}
