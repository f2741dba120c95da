/** A tool call, and its result, as one line each. */
import type { ToolCallPart, ToolResultPart } from 'colloquy'
import { plainLine } from './plain-text.ts'

const LONGEST = 200
/** The longest arguments that a person is asked about, in characters. */
const LONGEST_ASKED = 4000
/** Characters that a terminal does not show, or shows elsewhere. */
const INVISIBLE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu

/** The line of a call, or of a result. */
export function toolLine(part: ToolCallPart | ToolResultPart): string {
  if (part.type === 'tool-call') {
    const { toolName, input, inputText } = part
    return plainLine(
      `calls ${toolName} ${input === undefined ? inputText : visible(input)}`,
      LONGEST,
    )
  }
  const { toolName, output, isError, code } = part
  const verb = isError ? `has no result (${code ?? 'failed'}):` : 'returned'
  const words = typeof output === 'string' ? output : visible(output)
  return plainLine(`${toolName} ${verb} ${words}`, LONGEST)
}

/** A call as a person decides about it: with all of its arguments, and nothing in them hidden. */
export function askedLine(toolName: string, input: unknown): string {
  const text = visible(input)
  const rest = text.length - LONGEST_ASKED
  const shown = rest > 0 ? `${text.slice(0, LONGEST_ASKED)} … and ${rest} more characters` : text
  return `The model asks to run ${plainLine(toolName, LONGEST)} ${shown}`
}

function visible(value: unknown): string {
  const text = JSON.stringify(value) ?? ''
  return text.replaceAll(INVISIBLE, (char) =>
    Array.from({ length: char.length }, (_, index) => char.charCodeAt(index))
      .map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`)
      .join(''),
  )
}
