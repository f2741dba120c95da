/**
 * What a reply gained since somebody last asked.
 *
 * The first answer is the whole reply, and only from then on is anything kept: a reply that ends
 * before it is asked for costs nothing. Later answers cost what was added and nothing for what was
 * there before, however long the reply.
 */
import type { Delta } from '../protocol/delta.ts'
import type { Part } from '../protocol/message.ts'

export class Additions {
  /** In as few deltas as say it. */
  #added: Growing<Delta>[] | undefined

  note(batch: readonly Delta[]): void {
    const added = this.#added
    if (added === undefined) return
    for (const delta of batch) {
      const last = added.at(-1)
      if (last === undefined || !goesOn(last, delta)) added.push({ ...delta })
    }
  }

  /** @param parts - all that the reply has by now */
  take(parts: () => readonly Part[]): readonly Delta[] {
    const added = this.#added ?? parts().flatMap(deltaOf)
    this.#added = []
    return added
  }
}

/** The one delta that a part could have come in. */
function deltaOf(part: Part): readonly Delta[] {
  const providerData = part.providerData === undefined ? {} : { providerData: part.providerData }
  switch (part.type) {
    case 'text':
      return [{ type: 'text', text: part.text, ...providerData }]
    case 'reasoning':
      // It may follow another one that it is not a part of.
      return [{ type: 'reasoning', text: part.text, opens: true, ...providerData }]
    case 'tool-call': {
      const { type, toolCallId, toolName, inputText } = part
      return [{ type, toolCallId, toolName, inputText, ...providerData }]
    }
    default:
      // Nothing that a provider streams.
      return []
  }
}

type Growing<T> = T extends unknown ? { -readonly [K in keyof T]: T[K] } : never

/** Appends to the last delta, if nothing but text would be added to it. */
function goesOn(last: Growing<Delta>, next: Delta): boolean {
  if (last.providerData !== undefined || next.providerData !== undefined) return false
  if (next.type === 'tool-call') {
    if (last.type !== 'tool-call' || last.toolCallId !== next.toolCallId) return false
    last.inputText += next.inputText
    return true
  }
  if (last.type !== next.type || (next.type === 'reasoning' && next.opens)) return false
  last.text += next.text
  return true
}
