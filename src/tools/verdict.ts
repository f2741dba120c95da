/**
 * The verdict on a call that a model wrote: may it run, and with which input.
 *
 * Nothing in the arguments is completed, closed or guessed: a repaired beginning is another command.
 * Knows nothing of steps, and of how a call runs.
 */
import type { ToolCallPart } from '../protocol/message.ts'
import { type CallOutcome, failedOutcome, plainOutcome } from '../protocol/call-outcome.ts'
import { type Checked, told } from './schema.ts'
import type { ReadyTool, Toolbox } from './toolbox.ts'

export type Verdict =
  | { readonly kind: 'run'; readonly tool: ReadyTool; readonly input: unknown }
  | { readonly kind: 'refused'; readonly outcome: CallOutcome }
  /** The tool has no `execute`: the host answers. */
  | { readonly kind: 'host' }

export interface JudgeOptions {
  /** The tools that were offered. */
  readonly tools: Toolbox
  /** Returns true if the tool may run now. */
  readonly isAvailable: (tool: ReadyTool) => boolean
  /** The longest arguments, in UTF-16 units. */
  readonly inputBytes: number
  /** Resolves when nobody waits for the check of an input any more. */
  readonly late: (tool: ReadyTool) => Promise<CallOutcome>
}

const LONGEST_LIST = 1_000

export async function judge(call: ToolCallPart, options: JudgeOptions): Promise<Verdict> {
  const { tools, isAvailable, inputBytes, late } = options
  const tool = tools.get(call.toolName)
  if (tool === undefined) {
    const names = [...tools.values()].filter(isAvailable).map(({ name }) => name)
    const list = names.join(', ').slice(0, LONGEST_LIST)
    return refused('no-such-tool', `There is no tool of this name. There are: ${list}.`)
  }
  if (tool.tool.execute === undefined) return { kind: 'host' }
  if (!isAvailable(tool)) return { kind: 'refused', outcome: plainOutcome('unavailable') }
  if (call.inputText.length > inputBytes) {
    return refused('invalid-input', `The arguments are longer than ${inputBytes} characters.`)
  }
  const read = readArguments(call.inputText)
  if (read === undefined) return refused('invalid-input', 'The arguments are not valid JSON.')
  const checked = await Promise.race([checkedInput(tool, read.value), late(tool)])
  if ('value' in checked) return { kind: 'run', tool, input: checked.value }
  if ('isError' in checked) return { kind: 'refused', outcome: checked }
  return refused('invalid-input', `The arguments are not valid:\n${told(checked.issues)}`)
}

/** A check that throws found nothing valid: it is code of the host, or input nested too deep for it. */
async function checkedInput({ check }: ReadyTool, input: unknown): Promise<Checked> {
  try {
    return await check(input)
  } catch {
    return { issues: ['They could not be checked.'] }
  }
}

function refused(code: 'invalid-input' | 'no-such-tool', message: string): Verdict {
  return { kind: 'refused', outcome: failedOutcome(code, message) }
}

/**
 * Reads arguments: JSON, perhaps in a fence, or as a string that holds the JSON of an object. Empty
 * text means no arguments. Returns `undefined` for anything else, and for a value nested so deep that
 * it could not be written again.
 */
export function readArguments(inputText: string): { readonly value: unknown } | undefined {
  const text = withoutFence(inputText.trim())
  if (text === '') return { value: {} }
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'string' && value.trimStart().startsWith('{')) {
      return { value: writable(JSON.parse(value)) }
    }
    return { value: writable(value) }
  } catch {
    return undefined
  }
}

/** @throws if the value is nested too deep */
function writable(value: unknown): unknown {
  JSON.stringify(value)
  return value
}

const FENCE = '```'

function withoutFence(text: string): string {
  if (!text.startsWith(FENCE) || !text.endsWith(FENCE)) return text
  const lineEnd = text.indexOf('\n')
  const end = text.length - FENCE.length
  return lineEnd === -1 || lineEnd >= end ? text : text.slice(lineEnd + 1, end).trim()
}
