/**
 * Reads the reasoning of a model from the deltas of a chat completion.
 *
 * Servers use several fields for it, and some servers use two at once. The first field with text in
 * it is read for the whole reply, so no text is read twice. Signatures and encrypted reasoning are
 * kept with their maker, in the lists in which they came. Knows nothing of other content.
 */
import type { ReplyDraft } from '../../reply-draft.ts'
import { isObject, jsonLength, nonEmpty } from '../../wire-value.ts'
import type { WireObject } from '../../wire-value.ts'
import type { WireRequestInfo } from '../dialect.ts'
import type { CallMarker } from '../history/call-mark.ts'
import { Maker } from '../provider-fingerprint.ts'

/** The reasoning fields that hold nothing but text. */
export const REASONING_TEXTS: ReadonlySet<string> = new Set([
  'reasoning_content',
  'reasoning',
  'reasoning_text',
  'thinking', // gateways of Anthropic's models
])

/** Lists of details: OpenRouter's, and LiteLLM's of Claude. With the fields that hold the text. */
export const DETAIL_LISTS: ReadonlyMap<string, readonly string[]> = new Map([
  ['reasoning_details', ['text', 'summary']],
  ['thinking_blocks', ['thinking']],
])

/** Encrypted reasoning that is a text beside the plain one, as GitHub Copilot sends it. */
export const OPAQUE_TEXTS: readonly string[] = ['reasoning_opaque', 'reasoning_signature']

/** The name under which reasoning inside a list of content is marked: Mistral's. */
export const CONTENT_FIELD = 'content'

const FIELDS = [...REASONING_TEXTS, ...DETAIL_LISTS.keys()]

/** Returns true if a delta has reasoning of any form. */
export function hasReasoning(delta: WireObject): boolean {
  return FIELDS.some((field) => {
    const value = delta[field]
    return Array.isArray(value) ? value.length > 0 : nonEmpty(value) !== undefined
  })
}

/**
 * A part is told again with each opaque detail that it gets. With a limit, the cost stays in
 * proportion to what came.
 */
const MOST_DETAILS = 16
/** The same limit in units: all that is told of a part may be so many times its details. */
const MOST_TOLD = 16
/** Parts whose details are small are not split. */
const FREE_TOLD = 16 * 1024

export class ChatReasoning {
  readonly #draft: ReplyDraft
  readonly #maker: Maker
  readonly #marker: CallMarker
  #field: string | undefined
  /** The details of the newest part by list, without their texts. Made when there is one. */
  #details: Map<string, WireObject[]> | undefined
  /** The units of the details of the newest part. */
  #keptSize = 0
  /** The units of all that was told of them, each time they were told. */
  #toldSize = 0
  /** True if the newest part has opaque data: its text is complete. */
  #isSealed = false
  /** True if text or a call came after the newest reasoning: further details open another part. */
  #isInterrupted = false

  constructor(draft: ReplyDraft, asked: WireRequestInfo, marker: CallMarker) {
    this.#draft = draft
    this.#maker = new Maker(asked)
    this.#marker = marker
  }

  /** Reads the reasoning in a delta or a message. */
  read(delta: WireObject): void {
    const isDetailed = this.#isDetailed(delta)
    if (isDetailed && this.#isSealed && this.#opensBlock(delta)) this.#separate()
    if (this.#field !== undefined) this.#draft.reasoning(textIn(delta[this.#field]))
    else {
      for (const field of FIELDS) {
        const text = textIn(delta[field])
        if (text === '') continue
        this.#field = field
        this.#marker.reasoningField = field
        this.#draft.reasoning(text)
        break
      }
    }
    if (isDetailed) this.#keepDetails(delta)
    for (const field of OPAQUE_TEXTS) {
      const value = nonEmpty(delta[field])
      if (value !== undefined) this.#draft.reasoning('', this.#marked({ [field]: value }))
    }
    if (delta['content'] || delta['tool_calls']) this.#isInterrupted = true
  }

  /** Reads reasoning that stands in a list of content. */
  inContent(text: string): void {
    if (text !== '') this.#marker.reasoningField ??= CONTENT_FIELD
    this.#draft.reasoning(text)
  }

  #isDetailed(delta: WireObject): boolean {
    for (const list of DETAIL_LISTS.keys()) if (Array.isArray(delta[list])) return true
    return false
  }

  /** Returns true if a delta has text of a block that the newest part does not hold. */
  #opensBlock(delta: WireObject): boolean {
    return [...DETAIL_LISTS].some(([list, texts]) =>
      objectsIn(delta[list]).some(
        (detail) =>
          hasText(detail, texts) && !this.#details?.get(list)?.some((kept) => isSame(kept, detail)),
      ),
    )
  }

