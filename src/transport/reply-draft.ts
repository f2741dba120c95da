/**
 * Collects the deltas that a dialect makes of a reply, until the next batch takes them. Counts the
 * memory that the reply takes, and refuses content beyond its limits.
 *
 * Knows nothing of the wire format or of the sink.
 */
import type { ProviderDelta } from '../protocol/delta.ts'
import type { ReplyLimits } from './limits.ts'
import { DELTA_OVERHEAD, FREE_DELTAS, PART_OVERHEAD, VALUE_OVERHEAD } from './limits.ts'
import { jsonText } from './wire-value.ts'

type Mutable<T> = { -readonly [Name in keyof T]: T[Name] }

/** A delta of the batch, which more of the same event may be joined to. */
type OpenDelta = Mutable<Extract<ProviderDelta, { text: string }>> | Mutable<CallDelta>

type CallDelta = Extract<ProviderDelta, { type: 'tool-call' }>

export class ReplyDraft {
  #batch: ProviderDelta[] = []
  /** The newest delta, until its event ends or its batch is taken. */
  #open: OpenDelta | undefined
  #size = 0
  #parts = 0
  /** The type of the newest part. */
  #newest: ProviderDelta['type'] | undefined
  /** The calls that have a part. Made when needed: most replies have none. */
  #callIds: Set<string> | undefined
  /** How large the content may be, beside the objects around it. */
  #room: number
  readonly #maxParts: number
  #exceeded: 'bytes' | 'parts' | undefined
  #hasContent = false
  #hasAnswer = false
  #said = 0
  #isFrozen = false
  #isReasoningApart = false

  constructor({ replyBytes, replyParts }: ReplyLimits) {
    this.#room = replyBytes
    this.#maxParts = replyParts
  }

  /** The size of the content so far, in UTF-16 units, including the units given to `count`. */
  get size(): number {
    return this.#size
  }

  /** True once a delta was added, even if a batch has taken it. */
  get hasContent(): boolean {
    return this.#hasContent
  }

  /** The limit that the reply exceeds, if any. Content that follows is ignored. */
  get exceeded(): 'bytes' | 'parts' | undefined {
    return this.#exceeded
  }

  /** A new event begins. Content of one type is joined only within an event. */
  nextEvent(): void {
    this.#open = undefined
  }

