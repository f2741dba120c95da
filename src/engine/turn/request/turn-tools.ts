/**
 * The tools of one turn: which it has, fixed when it is accepted, and which are offered in a step.
 *
 * Knows nothing of calls and of how a request is made.
 */
import type { ConversationRecord } from '../../../protocol/conversation.ts'
import { ColloquyError } from '../../../protocol/errors.ts'
import { quoted } from '../../../protocol/quoted.ts'
import type { ToolChoice, ToolDefinitions } from '../../../protocol/tool.ts'
import { mayWait, type ReadyTool, runsAny, type Toolbox } from '../../../tools/toolbox.ts'

/** The options of a turn that concern its tools, as they were checked. */
export interface ToolOptions {
  readonly tools?: readonly string[] | Toolbox | undefined
  readonly toolChoice?: ToolChoice | undefined
  readonly limits?: { readonly steps?: number | undefined } | undefined
  readonly providerTools?: readonly unknown[] | undefined
}

export interface TurnTools {
  readonly tools: Toolbox
  /** True if the engine can run a call of one of them. */
  readonly areRun: boolean
  /** The most requests that the turn makes. */
  readonly steps: number
}

/**
 * The tools that the send names, else those of the conversation, else all of the engine.
 *
 * @param isOffered - returns true if the tool is offered in the present mode
 * @throws `invalid-option`
 */
export function turnTools(
  engine: Toolbox,
  options: ToolOptions,
  conversation: ConversationRecord,
  mostSteps: number,
  isOffered: (tool: ReadyTool) => boolean,
): TurnTools {
  const { tools: given, limits } = options
  const tools = chosen(engine, given, conversation)
  const areRun = runsAny(tools)
  const steps = limits?.steps ?? mostSteps
  assertChoice(options, tools, isOffered, areRun && steps === 1)
  return { tools, areRun, steps }
}

function chosen(
  engine: Toolbox,
  given: ToolOptions['tools'],
  { tools: names }: ConversationRecord,
): Toolbox {
  if (given instanceof Map) return keptWhileWaiting(engine, given as Toolbox)
  if (given !== undefined) return narrowed(engine, given as readonly string[], 'send: tools')
  return names === undefined ? engine : narrowed(engine, names, 'The tools of the conversation')
}

/**
 * A tool that came with a send is in memory only: a turn that waits for it could not go on after a
 * restart.
 *
 * @throws `invalid-option`
 */
function keptWhileWaiting(engine: Toolbox, given: Toolbox): Toolbox {
  for (const [name, tool] of given) {
    if (!mayWait(tool) || engine.has(name)) continue
    throw new ColloquyError(
      'invalid-option',
      `send: tools: ${quoted(name)} waits for an approval or a client, and would be gone after a restart. Give it to createEngine as a tool too.`,
    )
  }
  return given
}

/** @throws `invalid-option` for a name that no tool of the engine has */
export function narrowed(engine: Toolbox, names: readonly string[], what: string): Toolbox {
  const some = new Map<string, ReadyTool>()
  for (const name of names) {
    const tool = engine.get(name)
    if (tool === undefined) {
      throw new ColloquyError(
        'invalid-option',
        `${what}: the engine has no tool ${quoted(name)}. Give it to createEngine as a tool, or leave the name out.`,
      )
    }
    some.set(name, tool)
  }
  return some
}

function assertChoice(
  { toolChoice: choice, providerTools = [] }: ToolOptions,
  tools: Toolbox,
  isOffered: (tool: ReadyTool) => boolean,
  isLastStep: boolean,
): void {
  if (choice === undefined || choice === 'auto' || choice === 'none') return
  if (choice !== 'required' && !tools.has(choice.tool)) {
    throw new ColloquyError(
      'invalid-option',
      `send: toolChoice names the tool ${quoted(choice.tool)}, which is not offered. Name one of tools.`,
    )
  }
  const some = [...tools.values()].filter(isOffered)
  if (choice !== 'required' && !some.some(({ name }) => name === choice.tool)) {
    throw new ColloquyError(
      'invalid-option',
      `send: toolChoice names the tool ${quoted(choice.tool)}, which is not offered in airplane mode. Give it local: true if it reaches nothing beyond this machine, or leave toolChoice out.`,
    )
  }
  if (some.length === 0 && providerTools.length === 0) {
    throw new ColloquyError(
      'invalid-option',
      'send: toolChoice demands a call, but no tool is offered. Give tools, or leave it out.',
    )
  }
  if (!isLastStep) return
  throw new ColloquyError(
    'invalid-option',
    'send: toolChoice demands a call, but limits.steps is 1, so that the only request is made without calls. Allow 2 steps.',
  )
}

/** As JSON can hold them: the names with their fingerprints. `undefined` if the engine runs none. */
export function toolsRecord({
  tools,
  areRun,
}: TurnTools): Readonly<Record<string, string>> | undefined {
  if (!areRun) return undefined
  const entries = [...tools.values()].map(({ name, fingerprint }) => [name, fingerprint] as const)
  return Object.fromEntries(entries)
}

/** The tools as a model is told them. `undefined` if there are none. */
export function offered(
  tools: Toolbox,
  isOffered: (tool: ReadyTool) => boolean,
): ToolDefinitions | undefined {
  const some = [...tools.values()].filter(isOffered)
  if (some.length === 0) return undefined
  return Object.fromEntries(some.map(({ name, definition }) => [name, definition] as const))
}
