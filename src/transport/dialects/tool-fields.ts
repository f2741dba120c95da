/**
 * The fields of a request that offer tools and say how they are to be called, under the names that chat
 * completions and Responses share. What a tool and a choice look like is the dialect's own.
 */
import type { ToolDefinition } from '../../protocol/tool.ts'
import type { ReplyRequest } from '../reply-request.ts'

interface ToolFormat {
  readonly tool: (name: string, definition: ToolDefinition) => object
  /** A choice of one tool by its name. */
  readonly choice: (name: string) => object
}

/** Returns no fields if no tool is offered. */
export function toolFields(request: ReplyRequest, { tool, choice }: ToolFormat): object {
  const { tools = {}, providerTools = [], toolChoice, parallelToolCalls } = request
  const defined = Object.entries(tools).map(([name, definition]) => tool(name, definition))
  const all = [...defined, ...providerTools]
  if (all.length === 0) return {}
  const wireChoice = typeof toolChoice === 'object' ? choice(toolChoice.tool) : toolChoice
  return {
    tools: all,
    ...(wireChoice !== undefined && { tool_choice: wireChoice }),
    ...(parallelToolCalls !== undefined && { parallel_tool_calls: parallelToolCalls }),
  }
}
