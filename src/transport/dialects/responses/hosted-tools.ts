/**
 * The items of tools that run at the provider of a Responses API: which they are, how they are read,
 * and how they go back.
 *
 * An item comes when it is done, and again in the final response. Knows nothing of other items.
 */
import { nonEmpty } from '../../wire-value.ts'
import type { WireObject } from '../../wire-value.ts'
import type { ReplyRequest } from '../../reply-request.ts'
import type { ProviderTools } from '../provider-tool.ts'

const KEPT: ReadonlySet<unknown> = new Set([
  'web_search_call',
  'file_search_call',
  'code_interpreter_call',
  'mcp_list_tools',
  'mcp_call',
  'tool_search_call',
  'tool_search_output',
])

/** Returns true for the item of a tool that nobody has to answer. */
export function isHostedTool(type: unknown): type is string {
  return KEPT.has(type)
}

/** Reads the items of one response, each once. */
export class HostedTools {
  readonly #tools: ProviderTools
  /** The ids of the items so far; `undefined` for one without an id. */
  #known: Set<string | undefined> | undefined

  constructor(tools: ProviderTools) {
    this.#tools = tools
  }

  /** Returns true if an item of that id was added. */
  isKnown(item: WireObject): boolean {
    const id = nonEmpty(item['id'])
    return id !== undefined && this.#known?.has(id) === true
  }

  /** Reads an item that is done. Returns false if it is nested too deep to be stored. */
  add(item: WireObject): boolean {
    const { type, name } = item
    const isAdded = this.#tools.add(nonEmpty(name) ?? String(type).replace(/_call$/, ''), item)
    if (isAdded) (this.#known ??= new Set()).add(nonEmpty(item['id']))
    return isAdded
  }

  /** True once an item was added. */
  get areTold(): boolean {
    return this.#known !== undefined
  }
}

/**
 * The item as it goes back, without its id: the provider stored nothing, and would look it up. Returns
 * `undefined` if the server takes no such items.
 */
export function hostedItem(block: WireObject, { target }: ReplyRequest): object | undefined {
  if (target.quirks?.serverTools === 'none' || !isHostedTool(block['type'])) return undefined
  return Object.fromEntries(Object.entries(block).filter(([field]) => field !== 'id'))
}

/** A refusal names the type of the item, or the place of the field that it misses. */
const ABOUT =
  /\b(?:web_search|file_search|code_interpreter|mcp|tool_search)_(?:call|list_tools|output)\b|\binput\[\d+\]\.(?:id|action|queries|results|code|container_id|outputs|server_label|tools)\b/

/** A refusal is searched only so far. */
const SEARCHED = 4000

/** Returns true if the server refuses the items of its own tools. */
export function refusesHostedTools(
  { target, messages }: ReplyRequest,
  { param, text }: { readonly param: string | undefined; readonly text: string },
): boolean {
  if (target.quirks?.serverTools === 'none') return false
  const said = `${param ?? ''} ${text.slice(0, SEARCHED)}`.toLowerCase()
  return (
    ABOUT.test(said) &&
    messages.some(({ parts }) => parts.some(({ type }) => type === 'provider-tool'))
  )
}
