/**
 * Tells the output items of one response apart, of one kind.
 *
 * An event names its item by its place in the output and by its id. Servers leave out either, give
 * all items the same one, or another id with each event; both are keys, never positions, so absurd
 * ones do no harm.
 */
import type { ReplyDraft } from '../../reply-draft.ts'
import { nonEmpty } from '../../wire-value.ts'
import type { WireObject } from '../../wire-value.ts'

/** What an item, and each further part or index of it, take in memory besides their texts. */
const ITEM_OVERHEAD = 256
const PART_OVERHEAD = 32

/** What an event says about which item it belongs to. */
export interface ItemKey {
  readonly id: string | undefined
  readonly index: number | undefined
}

export interface OutputItem extends ItemKey {
  /** Unique among the items of its kind. */
  readonly number: number
  /** The parts that anything was said of; `undefined` if it was not said of which. */
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
  /** Which of the two tells where a fragment belongs, if they disagree. */
  readonly #first: keyof ItemKey
  readonly #opened: (item: OutputItem) => void
  readonly #byIndex = new Map<number, OutputItem>()
  /** `undefined` for an id that several items have. */
  readonly #byId = new Map<string, OutputItem | undefined>()
  #newest: OutputItem | undefined
  /** One that came without any key: what is said of any other may have been said of it. */
  #keyless: OutputItem | undefined
  #count = 0

  /** @param opened - called when an item begins */
  constructor(draft: ReplyDraft, first: keyof ItemKey, opened: (item: OutputItem) => void) {
    this.#draft = draft
    this.#first = first
    this.#opened = opened
  }

  /** An item begins, if it has not begun already. */
  open({ id, index }: ItemKey): OutputItem {
    const known = index === undefined ? undefined : this.#byIndex.get(index)
    return known !== undefined && known.id === id && !known.isDone ? known : this.add({ id, index })
  }

  /** Another item begins, whatever its key. */
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

  /** The item that a fragment belongs to, which may begin with it. */
  at(key: ItemKey): OutputItem {
    const known = this.#known(key)
    const item = known.at(this.#first === 'id' ? 0 : -1) ?? this.open(key)
    if (key.index !== undefined && !this.#byIndex.has(key.index)) {
      // From now on that index means it, whatever the id is.
      this.#byIndex.set(key.index, item)
      this.#draft.count(PART_OVERHEAD)
    }
    return item
  }

  /** The item that is told as a whole. */
  whole(key: ItemKey): OutputItem {
    return this.#known(key)[0] ?? this.#keyless ?? this.open(key)
  }

  /** Whether a part of an item has been said already, also if that came under another key. */
  isSaid(key: ItemKey, part: string | undefined): boolean {
    return [...this.#known(key), this.#keyless].some(
      (item) =>
        item !== undefined &&
        (item.said.has(part) || item.said.has(undefined) || (part === undefined && !isMute(item))),
    )
  }

  /** Notes that a part is said. Whether that is the first of it. */
  say({ said }: OutputItem, part: string | undefined): boolean {
    if (said.has(part)) return false
    if (said.size > 0) this.#draft.count(PART_OVERHEAD)
    said.add(part)
    return true
  }

  /** The items that a key may mean, the one with its id first. */
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
