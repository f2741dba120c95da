/** Builds a reply from its events. The rest of this file stands in docs/events.md as it is here. */
import type { ConversationEvent, Delta, Part } from '../../src/index.ts'

export class BuiltReply {
  parts: Part[] = []
  #seq = 0

  /** Takes the events of one turn in their order, from the first one or from any snapshot on. */
  take(event: ConversationEvent): void {
    if (event.type !== 'reply.delta' && event.type !== 'reply.snapshot') return
    if (event.seq <= this.#seq) return // it was taken before
    this.#seq = event.seq
    if (event.type === 'reply.snapshot') this.parts = [...event.snapshot.parts]
    if (event.type !== 'reply.delta') return
    for (const delta of event.deltas) {
      if (delta.type !== 'step') this.parts[delta.part] = grown(this.parts[delta.part], delta)
    }
  }
}

function grown(part: Part | undefined, delta: Exclude<Delta, { type: 'step' }>): Part {
  if (delta.type === 'tool-result') {
    const { type, toolCallId, toolName, output, isError, code, content } = delta
    return {
      type,
      toolCallId,
      toolName,
      output,
      isError,
      ...(code && { code }),
      ...(content && { content }),
    }
  }
  const providerData = joined(part?.providerData, delta.providerData)
  if (delta.type === 'file') {
    return { type: delta.type, mediaType: delta.mediaType, url: delta.url, providerData }
  }
  if (delta.type === 'provider-tool') {
    return { type: delta.type, toolName: delta.toolName, providerData }
  }
  if (delta.type !== 'tool-call') {
    const text = part?.type === delta.type ? part.text : ''
    return { type: delta.type, text: text + delta.text, providerData }
  }
  const { type, toolCallId, toolName } = delta
  const inputText = (part?.type === type ? part.inputText : '') + delta.inputText
  return { type, toolCallId, toolName, inputText, input: undefined, providerData }
}

/** Lists grow, records take the newer fields. */
function joined(data: unknown, added: unknown): unknown {
  if (data === undefined || added === undefined) return added ?? data
  if (Array.isArray(data) && Array.isArray(added)) return [...data, ...added]
  return { ...data, ...added }
}
