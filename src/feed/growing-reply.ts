/**
 * A reply as it grows: deltas in, parts out.
 *
 * Adding a delta costs the same however long the reply is: text is appended to a string, which
 * the runtime keeps as a rope until somebody reads it. Parts handed out are never changed again;
 * a part that did not grow is handed out as the same object.
 */
import type { Delta } from '../protocol/delta.ts'
import type { Part, ToolCallPart } from '../protocol/message.ts'

interface GrowingText {
  readonly type: 'text' | 'reasoning'
  text: string
  providerData: unknown
  handedOut: Part | undefined
}

interface GrowingCall {
  readonly type: 'tool-call'
  readonly toolCallId: string
  toolName: string
  inputText: string
  input: unknown
  providerData: unknown
  handedOut: Part | undefined
}

type GrowingPart = GrowingText | GrowingCall

export class GrowingReply {
  readonly #parts: GrowingPart[] = []
  readonly #calls = new Map<string, GrowingCall>()

  get isEmpty(): boolean {
    return this.#parts.length === 0
  }

  add(delta: Delta): void {
    const part = delta.type === 'tool-call' ? this.#call(delta) : this.#text(delta)
    if (part.type === 'tool-call') {
      if (delta.type === 'tool-call') part.inputText += delta.inputText
    } else if (delta.type !== 'tool-call') {
      part.text += delta.text
    }
    part.providerData = joined(part.providerData, delta.providerData)
    part.handedOut = undefined
  }

  /** Reads the arguments of the tool calls, now that no more of them will come. */
  finish(): void {
    for (const call of this.#calls.values()) {
      call.input = callInput(call.inputText)
      call.handedOut = undefined
    }
  }

  parts(): readonly Part[] {
    return this.#parts.map((part) => (part.handedOut ??= toPart(part)))
  }

  #text(delta: Exclude<Delta, { type: 'tool-call' }>): GrowingText {
    const { type } = delta
    const last = this.#parts.at(-1)
    if (last?.type === type && !(delta.type === 'reasoning' && delta.opens)) return last
    const part = { type, text: '', providerData: undefined, handedOut: undefined }
    this.#parts.push(part)
    return part
  }

  #call(delta: Extract<Delta, { type: 'tool-call' }>): GrowingCall {
    const known = this.#calls.get(delta.toolCallId)
    if (known !== undefined) return known
    const { toolCallId, toolName } = delta
    const part: GrowingCall = {
      type: 'tool-call',
      toolCallId,
      toolName,
      inputText: '',
      input: undefined,
      providerData: undefined,
      handedOut: undefined,
    }
    this.#calls.set(toolCallId, part)
    this.#parts.push(part)
    return part
  }
}

/** The parts of a reply of which no more deltas will come. */
export function assembled(deltas: readonly Delta[]): readonly Part[] {
  const reply = new GrowingReply()
  for (const delta of deltas) reply.add(delta)
  reply.finish()
  return reply.parts()
}

function toPart(part: GrowingPart): Part {
  const providerData = part.providerData === undefined ? {} : { providerData: part.providerData }
  if (part.type !== 'tool-call') return { type: part.type, text: part.text, ...providerData }
  const { type, toolCallId, toolName, input, inputText } = part
  return { type, toolCallId, toolName, input, inputText, ...providerData } satisfies ToolCallPart
}

/**
 * Arguments as a value: none mean an empty object, as providers see it, and `undefined` that they
 * were cut. What is nested so deep that it can be read but not written again could never be stored.
 */
export function callInput(inputText: string): unknown {
  if (inputText.trim() === '') return {}
  try {
    const input: unknown = JSON.parse(inputText)
    if (mayBeDeep(inputText)) JSON.stringify(input)
    return input
  } catch {
    return undefined
  }
}

/** Nothing that is shorter is nested deeper than any stack bears. */
function mayBeDeep(json: string): boolean {
  return json.length > 1000
}

/** Lists grow, records take on the newer fields, anything else is replaced. */
function joined(old: unknown, added: unknown): unknown {
  if (added === undefined) return old
  if (Array.isArray(old) && Array.isArray(added)) return [...old, ...added]
  if (isRecord(old) && isRecord(added)) return { ...old, ...added }
  return added
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
