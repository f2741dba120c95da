/**
 * Finds the output item of one response that an event belongs to, among the items of one kind.
 *
 * An event names its item by an index in the output and by an id. Some servers leave out either,
 * give all items the same one, or give each event another id. Index and id are used as keys, never
 * as positions, so absurd values do no harm. Knows nothing of the content of items.
 */
import type { ReplyDraft } from '../../reply-draft.ts'
import { nonEmpty } from '../../wire-value.ts'
import type { WireObject } from '../../wire-value.ts'

/** The memory that an item takes besides its texts, and that each further part or index takes. */
const ITEM_OVERHEAD = 256
const PART_OVERHEAD = 32

/** The keys by which an event names its item. */
export interface ItemKey {
  readonly id: string | undefined
  readonly index: number | undefined
}

export interface OutputItem extends ItemKey {
  /** Unique among the items of its kind. */
  readonly number: number
  /** The parts that had any content. `undefined` stands for content that named no part. */
  readonly said: Set<string | undefined>
  isDone: boolean
}

/** @param event - an event that belongs to an item */
export function itemKey(event: WireObject): ItemKey {
  const { output_index: index, item_id: id } = event
  return { id: nonEmpty(id), index: typeof index === 'number' ? index : undefined }
}

export class OutputItems {
  readonly #draft: ReplyDraft
  /** The key that decides where a fragment belongs, if id and index disagree. */
  readonly #first: keyof ItemKey
  readonly #opened: (item: OutputItem) => void
  readonly #byIndex = new Map<number, OutputItem>()
  /** Holds `undefined` for an id that several items have. */
  readonly #byId = new Map<string, OutputItem | undefined>()
  #newest: OutputItem | undefined
  /**
   * The newest item that came without any key. The content of any other item may be this item's,
   * told again.
   */
  #keyless: OutputItem | undefined
  #count = 0

  /** @param opened - called when an item begins */
  constructor(draft: ReplyDraft, first: keyof ItemKey, opened: (item: OutputItem) => void) {
    this.#draft = draft
    this.#first = first
    this.#opened = opened
  }

  /** Begins an item, unless it has begun already. */
  open({ id, index }: ItemKey): OutputItem {
    const known = index === undefined ? undefined : this.#byIndex.get(index)
    return known !== undefined && known.id === id && !known.isDone ? known : this.add({ id, index })
  }

  /** Begins another item, even if an item with the same key exists. */
  add({ id, index }: ItemKey): OutputItem {
    const item = { id, index, number: this.#count, said: new Set<string>(), isDone: false }
    this.#count += 1
    this.#draft.count(ITEM_OVERHEAD + (id?.length ?? 0))
    if (index !== undefined) this.#byIndex.set(index, item)
    if (id !== undefined) this.#byId.set(id, this.#byId.has(id) ? undefined : item)
    if (index === undefined && id === undefined) this.#keyless = item
    this.#newest = item
    this.#opened(item)
    return item
  }

  /** Returns the item that a fragment belongs to. Begins the item if it is unknown. */
  at(key: ItemKey): OutputItem {
    const known = this.#known(key)
    const item = known.at(this.#first === 'id' ? 0 : -1) ?? this.open(key)
    if (key.index !== undefined && !this.#byIndex.has(key.index)) {
      // Later fragments with this index belong to this item, even under another id.
      this.#byIndex.set(key.index, item)
      this.#draft.count(PART_OVERHEAD)
    }
    return item
  }

  /** Returns the item whose complete content an event tells. Begins the item if it is unknown. */
  whole(key: ItemKey): OutputItem {
    return this.#known(key)[0] ?? this.#keyless ?? this.open(key)
  }

  /** Returns true if a part of an item had content already, even under another key. */
  isSaid(key: ItemKey, part: string | undefined): boolean {
    return [...this.#known(key), this.#keyless].some(
      (item) =>
        item !== undefined &&
        (item.said.has(part) || item.said.has(undefined) || (part === undefined && !isMute(item))),
    )
  }

  /** Notes that a part has content. Returns true if it had none before. */
  say({ said }: OutputItem, part: string | undefined): boolean {
    if (said.has(part)) return false
    if (said.size > 0) this.#draft.count(PART_OVERHEAD)
    said.add(part)
    return true
  }

  /** Returns the items that a key may mean, the item with its id first. */
  #known({ id, index }: ItemKey): readonly OutputItem[] {
    const byIndex = index === undefined ? undefined : this.#byIndex.get(index)
    const byId = id === undefined ? undefined : this.#byId.get(id)
    const known = [byId, byIndex].filter((item) => item !== undefined)
    const isKeyless = id === undefined && index === undefined
    return isKeyless && this.#newest !== undefined ? [this.#newest] : known
  }
}

function isMute({ said }: OutputItem): boolean {
  return said.size === 0
}
