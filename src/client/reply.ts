/**
 * A reply that grows by placed deltas. States are immutable: a part that did not grow is the same
 * object.
 */
import type { PartOpening, PartView, ReplyOp } from '../protocol/web.ts'

/** The reply that is being written. */
export interface GrowingReplyView {
  readonly turnId: string
  readonly messageId: string
  readonly parts: readonly PartView[]
  /** The text parts, joined. */
  readonly text: string
}

/** The parts after these operations, or `undefined` if something is missing before one of them. */
export function grownParts(
  parts: readonly PartView[],
  ops: readonly ReplyOp[],
): readonly PartView[] | undefined {
  const grown = [...parts]
  for (const op of ops) {
    const part = grown[op.part]
    if ('open' in op) {
      if (op.part > grown.length) return undefined
      if (part === undefined) grown[op.part] = openPart(op.open)
    } else if ('text' in op) {
      if (part === undefined) return undefined
      const has = unitsOf(part)
      if (op.at > has) return undefined
      if (op.at + op.text.length > has) grown[op.part] = longer(part, op.text.slice(has - op.at))
    }
  }
  return grown
}

/** How much of each part is there, for the server. */
export function haveOf({ turnId, parts }: GrowingReplyView): string | undefined {
  return parts.length > 64 ? undefined : `${turnId}:${parts.map(unitsOf).join('.')}`
}

export function textOf(parts: readonly PartView[]): string {
  return parts.map((part) => (part.type === 'text' ? part.text : '')).join('')
}

function openPart(open: PartOpening): PartView {
  switch (open.type) {
    case 'text':
    case 'reasoning':
      return { type: open.type, text: '' }
    case 'tool-call':
      return { ...open, inputText: '' }
    default:
      return open
  }
}

function unitsOf(part: PartView): number {
  if (part.type === 'text' || part.type === 'reasoning') return part.text.length
  return part.type === 'tool-call' ? part.inputText.length : 0
}

function longer(part: PartView, text: string): PartView {
  if (part.type === 'text' || part.type === 'reasoning') return { ...part, text: part.text + text }
  return part.type === 'tool-call' ? { ...part, inputText: part.inputText + text } : part
}
