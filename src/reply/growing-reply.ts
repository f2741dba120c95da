/**
 * A reply as it grows: deltas in, parts out. Gives each delta its place. Knows nothing of turns,
 * subscribers and storage.
 *
 * A delta costs the same at the end of a long reply as at its beginning: text is appended to a
 * string, which the runtime keeps as a rope until it is read. Parts that were handed out never
 * change; a part that did not grow is handed out as the same object.
 */
import type { Delta, UnplacedDelta } from '../protocol/delta.ts'
import type { Part, ToolCallPart, ToolResultPart } from '../protocol/message.ts'
import { callInput } from './call-input.ts'
import { type StoredDelta, unplaced } from './delta-schema.ts'

interface Growing {
  /** The text that `take` has returned, and the text that came since. */
  taken: string
  rest: string
  /** True until `take` first returns the part. */
  isNew: boolean
  /** The opaque data, joined, and the pieces of it that are not joined yet. */
  providerData: unknown
  unjoined: unknown[] | undefined
  /** The pieces of opaque data that came since `take` returned the part. */
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

/** Does not grow: it is complete in one delta. */
interface GrowingFile extends Growing {
  readonly type: 'file'
  readonly mediaType: string
  readonly url: string
}

/** Does not grow either. */
interface GrowingResult extends Growing {
  readonly type: 'tool-result'
  readonly result: ToolResultPart
}

/** Nor does this. */
interface GrowingProviderTool extends Growing {
  readonly type: 'provider-tool'
  readonly toolName: string
}

type GrowingPart = GrowingText | GrowingCall | GrowingFile | GrowingResult | GrowingProviderTool

/** A delta that adds to a part. */
type PartDelta = Exclude<UnplacedDelta, { readonly type: 'step' }>

/** A step after the first one, with the index of its first part. */
interface LaterStep {
  readonly step: number
  readonly firstPart: number
}

type Unplaced<Type extends UnplacedDelta['type']> = Extract<UnplacedDelta, { type: Type }>

export class GrowingReply {
  readonly #parts: GrowingPart[] = []
  /**
   * The indexes of tool calls by id. Made when needed: most replies have none, and an empty Map is
   * not small.
   */
  #calls: Map<string, number> | undefined
  /** The ids of all calls so far. Made with the second step: in the first one no id is changed. */
  #takenIds: Set<string> | undefined
  #laterSteps: LaterStep[] | undefined
  /** How many of them `take` has returned. */
  #takenSteps = 0

  get isEmpty(): boolean {
    return this.#parts.length === 0
  }

  /** The length of all texts and arguments, in UTF-16 units. */
  get characters(): number {
    return this.#parts.reduce((sum, { taken, rest }) => sum + taken.length + rest.length, 0)
  }

  /** Returns true if the call has a part. */
  hasCall(toolCallId: string): boolean {
    return this.#calls?.has(toolCallId) === true
  }

  /** The index of the first part of the newest step. */
  get stepStart(): number {
    return this.#laterSteps?.at(-1)?.firstPart ?? 0
  }

  /** Adds a delta. Returns the index of its part; of a delta `step`, that of the part to come. */
  add(delta: UnplacedDelta): number {
    if (delta.type === 'step') return this.#beginStep(delta.step)
    const index = this.#indexFor(delta)
    const part = this.#parts[index] as GrowingPart
    if (delta.type === 'tool-result') return index
    if (delta.type === 'tool-call') part.rest += delta.inputText
    else if (delta.type === 'text' || delta.type === 'reasoning') part.rest += delta.text
    part.handedOut = undefined
    if (delta.providerData === undefined) return index
    part.unjoined ??= []
    part.unjoined.push(delta.providerData)
    if (!part.isNew) part.dataSince.push(delta.providerData)
    return index
  }

