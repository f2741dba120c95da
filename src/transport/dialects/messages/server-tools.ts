/**
 * The blocks of tools that run at an Anthropic server: which they are, how they are read, and which
 * of them can be sent back.
 *
 * A result names its call. The server refuses a result without its call before it, and a call without
 * its result, unless the call is what it is to go on with. Knows nothing of other blocks.
 */
import type { Part, ProviderToolPart } from '../../../protocol/message.ts'
import { isObject, nonEmpty, parsedJson } from '../../wire-value.ts'
import type { WireObject } from '../../wire-value.ts'
import type { ReplyRequest, RequestMessage } from '../../reply-request.ts'
import { ownBlock } from '../provider-tool.ts'
import type { ProviderTools } from '../provider-tool.ts'
import { providerFingerprint } from '../provider-fingerprint.ts'

const CALL = /^(?:server|mcp)_tool_use$/
const RESULT = /_tool_result$/

export function isServerTool(type: unknown): type is string {
  return typeof type === 'string' && (CALL.test(type) || RESULT.test(type))
}

/** Reads the blocks of one reply. A call is complete with its block, a result with its first event. */
export class ServerTools {
  readonly #tools: ProviderTools
  /** The names of the calls, by their ids. Made when needed: most replies have none. */
  #names: Map<string, string> | undefined
  /** The call that is being read. */
  #open: { readonly index: unknown; readonly block: WireObject; input: string } | undefined

  constructor(tools: ProviderTools) {
    this.#tools = tools
  }

  /** A block begins. Returns false if it cannot be kept. */
  open(index: unknown, block: WireObject): boolean {
    if (!CALL.test(String(block['type']))) return this.whole(block)
    this.#open = { index, block, input: '' }
    return true
  }

  /** Reads a fragment of the input of a call. Returns false if the block is another one. */
  fragment(index: unknown, json: unknown): boolean {
    if (this.#open === undefined || this.#open.index !== index) return false
    const text = nonEmpty(json) ?? ''
    this.#tools.count(text.length)
    this.#open.input += text
    return true
  }

  /** A block ends. The input of its call was told in fragments, or with the block. */
  close(index: unknown): void {
    const open = this.#open
    if (open === undefined || open.index !== index) return
    this.#open = undefined
    const { block, input } = open
    const read = input.trim() === '' ? (block['input'] ?? {}) : parsedJson(input)
    // Without an object as its input, a call could not go back.
    this.#add(block, isObject(read) ? { ...block, input: read } : undefined)
  }

  /** Reads a complete block. Returns false if it cannot be kept. */
  whole(block: WireObject): boolean {
    return this.#add(block, block)
  }

  #add(block: WireObject, kept: WireObject | undefined): boolean {
    const { type, name, tool_use_id: callId } = block
    const id = nonEmpty(block['id'])
    const of = this.#names?.get(nonEmpty(callId) ?? '')
    const toolName = nonEmpty(name) ?? of ?? String(type).replace(RESULT, '')
    if (CALL.test(String(type)) && id !== undefined) {
      ;(this.#names ??= new Map()).set(id, toolName)
    }
    return this.#tools.add(toolName, kept)
  }
}

/** The messages without the blocks of server tools that the asked server would refuse. */
export function withServerTools(request: ReplyRequest): readonly RequestMessage[] {
  const { messages } = request
  if (!messages.some(({ parts }) => parts.some(isProviderTool))) return messages
  const sendable = sendableBlocks(request)
  return messages.map((message) => ({
    ...message,
    parts: message.parts.filter((part) => !isProviderTool(part) || sendable.has(part)),
  }))
}

function sendableBlocks(request: ReplyRequest): ReadonlySet<Part> {
  const { target, messages } = request
  const { serverTools = 'all' } = target.quirks ?? {}
  const sendable = new Set<Part>()
  if (serverTools === 'none') return sendable
  let maker: string | undefined
  const asked = () => (maker ??= providerFingerprint(request))
  /** The calls that have no result, by their ids. */
  const open = new Map<string, Part>()
  const known = new Set<string>()
  for (const { role, parts } of messages) {
    // What the user says ends what the server was doing. Results of the host's tools do not.
    if (role === 'user') open.clear()
    for (const part of parts) {
      if (!isProviderTool(part)) continue
      const { type, id, tool_use_id: callId } = ownBlock(part, target.dialect, asked) ?? {}
      if (!isServerTool(type)) continue
      if (RESULT.test(type)) {
        const call = typeof callId === 'string' ? open.get(callId) : undefined
        if (call === undefined) continue
        open.delete(callId as string)
        sendable.add(call).add(part)
      } else if (typeof id === 'string' && !known.has(id)) {
        known.add(id)
        open.set(id, part)
      }
    }
  }
  if (serverTools === 'all') for (const call of open.values()) sendable.add(call)
  return sendable
}

function isProviderTool(part: Part): part is ProviderToolPart {
  return part.type === 'provider-tool'
}

/** Wordings of refusals that are about the blocks of server tools, in lower case. */
const UNPAIRED = /without a corresponding .{0,40}_result\b/
const ABOUT = /\b(?:server_tool_use|srvtoolu_|mcp_tool_use|[a-z_]+_tool_result|tool[_ ]reference)/

/** A refusal is searched only so far. */
const SEARCHED = 4000

/** What a server does not take of the blocks of its own tools, if the refusal is about them. */
export function refusedServerTools(
  request: ReplyRequest,
  text: string,
): 'answered' | 'none' | undefined {
  const { serverTools = 'all' } = request.target.quirks ?? {}
  if (serverTools === 'none') return undefined
  const said = text.slice(0, SEARCHED).toLowerCase()
  if (!UNPAIRED.test(said) && !ABOUT.test(said)) return undefined
  if (sendableBlocks(request).size === 0) return undefined
  return serverTools === 'all' && UNPAIRED.test(said) ? 'answered' : 'none'
}
