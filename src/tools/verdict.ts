/**
 * The verdict on a call that a model wrote: may it run, and with which input.
 *
 * Nothing in the arguments is completed, closed or guessed: a repaired beginning is another command.
 * Knows nothing of steps, and of how a call runs.
 */
import type { ToolCallPart } from '../protocol/message.ts'
import { type CallOutcome, failedOutcome, plainOutcome } from '../protocol/call-outcome.ts'
import { type Checked, told } from './schema.ts'
import type { WaitsFor } from '../protocol/tool.ts'
import type { CallContext } from './tool.ts'
import type { ReadyTool, Toolbox } from './toolbox.ts'

export type Verdict =
  | { readonly kind: 'run'; readonly tool: ReadyTool; readonly input: unknown }
  /** It needs an answer first. `input`: the arguments as the model wrote them. */
  | { readonly kind: 'wait'; readonly waitsFor: WaitsFor; readonly input: unknown }
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
  /** The arguments to check in place of those of the call. */
  readonly input?: { readonly value: unknown } | undefined
  /** True if the call needs no answer any more. */
  readonly isLet: boolean
  /** What the tool is told when it says whether it needs an approval. */
  readonly context: () => Omit<CallContext, 'signal' | 'progress'>
  /** Gets what `needsApproval` threw, or why it did not answer. */
  readonly threw: (error: unknown) => void
}

const LONGEST_LIST = 1_000

export async function judge(call: ToolCallPart, options: JudgeOptions): Promise<Verdict> {
  const { tools, isAvailable, inputBytes, late } = options
  const tool = tools.get(call.toolName)
  // The tools may have changed since the call was let: what is left of it may be nothing to run.
  if (options.isLet && typeof tool?.tool.execute !== 'function') {
    return { kind: 'refused', outcome: plainOutcome('unavailable') }
  }
  if (tool === undefined) {
    const names = [...tools.values()].filter(isAvailable).map(({ name }) => name)
    const list = names.length === 0 ? 'none' : names.join(', ').slice(0, LONGEST_LIST)
    return refused('no-such-tool', `There is no tool of this name. There are: ${list}.`)
  }
  if (tool.tool.execute === undefined) return { kind: 'host' }
  if (!isAvailable(tool)) return { kind: 'refused', outcome: plainOutcome('unavailable') }
  if (call.inputText.length > inputBytes) {
    return refused('invalid-input', `The arguments are longer than ${inputBytes} characters.`)
  }
  const read = options.input ?? readArguments(call.inputText)
  if (read === undefined) return refused('invalid-input', 'The arguments are not valid JSON.')
  const checked = await Promise.race([checkedInput(tool, read.value), late(tool)])
  if ('isError' in checked) return { kind: 'refused', outcome: checked }
  if ('issues' in checked) {
    return refused('invalid-input', `The arguments are not valid:\n${told(checked.issues)}`)
  }
  if (options.isLet) return { kind: 'run', tool, input: checked.value }
  const asks = await Promise.race([asksFor(tool, checked.value, options), late(tool)])
  if (asks === undefined || typeof asks === 'object') {
    if (asks !== undefined) options.threw(new Error('needsApproval did not answer in time.'))
    return refused('failed', 'Whether this call needs an approval could not be found out.')
  }
  if (asks) return { kind: 'wait', waitsFor: 'decision', input: read.value }
  if (tool.tool.execute === 'client') {
    return { kind: 'wait', waitsFor: 'output', input: read.value }
  }
  return { kind: 'run', tool, input: checked.value }
}

/** Whether a call needs an approval; `undefined` if the tool could not say. */
async function asksFor(
  { tool }: ReadyTool,
  input: unknown,
  { context, threw }: JudgeOptions,
): Promise<boolean | undefined> {
  const { needsApproval = false } = tool
  if (typeof needsApproval === 'boolean') return needsApproval
  try {
    const answer: unknown = await needsApproval(input, context())
    // Whatever is no clear no is a yes.
    return answer !== false
  } catch (error) {
    threw(error)
    return undefined
  }
}

/**
 * The arguments that a decision gives, as the schema takes them.
 *
 * @returns the issues, in words; `undefined` if there are none
 */
export async function issuesOf(tool: ReadyTool, input: unknown): Promise<string | undefined> {
  const checked = await checkedInput(tool, input)
  return 'issues' in checked ? told(checked.issues) : undefined
}

/** A check that throws found nothing valid: it is code of the host, or input nested too deep for it. */
async function checkedInput({ check }: ReadyTool, input: unknown): Promise<Checked> {
  try {
    return await check(input)
  } catch {
    return { issues: ['They could not be checked.'] }
  }
}

function refused(code: 'invalid-input' | 'no-such-tool' | 'failed', message: string): Verdict {
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
