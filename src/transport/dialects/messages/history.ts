/**
 * Writes the history in the Messages format, in which user and assistant messages alternate.
 *
 * The API refuses a history that breaks one of these rules. It would refuse every later request of
 * the conversation too, since a history only grows.
 *
 * - The first message is a user message.
 * - No text is blank.
 * - Each call has an id of its own.
 * - The result of a call is in the message right after the call, before the user's text.
 *
 * Contract: in the given history each call has its result, and has it before the next user message.
 */
import type {
  Part,
  ReasoningPart,
  ToolCallPart,
  ToolResultPart,
} from '../../../protocol/message.ts'
import type { ReplyRequest } from '../../reply-request.ts'
import { isObject, jsonLength, nonEmpty } from '../../wire-value.ts'
import { providerFingerprint } from '../provider-fingerprint.ts'
import { fileBlock } from './file.ts'

interface WireBlock {
  readonly type: string
  readonly [field: string]: unknown
}

export interface WireMessage {
  readonly role: 'user' | 'assistant'
  readonly content: WireBlock[]
}

/** The user's text where the history begins with an assistant message. */
const OPENING = 'Begin.'

/** The result text of a tool that failed with blank output: the API requires a text there. */
const FAILED = 'The tool failed.'

const LONGEST_NAME = 64

/**
 * Matches an escape in JSON. Only the escape that `JSON.stringify` writes for half a surrogate pair
 * gives a match of more than two characters.
 */
const ESCAPE = /\\(?:ud[89a-f][\da-f]{2}|.)/g

export function alternating(request: ReplyRequest): readonly WireMessage[] {
  const history = new MessagesHistory(providerFingerprint(request))
  for (const { role, parts } of request.messages) {
    if (role === 'assistant') history.assistant(parts)
    else history.user(parts)
  }
  return history.end()
}

/** A call that waits for its result. */
interface OpenCall {
  readonly wireId: string
  /** The index of the message that holds the call. */
  readonly at: number
}

class MessagesHistory {
  /** The fingerprint of the provider and model that are asked. Only their thinking is sent back. */
  readonly #maker: string
  readonly #messages: WireMessage[] = []
  /** Open calls by the id in the parts. Several replies may have used the same id. */
  readonly #open = new Map<string, OpenCall[]>()
  readonly #taken = new Set<string>()
  /**
   * How many calls had an id, in the form that the API accepts. A provider may have used the same
   * id in each reply.
   */
  readonly #uses = new Map<string, number>()

  constructor(maker: string) {
    this.#maker = maker
  }

  user(parts: readonly Part[]): void {
    for (const part of textsJoined(parts)) {
      if (part.type === 'text') this.#message('user').content.push({ ...part })
      else if (part.type === 'file') this.#message('user').content.push(fileBlock(part))
      else if (part.type === 'tool-result') this.#answer(part)
    }
  }

  assistant(parts: readonly Part[]): void {
    let said: Part[] = []
    for (const part of textsJoined(parts)) {
      if (part.type !== 'tool-result') said.push(part)
      else {
        this.#say(said)
        this.#answer(part)
        said = []
      }
    }
    this.#say(said)
  }

  end(): readonly WireMessage[] {
    const last = this.#messages.at(-1)
    const block = last?.content.at(-1)
    // The model continues this text, and must not continue from a trailing blank.
    if (last?.role === 'assistant' && block?.type === 'text') {
      last.content.splice(-1, 1, { ...block, text: String(block['text']).trimEnd() })
    }
    return this.#messages
  }

