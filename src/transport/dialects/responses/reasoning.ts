/**
 * Reasoning that goes back to the model that made it: what is kept of it, and what is sent.
 *
 * Such an item is refused without the item that followed it, by other providers, and by models that
 * do not reason. So it is kept only once a message or a call follows, and with a mark of who made it.
 */
import type { ReasoningPart } from '../../../protocol/message.ts'
import type { ReplyDraft } from '../../reply-draft.ts'
import { isObject, nonEmpty } from '../../wire-value.ts'
import type { WireObject } from '../../wire-value.ts'
import type { WireRequestInfo } from '../dialect.ts'
import { providerFingerprint } from '../provider-fingerprint.ts'

/** An entry of the list that a reasoning part has as its `providerData`. */
interface KeptReasoning {
  readonly type: 'reasoning'
  /** Whose it is. */
  readonly maker: string
  readonly id: string
  readonly encrypted_content?: string
  /** Whether the part's text is the reasoning itself, and not a summary. */
  readonly isOpen: boolean
}

/** Collects what is to be kept of the reasoning items of one response. */
export class ReasoningKeeper {
  readonly #draft: ReplyDraft
  readonly #asked: WireRequestInfo
  #kept: KeptReasoning[] = []

  constructor(draft: ReplyDraft, asked: WireRequestInfo) {
    this.#draft = draft
    this.#asked = asked
  }

  /** A reasoning item is whole, and nothing came after it yet. */
  keep(item: WireObject): void {
    const id = nonEmpty(item['id'])
    const encrypted = nonEmpty(item['encrypted_content'])
    const isOpen = Array.isArray(item['content']) && item['content'].length > 0
    // Without its content it would be looked up by its id, and it was not stored.
    if (id === undefined || (encrypted === undefined && !isOpen)) return
    this.#draft.count(encrypted?.length ?? 0)
    this.#kept.push({
      type: 'reasoning',
      maker: providerFingerprint(this.#asked),
      id,
      ...(encrypted !== undefined && { encrypted_content: encrypted }),
      isOpen,
    })
  }

  /** A message or a call begins. */
  followed(): void {
    if (this.#kept.length > 0) this.#draft.reasoning('', this.#kept)
    this.#kept = []
  }

  /** An item begins that is not sent back. */
  orphaned(): void {
    this.#kept = []
  }
}

/** The items that a reasoning part is made of, as far as they are meant for whom is asked. */
export function reasoningItems(
  { providerData, text }: ReasoningPart,
  asked: WireRequestInfo,
): object[] {
  if (!Array.isArray(providerData) || !providerData.some(isKept)) return []
  const maker = providerFingerprint(asked)
  const kept = providerData.filter(isKept).filter((entry) => entry.maker === maker)
  // The text of several items in a row is one: it goes with the last.
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

/** Stored messages come from hosts too: an entry may be anything. */
function isKept(entry: unknown): entry is KeptReasoning {
  return (
    isObject(entry) &&
    entry['type'] === 'reasoning' &&
    typeof entry['id'] === 'string' &&
    typeof entry['maker'] === 'string'
  )
}
