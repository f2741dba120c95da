/**
 * Keeps reasoning items, and writes them for the provider and model that made them.
 *
 * A reasoning item is refused if it is sent without the item that followed it. Other providers, and
 * models that do not reason, refuse it in any case. So it is kept only once a message or a call
 * follows it, and with a fingerprint of its maker. Knows nothing of deltas.
 */
import type { ReasoningPart } from '../../../protocol/message.ts'
import type { ReplyDraft } from '../../reply-draft.ts'
import { isObject, nonEmpty } from '../../wire-value.ts'
import type { WireObject } from '../../wire-value.ts'
import type { WireRequestInfo } from '../dialect.ts'
import { Maker, providerFingerprint } from '../provider-fingerprint.ts'

/** An entry of the list that a reasoning part has as its `providerData`. */
interface KeptReasoning {
  readonly type: 'reasoning'
  /** The fingerprint of the provider and model that made the item. */
  readonly maker: string
  readonly id: string
  readonly encrypted_content?: string
  /** True if the part's text is the reasoning itself, not a summary. */
  readonly isOpen: boolean
}

/** Collects the reasoning items of one response that are kept. */
export class ReasoningKeeper {
  readonly #draft: ReplyDraft
  readonly #maker: Maker
  #kept: KeptReasoning[] = []
  /** Reasoning before a tool of the provider that is not done yet. */
  #held: KeptReasoning[] = []

  constructor(draft: ReplyDraft, asked: WireRequestInfo) {
    this.#draft = draft
    this.#maker = new Maker(asked)
  }

  /** Collects an item. Contract: it is complete, and no other item has begun after it. */
  keep(item: WireObject): void {
    const id = nonEmpty(item['id'])
    const encrypted = nonEmpty(item['encrypted_content'])
    const isOpen = Array.isArray(item['content']) && item['content'].length > 0
    // The provider would look up an item without content by its id, but did not store it.
    if (id === undefined || (encrypted === undefined && !isOpen)) return
    this.#draft.count(encrypted?.length ?? 0)
    this.#kept.push({
      type: 'reasoning',
      maker: this.#maker.fingerprint,
      id,
      ...(encrypted !== undefined && { encrypted_content: encrypted }),
      isOpen,
    })
  }

  /** A message or a call begins. The reasoning before it is kept. */
  followed(): void {
    if (this.#kept.length > 0) this.#draft.reasoning('', this.#kept)
    this.orphaned()
  }

  /** A tool of the provider begins. */
  hold(): void {
    this.#held.push(...this.#kept)
    this.#kept = []
  }

  /** The tool is done. The reasoning before it is kept. */
  resume(): void {
    this.#kept = [...this.#held, ...this.#kept]
    this.followed()
  }

  /** An item begins that is not sent back. The reasoning before it is dropped. */
  orphaned(): void {
    this.#kept = []
    this.#held = []
  }
}

/**
 * Returns the items that a reasoning part was made of, as far as the provider and model that are
 * asked made them.
 */
export function reasoningItems(
  { providerData, text: stored }: ReasoningPart,
  asked: WireRequestInfo,
): object[] {
  if (!Array.isArray(providerData) || !providerData.some(isKept)) return []
  const text = stored.toWellFormed()
  const maker = providerFingerprint(asked)
  const kept = providerData.filter(isKept).filter((entry) => entry.maker === maker)
  // Adjacent items share one text in the part. It is sent with the last of them.
  return kept.map(({ type, id, encrypted_content, isOpen }, at) => {
    const isLast = at === kept.length - 1 && text !== ''
    return {
      type,
      id,
      summary: isLast && !isOpen ? [{ type: 'summary_text', text }] : [],
      ...(isLast && isOpen && { content: [{ type: 'reasoning_text', text }] }),
      ...(encrypted_content !== undefined && { encrypted_content }),
    }
  })
}

/**
 * Returns true if an entry is one that a `ReasoningKeeper` made. Stored messages come from hosts
 * too, so an entry may be any value.
 */
function isKept(entry: unknown): entry is KeptReasoning {
  return (
    isObject(entry) &&
    entry['type'] === 'reasoning' &&
    typeof entry['id'] === 'string' &&
    typeof entry['maker'] === 'string'
  )
}
