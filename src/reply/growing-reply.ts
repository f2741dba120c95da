/**
 * A reply as it grows: deltas in, parts out.
 *
 * Adding a delta costs the same however long the reply is: text is appended to a string, which
 * the runtime keeps as a rope until somebody reads it. Parts handed out are never changed again;
 * a part that did not grow is handed out as the same object.
 */
import type { Delta } from '../protocol/delta.ts'
import type { Part, ToolCallPart } from '../protocol/message.ts'
import { callInput } from './call-input.ts'

interface Growing {
  /** What of its text somebody has taken, and what came since. */
  taken: string
  rest: string
  /** Whether nobody has taken any of it. */
  isNew: boolean
  /** All opaque data, and what of it came since it was taken first. */
  providerData: unknown
  dataSince: unknown[]
  handedOut: Part | undefined
}

interface GrowingText extends Growing {
  readonly type: 'text' | 'reasoning'
}

interface GrowingCall extends Growing {
  readonly type: 'tool-call'
  readonly toolCallId: string
  readonly toolName: string
  input: unknown
}

type GrowingPart = GrowingText | GrowingCall

export class GrowingReply {
  readonly #parts: GrowingPart[] = []
  /** By their ids. Most replies have none, and an empty map is not small. */
  #calls: Map<string, GrowingCall> | undefined

  get isEmpty(): boolean {
    return this.#parts.length === 0
  }

  add(delta: Delta): void {
    const part = delta.type === 'tool-call' ? this.#call(delta) : this.#text(delta)
    part.rest += delta.type === 'tool-call' ? delta.inputText : delta.text
    part.handedOut = undefined
    if (delta.providerData === undefined) return
    part.providerData = joined(part.providerData, delta.providerData)
    if (!part.isNew) part.dataSince.push(delta.providerData)
  }

  /** Reads the arguments of the tool calls, now that no more of them will come. */
  finish(): void {
    for (const call of this.#calls?.values() ?? []) {
      call.input = callInput(textSoFar(call))
      call.handedOut = undefined
    }
  }

  parts(): readonly Part[] {
    return this.#parts.map((part) => (part.handedOut ??= toPart(part)))
  }

  /**
   * What was added since this was last asked, and all of it at first, in as few deltas as say it.
   * Who adds them up in the same order has the same reply.
   */
  take(): readonly Delta[] {
    return this.#parts.flatMap(takeFrom)
  }

  #text(delta: Exclude<Delta, { type: 'tool-call' }>): GrowingText {
    const { type } = delta
    const last = this.#parts.at(-1)
    if (last?.type === type && !(delta.type === 'reasoning' && delta.opens)) return last
    const part = { type, ...nothing() }
    this.#parts.push(part)
    return part
  }

  #call(delta: Extract<Delta, { type: 'tool-call' }>): GrowingCall {
    const { type, toolCallId, toolName } = delta
    this.#calls ??= new Map()
    const known = this.#calls.get(toolCallId)
    if (known !== undefined) return known
    const part = { type, toolCallId, toolName, input: undefined, ...nothing() }
    this.#calls.set(toolCallId, part)
    this.#parts.push(part)
    return part
  }
}

function nothing(): Growing {
  return {
    taken: '',
    rest: '',
    isNew: true,
    providerData: undefined,
    dataSince: [],
    handedOut: undefined,
  }
}

function textSoFar(part: GrowingPart): string {
  return part.taken + part.rest
}

/** What the part gained since this was last asked of it. */
function takeFrom(part: GrowingPart): readonly Delta[] {
  const { rest, isNew } = part
  const [data, ...more] = isNew ? [part.providerData] : part.dataSince
  if (!isNew && rest === '' && data === undefined) return []
  part.taken += rest
  part.rest = ''
  part.isNew = false
  part.dataSince = []
  return [
    isNew ? opening(part, rest, data) : deltaOf(part, rest, data),
    ...more.map((later) => deltaOf(part, '', later)),
  ]
}

/** Thoughts may follow others that they are not a part of. */
function opening(part: GrowingPart, text: string, data: unknown): Delta {
  const delta = deltaOf(part, text, data)
  return delta.type === 'reasoning' ? { ...delta, opens: true } : delta
}

function deltaOf(part: GrowingPart, text: string, data: unknown): Delta {
  const providerData = data === undefined ? {} : { providerData: data }
  if (part.type !== 'tool-call') return { type: part.type, text, ...providerData }
  const { type, toolCallId, toolName } = part
  return { type, toolCallId, toolName, inputText: text, ...providerData }
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
  if (part.type !== 'tool-call') return { type: part.type, text: textSoFar(part), ...providerData }
  const { type, toolCallId, toolName, input } = part
  const inputText = textSoFar(part)
  return { type, toolCallId, toolName, input, inputText, ...providerData } satisfies ToolCallPart
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