  #separate(): void {
    this.#draft.separateReasoning()
    this.#forgetDetails()
  }

  #forgetDetails(): void {
    this.#details = undefined
    this.#keptSize = 0
    this.#toldSize = 0
    this.#isSealed = false
  }

  /** A delta with opaque data has all of its part so far, since a part keeps only the newest. */
  #keepDetails(delta: WireObject): void {
    let isNews = false
    // The details that were told are with the part before.
    if (this.#isInterrupted && this.#isSealed) this.#forgetDetails()
    this.#isInterrupted = false
    for (const [list, texts] of DETAIL_LISTS) {
      for (const detail of objectsIn(delta[list])) {
        const isOpaque = (nonEmpty(detail['data']) ?? nonEmpty(detail['signature'])) !== undefined
        if (!isOpaque && !hasText(detail, texts)) continue
        this.#keep(list, detail, texts, isOpaque)
        isNews ||= isOpaque
      }
    }
    if (!isNews) return
    this.#isSealed = true
    // Copies: the lists still grow.
    const lists = [...(this.#details ?? [])].map(([list, kept]) => [list, [...kept]] as const)
    this.#draft.reasoning('', this.#marked(Object.fromEntries(lists)))
    this.#toldSize += this.#keptSize
    const isFull = lists.some(([, kept]) => kept.length >= MOST_DETAILS)
    if (isFull || this.#toldSize > FREE_TOLD + MOST_TOLD * this.#keptSize) this.#separate()
  }

  #keep(list: string, detail: WireObject, texts: readonly string[], isOpaque: boolean): void {
    this.#details ??= new Map()
    let kept = this.#details.get(list)
    if (kept === undefined) this.#details.set(list, (kept = []))
    const at = lastLike(kept, detail)
    const isText = texts.some((field) => field in detail) || at !== -1
    // Further pieces of a text add nothing, and further texts are joined with it.
    if (!isOpaque && (at !== -1 || kept.length >= MOST_DETAILS)) return
    const added = withoutText(detail, texts)
    const size = jsonLength(added) ?? 0
    this.#draft.count(size)
    this.#keptSize += size
    if (at === -1 || !isText || 'data' in detail) kept.push(added)
    else kept[at] = { ...kept[at], ...added }
  }

  #marked(data: object): object {
    return { ...data, maker: this.#maker.fingerprint }
  }
}

function textIn(value: unknown): string {
  if (typeof value === 'string') return value
  if (!Array.isArray(value)) return ''
  let text = ''
  for (const detail of value as unknown[]) {
    if (!isObject(detail)) continue
    const { text: said, summary, thinking } = detail
    text += nonEmpty(said) ?? nonEmpty(summary) ?? nonEmpty(thinking) ?? ''
  }
  return text
}

function objectsIn(list: unknown): readonly WireObject[] {
  return Array.isArray(list) ? list.filter(isObject) : []
}

function hasText(detail: WireObject, texts: readonly string[]): boolean {
  return texts.some((field) => nonEmpty(detail[field]) !== undefined)
}

/** The index of the newest detail of the same block. Pieces of a block are close together. */
function lastLike(kept: readonly WireObject[], detail: WireObject): number {
  const end = Math.max(0, kept.length - MOST_DETAILS)
  for (let at = kept.length - 1; at >= end; at -= 1) {
    if (isSame(kept[at] as WireObject, detail)) return at
  }
  return -1
}

/** Returns true if two details are pieces of one block. */
function isSame(one: WireObject, other: WireObject): boolean {
  return one['type'] === other['type'] && one['index'] === other['index']
}

/** The text is the text of the part. Absent values must not overrule those that came before. */
function withoutText(detail: WireObject, texts: readonly string[]): WireObject {
  return Object.fromEntries(
    Object.entries(detail).flatMap(([field, value]) => {
      if (texts.includes(field)) return [[field, '']]
      return value === null || value === '' ? [] : [[field, value]]
    }),
  )
}
