/**
 * Collects the deltas that a dialect makes of a reply, until the next batch takes them.
 *
 * Knows nothing of the wire format or of the sink.
 */
import type { Delta } from '../protocol/delta.ts'
import { jsonLength } from './wire-value.ts'

export class ReplyDraft {
  #batch: Delta[] = []
  #size = 0
  #hasContent = false
  #hasAnswer = false
  #said = 0
  #isFrozen = false
  #isReasoningApart = false

  /** The size of the reply so far, in UTF-16 units, including the units given to `count`. */
  get size(): number {
    return this.#size
  }

  /** True once a delta was added, even if a batch has taken it. */
  get hasContent(): boolean {
    return this.#hasContent
  }

  /** True once anything but reasoning was added. */
  get hasAnswer(): boolean {
    return this.#hasAnswer
  }

  /** Grows with each delta, unless it holds nothing but opaque data. */
  get said(): number {
    return this.#said
  }

  text(text: string): void {
    if (text === '') return
    this.#add({ type: 'text', text }, text.length)
  }

  /** @param providerData - opaque data to keep with the reasoning, even if the text is empty */
  reasoning(text: string, providerData?: unknown): void {
    if (providerData === undefined) {
      if (text !== '') this.#addReasoning({ type: 'reasoning', text }, text.length)
      return
    }
    const dataSize = jsonLength(providerData)
    if (dataSize === undefined) return
    this.#addReasoning({ type: 'reasoning', text, providerData }, text.length + dataSize)
  }

  /** Makes the next reasoning open a new part. */
  separateReasoning(): void {
    this.#isReasoningApart = true
  }

  toolCall(toolCallId: string, toolName: string, inputText: string, providerData?: unknown): void {
    const dataSize = providerData === undefined ? 0 : jsonLength(providerData)
    const delta = { type: 'tool-call', toolCallId, toolName, inputText } as const
    this.#add(
      dataSize === undefined || providerData === undefined ? delta : { ...delta, providerData },
      inputText.length + (dataSize ?? 0),
    )
  }

  /** Counts memory that a dialect needs and that is in no delta. */
  count(units: number): void {
    this.#size += units
  }

  /** Returns the deltas that were added since the last call. */
  take(): readonly Delta[] {
    const batch = this.#batch
    if (batch.length > 0) this.#batch = []
    return batch
  }

  /** Makes the draft ignore later deltas. */
  freeze(): void {
    this.#isFrozen = true
  }

  #addReasoning(delta: Extract<Delta, { type: 'reasoning' }>, size: number): void {
    this.#add(this.#isReasoningApart ? { ...delta, opens: true } : delta, size)
    this.#isReasoningApart = false
  }

  #add(delta: Delta, size: number): void {
    if (this.#isFrozen) return
    // An array literal of one element allocates no spare capacity; `push` would. Most batches hold
    // one delta.
    if (this.#batch.length === 0) this.#batch = [delta]
    else this.#batch.push(delta)
    this.#size += size
    this.#hasContent = true
    if (delta.type !== 'reasoning') this.#hasAnswer = true
    else if (delta.text === '') return
    this.#said += 1
  }
}
