/**
 * Checks the tools of a host, and the options of calls that name them.
 *
 * A tool is read once, when it is given: its schema must be one that a model can be told. Knows nothing
 * of what a tool does.
 */
import * as v from 'valibot'
import type { ToolChoice } from '../../protocol/tool.ts'
import { UnusableSchema } from '../../tools/schema.ts'
import type { AnyTool } from '../../tools/tool.ts'
import { readyTool, type ReadyTool, TOOL_NAME, type Toolbox } from '../../tools/toolbox.ts'
import type { PrepareStep } from './prepare.ts'
import { count, duration, functionValue, group, json, jsonRecord, record } from './check.ts'

const isSchemaLike = (given: unknown): boolean =>
  (typeof given === 'object' && given !== null && '~standard' in given) ||
  typeof given === 'function'

/** A schema of a library as it is; a JSON Schema as a copy that is plain data. */
const schema = v.lazy((given) => (isSchemaLike(given) ? v.unknown() : jsonRecord))

const tool = group({
  description: v.optional(v.string()),
  inputSchema: v.optional(schema),
  execute: v.optional(
    v.union(
      [v.literal('client'), functionValue<NonNullable<AnyTool['execute']>>()],
      "a function, or 'client'",
    ),
  ),
  needsApproval: v.optional(
    v.union(
      [v.boolean(), functionValue<Extract<AnyTool['needsApproval'], () => unknown>>()],
      'a boolean, or a function',
    ),
  ),
  timeoutMs: v.optional(duration),
  resultBytes: v.optional(count),
  runs: v.optional(v.picklist(['together', 'alone'])),
  afterCrash: v.optional(v.picklist(['report', 'again'])),
  local: v.optional(v.boolean()),
  exposeErrors: v.optional(v.boolean()),
  toModel: v.optional(functionValue<NonNullable<AnyTool['toModel']>>()),
})

const METHODS = ['execute', 'needsApproval', 'toModel'] as const

/** A tool may be an instance of a class: its methods are called on it, and not on the copy. */
function withMethodsOf(given: unknown, copy: AnyTool): AnyTool {
  const methods = METHODS.flatMap((name) => {
    const method: unknown = copy[name]
    return typeof method === 'function' ? [[name, method.bind(given)] as const] : []
  })
  return { ...copy, ...Object.fromEntries(methods) }
}

const boundTool = v.lazy((given) =>
  v.pipe(
    tool as v.GenericSchema<unknown, AnyTool>,
    v.transform((copy) => withMethodsOf(given, copy)),
  ),
)

const areToolNames = (names: readonly string[]) => names.every((name) => TOOL_NAME.test(name))
const TOOL_NAMES = 'names of at most 64 letters, digits, _ and -'

/** Tools by name, ready to be offered. */
export const toolbox: v.GenericSchema<Readonly<Record<string, AnyTool>>, Toolbox> = v.pipe(
  record(areToolNames, TOOL_NAMES, boundTool) as v.GenericSchema<Readonly<Record<string, AnyTool>>>,
  v.rawTransform<Readonly<Record<string, AnyTool>>, Toolbox>(({ dataset, addIssue, NEVER }) => {
    const ready = new Map<string, ReadyTool>()
    for (const [name, given] of Object.entries(dataset.value)) {
      try {
        ready.set(name, readyTool(name, given))
      } catch (error) {
        if (!(error instanceof UnusableSchema)) throw error
        addIssue({ message: error.message, path: pathTo(name) })
        return NEVER
      }
    }
    return ready
  }),
)

function pathTo(name: string): [v.IssuePathItem, v.IssuePathItem] {
  const item = (key: string): v.IssuePathItem => ({
    type: 'unknown',
    origin: 'value',
    input: undefined,
    key,
    value: undefined,
  })
  return [item(name), item('inputSchema')]
}

/** The names of tools that the engine has. */
export const toolNames = v.pipe(
  v.array(v.string()),
  v.check((names) => areToolNames(names), TOOL_NAMES),
  v.readonly(),
)

export const toolChoice: v.GenericSchema<unknown, ToolChoice> = v.union(
  [v.picklist(['auto', 'none', 'required']), group({ tool: v.string() })],
  "'auto', 'none', 'required' or { tool }",
)

/** The options of a turn that concern its tools. */
export const toolEntries = {
  tools: v.optional(
    v.lazy((given): v.GenericSchema<unknown, readonly string[] | Toolbox> =>
      Array.isArray(given) ? toolNames : (toolbox as never),
    ),
  ),
  toolChoice: v.optional(toolChoice),
  parallelToolCalls: v.optional(v.boolean()),
  toolContext: v.optional(v.unknown()),
  providerTools: v.optional(v.pipe(v.array(json), v.readonly())),
  limits: v.optional(group({ steps: v.optional(count) })),
  prepareStep: v.optional(functionValue<PrepareStep>()),
}