  /** Adds a delta, and returns it with its place. */
  place(delta: UnplacedDelta): Delta {
    const { length } = this.#parts
    const part = this.add(delta)
    if (delta.type === 'step') return delta
    return placed(this.#named(delta, part), part, part === length)
  }

  /** Reads the arguments of the tool calls of the newest step. Called when it gets no more deltas. */
  finish(): void {
    for (const index of this.#calls?.values() ?? []) {
      const call = this.#parts[index] as GrowingCall
      call.input = callInput(textSoFar(call))
      call.handedOut = undefined
    }
  }

  parts(): readonly Part[] {
    return this.#parts.map((part) => (part.handedOut ??= toPart(part)))
  }

  /**
   * Returns the additions since the last call, in as few deltas as possible. The first call returns
   * the whole reply. Adding up the deltas of all calls, in order, gives the same reply.
   */
  take(): readonly UnplacedDelta[] {
    const steps = this.#laterSteps
    if (steps === undefined) return this.#parts.flatMap(takeFrom)
    let begun = 0
    return this.#parts.flatMap((part, at) => {
      const taken = takeFrom(part)
      if (steps[begun]?.firstPart !== at) return taken
      const { step } = steps[begun] as LaterStep
      begun += 1
      const isNew = begun > this.#takenSteps
      if (isNew) this.#takenSteps = begun
      return isNew ? [{ type: 'step', step } as const, ...taken] : taken
    })
  }

  #beginStep(step: number): number {
    this.#takenIds ??= new Set(this.#calls?.keys())
    this.#calls = undefined
    this.#laterSteps ??= []
    this.#laterSteps.push({ step, firstPart: this.#parts.length })
    return this.#parts.length
  }

  #indexFor(delta: PartDelta): number {
    if (delta.type === 'tool-call') return this.#call(delta)
    if (delta.type === 'tool-result') return this.#result(delta)
    if (delta.type === 'provider-tool') return this.#providerTool(delta)
    return delta.type === 'file' ? this.#file(delta) : this.#text(delta)
  }

  #result(delta: Unplaced<'tool-result'>): number {
    return this.#parts.push({ type: 'tool-result', result: resultOf(delta), ...nothing() }) - 1
  }

  /** A call of a later step may have another id here than in its step. */
  #named(delta: PartDelta, index: number): PartDelta {
    if (delta.type !== 'tool-call' || this.#takenIds === undefined) return delta
    return { ...delta, toolCallId: (this.#parts[index] as GrowingCall).toolCallId }
  }

  #file({ type, mediaType, url }: Unplaced<'file'>): number {
    return this.#parts.push({ type, mediaType, url, ...nothing() }) - 1
  }

  #providerTool({ type, toolName }: Unplaced<'provider-tool'>): number {
    return this.#parts.push({ type, toolName, ...nothing() }) - 1
  }

  #text(delta: Unplaced<'text' | 'reasoning'>): number {
    const { type } = delta
    const last = this.#parts.length - 1
    const isSeparate = delta.type === 'reasoning' && delta.separate === true
    const continues = last >= this.stepStart && this.#parts[last]?.type === type
    if (continues && !isSeparate) return last
    return this.#parts.push({ type, ...nothing() }) - 1
  }

  #call({ type, toolCallId, toolName }: Unplaced<'tool-call'>): number {
    this.#calls ??= new Map()
    const known = this.#calls.get(toolCallId)
    if (known !== undefined) return known
    const id = this.#freeId(toolCallId)
    this.#takenIds?.add(id)
    const part = { type, toolCallId: id, toolName, input: undefined, ...nothing() }
    const index = this.#parts.push(part) - 1
    this.#calls.set(toolCallId, index)
    return index
  }

  /** The id of a call, or the id with a number if another call has that id in the reply. */
  #freeId(toolCallId: string): string {
    let id = toolCallId
    for (let n = 2; this.#takenIds?.has(id) === true; n += 1) id = `${toolCallId}~${n}`
    return id
  }
}

/** Makes the placed form of a delta. */
function placed(delta: PartDelta, part: number, opens: boolean): Delta {
  const { type } = delta
  const providerData = type === 'tool-result' ? undefined : delta.providerData
  // Almost all deltas are plain text, which is cheap to make in one form.
  if (type === 'text' && !opens && providerData === undefined) {
    return { type, text: delta.text, part }
  }
  const marks = {
    ...(providerData !== undefined && { providerData }),
    part,
    ...(opens && { opens }),
  }
  if (type === 'text' || type === 'reasoning') return { type, text: delta.text, ...marks }
  if (type === 'file') return { ...fileOf(delta), ...marks, closes: true }
  if (type === 'tool-result') return { ...resultOf(delta), ...marks, closes: true }
  if (type === 'provider-tool') {
    return { type, toolName: delta.toolName, ...marks, providerData, closes: true }
  }
  const { toolCallId, toolName, inputText, closes } = delta
  return { type, toolCallId, toolName, inputText, ...marks, ...(closes && { closes }) }
}