  /** Leaves out thinking at the end of the parts: thinking must not be the end of a message. */
  #say(parts: readonly Part[]): void {
    const end = parts.findLastIndex(({ type }) => type === 'text' || type === 'tool-call') + 1
    if (end === 0) return
    if (this.#messages.length === 0) {
      this.#message('user').content.push({ type: 'text', text: OPENING })
    }
    const { content } = this.#message('assistant')
    for (const part of parts.slice(0, end)) {
      if (part.type === 'text') content.push({ ...part })
      else if (part.type === 'tool-call') content.push(this.#call(part))
      else if (part.type === 'reasoning') content.push(...thinking(part, this.#maker))
    }
  }

  #call({ toolCallId, toolName, input }: ToolCallPart): WireBlock {
    const wireId = this.#idFor(toolCallId)
    const open = this.#open.get(toolCallId) ?? []
    open.push({ wireId, at: this.#messages.length - 1 })
    this.#open.set(toolCallId, open)
    return {
      type: 'tool_use',
      id: wireId,
      name: allowed(toolName).slice(0, LONGEST_NAME),
      input: argumentsOf(input),
    }
  }

  #answer({ toolCallId, output, isError }: ToolResultPart): void {
    const call = this.#open.get(toolCallId)?.shift()
    if (call === undefined) return
    const { content } = this.#messages[call.at + 1] ?? this.#message('user')
    const text = typeof output === 'string' ? output : (JSON.stringify(output) ?? '')
    content.push({
      type: 'tool_result',
      tool_use_id: call.wireId,
      content: text.trim() === '' && isError ? FAILED : text.toWellFormed(),
      ...(isError && { is_error: true }),
    })
  }

  #idFor(toolCallId: string): string {
    const id = allowed(toolCallId)
    let uses = this.#uses.get(id) ?? 0
    let wireId = uses === 0 ? id : `${id}_${uses}`
    while (this.#taken.has(wireId)) wireId = `${id}_${(uses += 1)}`
    this.#uses.set(id, uses + 1)
    this.#taken.add(wireId)
    return wireId
  }

  /** Returns the last message if it has the role, else begins a new message. */
  #message(role: WireMessage['role']): WireMessage {
    const last = this.#messages.at(-1)
    if (last?.role === role) return last
    const message: WireMessage = { role, content: [] }
    this.#messages.push(message)
    return message
  }
}

/**
 * Joins adjacent texts, then leaves out blank texts. The order matters: a blank text part may
 * belong to a text that is not blank.
 */
function textsJoined(parts: readonly Part[]): readonly Part[] {
  const joined: Part[] = []
  for (const part of parts) {
    const last = joined.at(-1)
    if (part.type !== 'text') joined.push(part)
    else if (last?.type !== 'text') joined.push({ type: 'text', text: part.text })
    else joined.splice(-1, 1, { type: 'text', text: last.text + part.text })
  }
  return joined.flatMap((part) => {
    if (part.type !== 'text') return part
    return part.text.trim() === '' ? [] : { type: 'text', text: part.text.toWellFormed() }
  })
}

/**
 * Returns the arguments as an object: the format requires one, and not all models write one.
 * Arguments that are nested too deep for `JSON.stringify` are left out.
 */
function argumentsOf(input: unknown): unknown {
  if (jsonLength(input) === undefined) return {}
  const object = isObject(input) ? input : { input }
  const written = JSON.stringify(object)
  // The API refuses half a surrogate pair, as it refuses bytes that are not UTF-8.
  const repaired = written.replaceAll(ESCAPE, (escape) => (escape.length > 2 ? '\ufffd' : escape))
  return repaired === written ? object : JSON.parse(repaired)
}

/**
 * Returns the thinking block unchanged, if it is complete. It goes back only to the provider and
 * model that made it: others refuse the signature. Thinking from a host may lack a maker. It then
 * counts as made by the provider and model that are asked.
 */
function thinking({ text, providerData }: ReasoningPart, asked: string): readonly WireBlock[] {
  const { type, signature, data, maker = asked } = isObject(providerData) ? providerData : {}
  if (maker !== asked) return []
  if (type === 'thinking' && nonEmpty(signature) !== undefined && text.isWellFormed()) {
    return [{ type, thinking: text, signature }]
  }
  return type === 'redacted_thinking' && nonEmpty(data) !== undefined ? [{ type, data }] : []
}

/**
 * Replaces the characters that the API does not accept in a name or an id. Other providers use dots
 * and colons there.
 */
function allowed(name: string): string {
  return name.replaceAll(/[^\w-]/g, '_')
}
