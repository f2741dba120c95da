/** Writes the body of a Messages request. Knows nothing of headers and answers. */
import { ColloquyError } from '../../../protocol/errors.ts'
import type { ServerQuirks } from '../../provider-target.ts'
import type { Refusal } from '../../refusal.ts'
import type { ReplyRequest } from '../../reply-request.ts'
import { sendableSystem } from '../history/sendable-messages.ts'
import { alternating } from './history.ts'
import type { WireMessage } from './history.ts'
import { refusedServerTools } from './server-tools.ts'
import { namedTokenLimit } from './token-limit.ts'

/** The format requires a limit. A server that refuses this one is asked for the one it names. */
const DEFAULT_MAX_TOKENS = 8192

/** @throws {@link ColloquyError} `invalid-option` for a seed */
export function messagesRequestBody(request: ReplyRequest): object {
  const { target, settings, stream } = request
  if (settings.seed !== undefined) {
    throw new ColloquyError(
      'invalid-option',
      `Endpoint "${target.endpoint}" speaks the dialect messages, which has no seed. Leave settings.seed out.`,
    )
  }
  const { stop } = settings
  const system = sendableSystem(request)
  const messages = alternating(request)
  return {
    model: request.model,
    max_tokens: settings.maxOutputTokens ?? defaultTokens(request),
    ...(system !== undefined && { system }),
    messages,
    temperature: settings.temperature,
    top_p: settings.topP,
    stop_sequences: typeof stop === 'string' ? [stop] : stop,
    ...toolsOf(request, messages),
    ...request.extraBody,
    // Last, so that `extraBody` cannot change it: it decides how the transport awaits the answer.
    stream,
  }
}

function defaultTokens({ target }: ReplyRequest): number {
  return Math.min(DEFAULT_MAX_TOKENS, target.quirks?.mostTokens ?? Infinity)
}

/**
 * The quirk of a server that takes fewer tokens than the default, if the host set no other limit, or
 * that does not take the blocks of its own tools back.
 */
export function quirksFromError(request: ReplyRequest, refusal: Refusal): ServerQuirks | undefined {
  const serverTools = refusedServerTools(request, refusal.text)
  if (serverTools !== undefined) return { serverTools }
  const { settings, extraBody = {} } = request
  if (settings.maxOutputTokens !== undefined || 'max_tokens' in extraBody) return undefined
  const mostTokens = namedTokenLimit(refusal, defaultTokens(request))
  return mostTokens === undefined ? undefined : { mostTokens }
}

function choiceOf({ toolChoice, parallelToolCalls }: ReplyRequest): object {
  if (toolChoice === 'none') return { tool_choice: { type: 'none' } }
  if (toolChoice === undefined && parallelToolCalls === undefined) return {}
  const choice =
    typeof toolChoice === 'object'
      ? { type: 'tool', name: toolChoice.tool }
      : { type: toolChoice === 'required' ? 'any' : 'auto' }
  const isSingle = parallelToolCalls === false
  return { tool_choice: { ...choice, ...(isSingle && { disable_parallel_tool_use: true }) } }
}

function toolsOf(request: ReplyRequest, messages: readonly WireMessage[]): object {
  const { tools = {}, providerTools = [] } = request
  const defined = Object.entries(tools).map(([name, { description, inputSchema }]) => ({
    name,
    description,
    input_schema: inputSchema,
  }))
  const all = [...defined, ...providerTools]
  if (all.length > 0) return { tools: all, ...choiceOf(request) }
  // Servers refuse a history with tool calls if the request defines no tool.
  const called = new Set(
    messages.flatMap(({ content }) =>
      content.flatMap(({ type, name }) => (type === 'tool_use' ? [name] : [])),
    ),
  )
  if (called.size === 0) return {}
  return {
    tools: [...called].map((name) => ({ name, input_schema: { type: 'object' } })),
    tool_choice: { type: 'none' },
  }
}