function nothing(): Growing {
  return {
    taken: '',
    rest: '',
    isNew: true,
    providerData: undefined,
    unjoined: undefined,
    dataSince: [],
    handedOut: undefined,
  }
}

function textSoFar(part: GrowingPart): string {
  return part.taken + part.rest
}

/** Returns the additions to one part since the last call. */
function takeFrom(part: GrowingPart): readonly UnplacedDelta[] {
  const { rest, isNew } = part
  const [data, ...more] = isNew ? [dataSoFar(part)] : part.dataSince
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

/** Makes the first delta of a part. Reasoning is separate: the part before may be reasoning too. */
function opening(part: GrowingPart, text: string, data: unknown): UnplacedDelta {
  const delta = deltaOf(part, text, data)
  return delta.type === 'reasoning' ? { ...delta, separate: true } : delta
}

function deltaOf(part: GrowingPart, text: string, data: unknown): UnplacedDelta {
  const providerData = data === undefined ? {} : { providerData: data }
  if (part.type === 'file') return { ...fileOf(part), ...providerData }
  if (part.type === 'tool-result') return resultOf(part.result)
  if (part.type === 'provider-tool') {
    return { type: part.type, toolName: part.toolName, providerData: data }
  }
  if (part.type !== 'tool-call') return { type: part.type, text, ...providerData }
  const { type, toolCallId, toolName } = part
  return { type, toolCallId, toolName, inputText: text, ...providerData }
}

/** Of a delta without its place, and of a part: they have the same fields. */
function resultOf(result: Unplaced<'tool-result'> | ToolResultPart): Unplaced<'tool-result'> {
  const { type, toolCallId, toolName, output, isError, code, content } = result
  return {
    type,
    toolCallId,
    toolName,
    output,
    isError,
    ...(code !== undefined && { code }),
    ...(content !== undefined && { content }),
  }
}

function fileOf({ type, mediaType, url }: GrowingFile | Unplaced<'file'>): Unplaced<'file'> {
  return { type, mediaType, url }
}

/** Makes the parts of a reply from all of its deltas, in the order in which they were stored. */
export function assembled(deltas: readonly StoredDelta[]): readonly Part[] {
  const reply = new GrowingReply()
  for (const delta of deltas) {
    // The calls of the step before are whole.
    if (delta.type === 'step') reply.finish()
    reply.add(unplaced(delta))
  }
  reply.finish()
  return reply.parts()
}

function toPart(part: GrowingPart): Part {
  const data = dataSoFar(part)
  const providerData = data === undefined ? {} : { providerData: data }
  if (part.type === 'file') return { ...fileOf(part), ...providerData }
  if (part.type === 'tool-result') return part.result
  if (part.type === 'provider-tool') {
    return { type: part.type, toolName: part.toolName, providerData: data }
  }
  if (part.type !== 'tool-call') return { type: part.type, text: textSoFar(part), ...providerData }
  const { type, toolCallId, toolName, input } = part
  const inputText = textSoFar(part)
  return { type, toolCallId, toolName, input, inputText, ...providerData } satisfies ToolCallPart
}

/**
 * Joins the opaque data of a part: lists grow, records take the newer fields, other values are
 * replaced. A list is copied once for all pieces: one copy for each piece would be quadratic.
 */
function dataSoFar(part: GrowingPart): unknown {
  if (part.unjoined === undefined) return part.providerData
  let data = part.providerData
  let isOwnList = false
  for (const added of part.unjoined) {
    if (Array.isArray(data) && Array.isArray(added)) {
      const list: unknown[] = isOwnList ? data : [...(data as unknown[])]
      for (const entry of added as unknown[]) list.push(entry)
      data = list
      isOwnList = true
    } else {
      data = isRecord(data) && isRecord(added) ? { ...data, ...added } : added
      isOwnList = false
    }
  }
  part.unjoined = undefined
  return (part.providerData = data)
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