  /** A block of an event begins. Blocks make deltas of their own unless there are very many. */
  nextBlock(): void {
    if (this.#batch.length < FREE_DELTAS) this.#open = undefined
  }

  /** True once anything but reasoning and tools of the provider was added. */
  get hasAnswer(): boolean {
    return this.#hasAnswer
  }

  /** Grows with each delta, unless it holds nothing but opaque data. */
  get said(): number {
    return this.#said
  }

  text(text: string): void {
    if (text === '' || !this.#admits(this.#newest !== 'text')) return
    const open = this.#open
    if (open?.type === 'text') open.text += text
    else this.#add((this.#open = { type: 'text', text }))
    this.#newest = 'text'
    this.count(text.length)
  }

  /** @param providerData - opaque data to keep with the reasoning, even if the text is empty */
  reasoning(text: string, providerData?: unknown): void {
    const dataSize = providerData === undefined ? 0 : sizeOf(providerData)
    if (dataSize === undefined || (text === '' && providerData === undefined)) return
    const isSeparate = this.#isReasoningApart
    if (!this.#admits(isSeparate || this.#newest !== 'reasoning')) return
    const open = this.#open
    if (open?.type === 'reasoning' && !isSeparate && providerData === undefined) open.text += text
    else {
      const delta: OpenDelta = { type: 'reasoning', text }
      if (providerData !== undefined) delta.providerData = providerData
      if (isSeparate) delta.separate = true
      this.#add((this.#open = delta))
    }
    this.#newest = 'reasoning'
    this.#isReasoningApart = false
    this.count(text.length + dataSize)
  }

  /** Makes the next reasoning open a new part. */
  separateReasoning(): void {
    this.#isReasoningApart = true
  }

  toolCall(toolCallId: string, toolName: string, inputText: string, providerData?: unknown): void {
    const isNew = this.#callIds?.has(toolCallId) !== true
    if (!this.#admits(isNew)) return
    if (isNew) {
      this.#callIds = (this.#callIds ?? new Set<string>()).add(toolCallId)
      this.#newest = 'tool-call'
    }
    const dataSize = providerData === undefined ? undefined : sizeOf(providerData)
    const open = this.#open
    if (dataSize === undefined && open?.type === 'tool-call' && open.toolCallId === toolCallId) {
      open.inputText += inputText
    } else {
      const delta: Mutable<CallDelta> = { type: 'tool-call', toolCallId, toolName, inputText }
      if (dataSize !== undefined) delta.providerData = providerData
      this.#add((this.#open = delta))
    }
    this.count(inputText.length + (dataSize ?? 0))
  }

  /**
   * The arguments of a call are complete. The newest delta of the call tells that, unless a batch
   * has taken it: then an empty delta does. Counts as no content.
   */
  closeCall(toolCallId: string, toolName: string): void {
    if (this.#isFrozen || this.#callIds?.has(toolCallId) !== true) return
    const newest = this.#newestOf(toolCallId)
    if (newest === undefined) {
      this.#push({ type: 'tool-call', toolCallId, toolName, inputText: '', closes: true })
    } else newest.closes = true
  }

  /** @param providerData - opaque data that names the maker of the file */
  file(mediaType: string, url: string, providerData: object): void {
    if (!this.#admits(true)) return
    this.#newest = 'file'
    this.#open = undefined
    this.#add({ type: 'file', mediaType, url, providerData })
    this.count(mediaType.length + url.length + (sizeOf(providerData) ?? 0))
  }

  /**
   * Adds a tool that the provider ran. Returns false if its data cannot be written as JSON: it is
   * nested too deep to be stored.
   */
  providerTool(toolName: string, providerData: object): boolean {
    const dataSize = sizeOf(providerData)
    if (dataSize === undefined) return false
    if (!this.#admits(true)) return true
    this.#newest = 'provider-tool'
    this.#open = undefined
    this.#add({ type: 'provider-tool', toolName, providerData })
    this.count(toolName.length + dataSize)
    return true
  }

  /** Counts content, or memory that a dialect needs and that is in no delta. */
  count(units: number): void {
    this.#size += units
    if (this.#size > this.#room) this.#exceeded ??= 'bytes'
  }

  /** Returns the deltas that were added since the last call. */
  take(): readonly ProviderDelta[] {
    const batch = this.#batch
    if (batch.length > FREE_DELTAS) this.#room += (batch.length - FREE_DELTAS) * DELTA_OVERHEAD
    if (batch.length > 0) this.#batch = []
    this.#open = undefined
    return batch
  }

  /** Makes the draft ignore later deltas. */
  freeze(): void {
    this.#isFrozen = true
  }

  /** Returns true if content may be added. Counts the part that it opens. */
  #admits(opensPart: boolean): boolean {
    if (this.#isFrozen || this.#exceeded !== undefined) return false
    if (!opensPart) return true
    if (this.#parts >= this.#maxParts) {
      this.#exceeded = 'parts'
      return false
    }
    this.#parts += 1
    // The first part is free, so that a plain reply takes as much as its text.
    if (this.#parts > 1) this.#room -= PART_OVERHEAD
    return true
  }

  #add(delta: ProviderDelta): void {
    this.#push(delta)
    this.#hasContent = true
    if (delta.type === 'reasoning' && delta.text === '') return
    if (delta.type !== 'reasoning' && delta.type !== 'provider-tool') this.#hasAnswer = true
    this.#said += 1
  }

  #push(delta: ProviderDelta): void {
    // An array literal of one element allocates no spare capacity; `push` would. Most batches hold
    // one delta.
    if (this.#batch.length === 0) this.#batch = [delta]
    else if (this.#batch.push(delta) > FREE_DELTAS) this.#room -= DELTA_OVERHEAD
  }

  /** The newest delta of a call. Looks at the end of the batch only, so that the cost is bounded. */
  #newestOf(toolCallId: string): Mutable<CallDelta> | undefined {
    const batch = this.#batch
    const end = Math.max(0, batch.length - FREE_DELTAS)
    for (let at = batch.length - 1; at >= end; at -= 1) {
      const delta = batch[at]
      if (delta?.type === 'tool-call' && delta.toolCallId === toolCallId) return delta
    }
    return undefined
  }
}

const COMMA = 0x2c
const BRACE = 0x7b
const BRACKET = 0x5b

/**
 * The size of opaque data: its length as JSON, and an overhead for each value in it. Two characters
 * of JSON may be an object. Returns `undefined` if the data cannot be written as JSON.
 */
function sizeOf(data: unknown): number | undefined {
  const json = jsonText(data)
  if (json === undefined) return undefined
  let size = json.length
  for (let at = 0; at < json.length; at += 1) {
    const code = json.charCodeAt(at)
    if (code === COMMA || code === BRACE || code === BRACKET) size += VALUE_OVERHEAD
  }
  return size
}
