/** Writes the body of a Messages request. Knows nothing of headers and answers. */
import { ColloquyError } from '../../../protocol/errors.ts'
import type { ReplyRequest } from '../../reply-request.ts'
import { sendableSystem } from '../history/sendable-messages.ts'
import { alternating } from './history.ts'
import type { WireMessage } from './history.ts'

/** The format requires a limit. Every model that is still served accepts this one. */
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
    max_tokens: settings.maxOutputTokens ?? DEFAULT_MAX_TOKENS,
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

function toolsOf({ tools = {} }: ReplyRequest, messages: readonly WireMessage[]): object {
  const defined = Object.entries(tools).map(([name, { description, inputSchema }]) => ({
    name,
    description,
    input_schema: inputSchema,
  }))
  if (defined.length > 0) return { tools: defined }
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
