/** Collects what a dialect makes of a reply, until the next batch takes it. */
import type { Delta } from '../protocol/delta.ts'
import { jsonLength } from './wire-value.ts'

export class ReplyDraft {
  #batch: Delta[] = []
  #size = 0
  #hasContent = false
  #isFrozen = false
  #isReasoningApart = false

  /** How much content there was, in UTF-16 units. */
  get size(): number {
    return this.#size
  }

  /** Whether there was any content at all. */
  get hasContent(): boolean {
    return this.#hasContent
  }

  text(text: string): void {
    if (text === '') return
    this.#add({ type: 'text', text }, text.length)
  }

  /** @param providerData - opaque data to keep with the reasoning; makes empty text worth a delta. */
  reasoning(text: string, providerData?: unknown): void {
    if (providerData === undefined) {
      if (text !== '') this.#addReasoning({ type: 'reasoning', text }, text.length)
      return
    }
    const dataSize = jsonLength(providerData)
    if (dataSize === undefined) return
    this.#addReasoning({ type: 'reasoning', text, providerData }, text.length + dataSize)
  }

  /** What is thought from here on is no part of what was thought before. */
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

  /** Counts what takes memory without being handed on. */
  count(units: number): void {
    this.#size += units
  }

  /** What was added since the last call. */
  take(): readonly Delta[] {
    const batch = this.#batch
    if (batch.length > 0) this.#batch = []
    return batch
  }

  /** Nothing is added any more. */
  freeze(): void {
    this.#isFrozen = true
  }

  #addReasoning(delta: Extract<Delta, { type: 'reasoning' }>, size: number): void {
    this.#add(this.#isReasoningApart ? { ...delta, opens: true } : delta, size)
    this.#isReasoningApart = false
  }

  #add(delta: Delta, size: number): void {
    if (this.#isFrozen) return
    // One that is made with what is in it takes no room for more: most batches are of one delta.
    if (this.#batch.length === 0) this.#batch = [delta]
    else this.#batch.push(delta)
    this.#size += size
    this.#hasContent = true
  }
}
