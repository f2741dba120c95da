/**
 * Adds each text of a response to the draft once: text, refusals and reasoning.
 *
 * Knows nothing of function calls, and of how the response ends.
 */
import type { ReplyDraft } from '../../reply-draft.ts'
import { isObject, nonEmpty } from '../../wire-value.ts'
import type { WireObject } from '../../wire-value.ts'
import type { WireRequestInfo } from '../dialect.ts'
import { kindOf } from '../unread.ts'
import { itemKey, OutputItems } from './items.ts'
import type { ItemKey, OutputItem } from './items.ts'
import type { ResponsePictures } from './pictures.ts'
import { ReasoningKeeper } from './reasoning.ts'

/** `reasoning` is the reasoning itself, `summary` the provider's summary of it. */
export type TextKind = 'text' | 'refusal' | 'reasoning' | 'summary'

type ItemType = 'message' | 'reasoning'

export class ResponseTexts {
  readonly #draft: ReplyDraft
  readonly #pictures: ResponsePictures
  readonly #items: Readonly<Record<ItemType, OutputItems>>
  readonly #keeper: ReasoningKeeper
  /** The newest reasoning item, until an item of another kind begins. */
  #thought: OutputItem | undefined
  #untold = new Set<ItemType>(['message', 'reasoning'])
  #last: TextKind | undefined
  #isRefused = false
  #unreadKind: string | undefined

  constructor(draft: ReplyDraft, asked: WireRequestInfo, pictures: ResponsePictures) {
    this.#draft = draft
    this.#pictures = pictures
    this.#keeper = new ReasoningKeeper(draft, asked)
    this.#items = {
      message: new OutputItems(draft, 'index', () => this.followed()),
      reasoning: new OutputItems(draft, 'index', (item) => {
        this.#thought = item
      }),
    }
  }

  get isRefused(): boolean {
    return this.#isRefused
  }

  /** The type of content that was left out, if there was some. */
  get unreadKind(): string | undefined {
    return this.#unreadKind
  }

  /** The item types that had no content so far. */
  get untold(): ReadonlySet<string> {
    return new Set(this.#untold)
  }

  /** A message or a call begins. */
  followed(): void {
    this.#keeper.followed()
    this.#thought = undefined
    this.#last = undefined
  }

  /** An item begins that is not sent back. */
  orphaned(): void {
    this.#keeper.orphaned()
    this.#thought = undefined
  }

  /** An item begins that is sent back once it is done. */
  interrupted(): void {
    this.#keeper.hold()
    this.#thought = undefined
  }

  /** That item is done. */
  resumed(): void {
    this.#keeper.resume()
    this.#thought = undefined
    this.#last = undefined
  }

  open(type: ItemType, key: ItemKey): void {
    this.#items[type].open(key)
  }

  /** Reads an event with a fragment of a text. */
  delta(kind: TextKind, event: WireObject): void {
    const text = nonEmpty(event['delta'])
    if (text === undefined) return
    const items = this.#itemsOf(kind)
    this.#say(kind, text, items.say(items.at(itemKey(event)), partOf(kind, event)))
  }

  /**
   * Reads a complete text.
   *
   * @param place - holds the index of the text in its item
   */
  whole(kind: TextKind, value: unknown, key: ItemKey, place: WireObject): void {
    if (this.#draft.exceeded !== undefined) return
    const text = nonEmpty(value)
    const part = partOf(kind, place)
    const items = this.#itemsOf(kind)
    if (text === undefined || items.isSaid(key, part)) return
    this.#say(kind, text, items.say(items.whole(key), part))
  }

  /** Reads a complete item. */
  item(item: WireObject, key: ItemKey): void {
    const items = this.#items[typeOf(item)]
    const known = items.whole(key)
    // If the known item is done and has another id, this is another item with the same index.
    const isAnother = known.isDone && known.id !== key.id
    if (isAnother || !known.isDone) this.#tell(item, key, isAnother ? items.add(key) : known)
  }

  /** Reads an item in the final response. Contract: no item of its type had content before. */
  final(item: WireObject, key: ItemKey): void {
    this.#tell(item, key, this.#items[typeOf(item)].add(key))
  }

  #tell(item: WireObject, key: ItemKey, begun: OutputItem): void {
    begun.isDone = true
    if (typeOf(item) === 'message') return this.#message(item['content'], key)
    this.#reasoning(item, key, begun)
    this.#untold.delete('reasoning')
  }

  #message(content: unknown, key: ItemKey): void {
    if (typeof content === 'string') this.whole('text', content, key, { content_index: 0 })
    for (const [n, part] of objectsIn(content)) {
      const place = { content_index: n }
      const { type, refusal, transcript } = part
      // Of spoken words the text is kept.
      const text = part['text'] ?? transcript
      if (type === 'refusal') this.whole('refusal', refusal, key, place)
      else if (text !== undefined) this.whole('text', text, key, place)
      else if (!this.#pictures.part(part) && type !== undefined) this.#unreadKind ??= kindOf(type)
    }
  }

  /**
   * Servers send the reasoning itself, a summary, or both. Some send the same text as both, so a
   * summary is read only if the item has no reasoning itself.
   */
  #reasoning(item: WireObject, key: ItemKey, begun: OutputItem): void {
    const content = objectsIn(item['content'])
    const summary = objectsIn(item['summary'])
    if (!this.#items.reasoning.isSaid(key, undefined)) {
      for (const [n, { text }] of content) {
        this.whole('reasoning', text, key, { content_index: n })
      }
      if (content.length === 0) {
        for (const [n, { text }] of summary) this.whole('summary', text, key, { summary_index: n })
      }
    }
    if (begun === this.#thought) this.#keeper.keep(item)
  }

  #itemsOf(kind: TextKind): OutputItems {
    return this.#items[kind === 'text' || kind === 'refusal' ? 'message' : 'reasoning']
  }

  /** @param isFirst - true if the part of the text had no content before */
  #say(kind: TextKind, text: string, isFirst: boolean): void {
    // The parts of a summary are paragraphs, which come without a separator.
    if (isFirst) this.#draft.nextBlock()
    const isParagraph = isFirst && kind === 'summary' && this.#last === 'summary'
    this.#last = kind
    if (kind === 'text' || kind === 'refusal') {
      this.#untold.delete('message')
      this.#isRefused ||= kind === 'refusal'
      this.#draft.text(text)
    } else {
      this.#untold.delete('reasoning')
      this.#draft.reasoning(isParagraph ? `\n\n${text}` : text)
    }
  }
}

function typeOf(item: WireObject): ItemType {
  return item['type'] === 'message' ? 'message' : 'reasoning'
}

/** Returns the part of its item that a text belongs to; `undefined` if the event names none. */
function partOf(kind: TextKind, place: WireObject): string | undefined {
  const index = place[kind === 'summary' ? 'summary_index' : 'content_index']
  return typeof index === 'number'
    ? `${kind === 'summary' ? 'summary' : 'content'} ${index}`
    : undefined
}

function objectsIn(list: unknown): readonly (readonly [number, WireObject])[] {
  if (!Array.isArray(list)) return []
  return (list as unknown[]).flatMap((item, n) => (isObject(item) ? [[n, item] as const] : []))
}
