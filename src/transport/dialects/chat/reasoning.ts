/**
 * Reads the reasoning of a model from the deltas of a chat completion.
 *
 * Servers use several fields for it, and some servers use two at once. The first field with text in
 * it is read for the whole reply, so no text is read twice. Knows nothing of other content.
 */
import type { ReplyDraft } from '../../reply-draft.ts'
import { isObject, nonEmpty } from '../../wire-value.ts'
import type { WireObject } from '../../wire-value.ts'

/** The reasoning fields that hold nothing but text. */
export const REASONING_TEXTS: ReadonlySet<string> = new Set([
  'reasoning_content',
  'reasoning',
  'reasoning_text',
])

const FIELDS = ['reasoning_content', 'reasoning', 'reasoning_text', 'reasoning_details'] as const

export class ChatReasoning {
  readonly #draft: ReplyDraft
  #field: (typeof FIELDS)[number] | undefined
  /** Encrypted reasoning and signatures so far. */
  #details: WireObject[] = []

  constructor(draft: ReplyDraft) {
    this.#draft = draft
  }

  /** Reads the reasoning in a delta or a message. */
  read(delta: WireObject): void {
    if (this.#field !== undefined) this.#draft.reasoning(textIn(delta[this.#field]))
    else {
      for (const field of FIELDS) {
        const text = textIn(delta[field])
        if (text === '') continue
        this.#field = field
        this.#draft.reasoning(text)
        break
      }
    }
    if (Array.isArray(delta['reasoning_details'])) this.#keepOpaque(delta['reasoning_details'])
  }

  /** A delta with opaque data has all of it so far, since a part keeps only the newest. */
  #keepOpaque(details: readonly unknown[]): void {
    const opaque = details.filter(
      (detail): detail is WireObject =>
        isObject(detail) &&
        (nonEmpty(detail['data']) ?? nonEmpty(detail['signature'])) !== undefined,
    )
    if (opaque.length === 0) return
    this.#details = [...this.#details, ...opaque]
    this.#draft.reasoning('', { reasoning_details: this.#details })
  }
}

function textIn(value: unknown): string {
  if (typeof value === 'string') return value
  if (!Array.isArray(value)) return ''
  let text = ''
  for (const detail of value as unknown[]) {
    if (isObject(detail)) text += nonEmpty(detail['text']) ?? nonEmpty(detail['summary']) ?? ''
  }
  return text
}
