/**
 * The history as the Messages format has it: a user's message and an assistant's in turn.
 *
 * The API refuses what breaks its rules, and would refuse it for ever, as a history only grows:
 * the first message is a user's, text is not blank, each call has an id of its own, and its result
 * stands in the very next message, before what the user says. Relies on a history in which each call
 * has its result, and has it before the user speaks.
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

export interface WireBlock {
  readonly type: string
  readonly [field: string]: unknown
}

export interface WireMessage {
  readonly role: 'user' | 'assistant'
  readonly content: WireBlock[]
}

/** What the user says where the assistant spoke first. */
const OPENING = 'Begin.'

/** What a tool says that failed without a word: a failure has to have a text. */
const FAILED = 'The tool failed.'

const LONGEST_NAME = 64

/** An escape in JSON; what `JSON.stringify` makes of half a surrogate pair is the only long one. */
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
  /** The place of its message. */
  readonly at: number
}

class MessagesHistory {
  /** Whose thinking is sent back. */
  readonly #maker: string
  readonly #messages: WireMessage[] = []
  /** By the id that the parts have, which several replies may have used. */
  readonly #open = new Map<string, OpenCall[]>()
  readonly #taken = new Set<string>()
  /** How many calls had an id, as the API takes it: a provider may have used one in each reply. */
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
    // The model goes on from there, and is not to go on from a blank.
    if (last?.role === 'assistant' && block?.type === 'text') {
      last.content.splice(-1, 1, { ...block, text: String(block['text']).trimEnd() })
    }
    return this.#messages
  }

  /** Without the thinking at its end, which may not be the last of a message. */
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

  /** The message that is being written, which is of that role. */
  #message(role: WireMessage['role']): WireMessage {
    const last = this.#messages.at(-1)
    if (last?.role === role) return last
    const message: WireMessage = { role, content: [] }
    this.#messages.push(message)
    return message
  }
}

/** Adjacent texts as one, since a part of a text may be blank, and blank texts left out. */
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

/** An object, which not all models write. What is nested too deep to be written again stays here. */
function argumentsOf(input: unknown): unknown {
  if (jsonLength(input) === undefined) return {}
  const object = isObject(input) ? input : { input }
  const written = JSON.stringify(object)
  // Half a pair is refused like bytes that are no UTF-8.
  const repaired = written.replaceAll(ESCAPE, (escape) => (escape.length > 2 ? '\ufffd' : escape))
  return repaired === written ? object : JSON.parse(repaired)
}

/**
 * A block of thinking goes back as it came, if all of it came, and to nobody but its maker: others
 * refuse the signature. A host that gives one without a maker means whom it asks.
 */
function thinking({ text, providerData }: ReasoningPart, asked: string): readonly WireBlock[] {
  const { type, signature, data, maker = asked } = isObject(providerData) ? providerData : {}
  if (maker !== asked) return []
  if (type === 'thinking' && nonEmpty(signature) !== undefined && text.isWellFormed()) {
    return [{ type, thinking: text, signature }]
  }
  return type === 'redacted_thinking' && nonEmpty(data) !== undefined ? [{ type, data }] : []
}

/** A name as the API takes one. Other providers have dots and colons in theirs. */
function allowed(name: string): string {
  return name.replaceAll(/[^\w-]/g, '_')
}
