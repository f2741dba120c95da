/**
 * Placed deltas: how far the reply of a turn was told, and what a reader of it has missed.
 *
 * Parts of a reply only grow. So a place in it is one number for each part, and what was missed is
 * the rest of each part from there. Knows nothing of readers and bytes.
 */
import type { Delta, Part, Snapshot } from '../../index.ts'
import type { PartOpening, ReplyOp } from '../../protocol/web.ts'

/** In a {@link Missed}: the part was never opened. */
export const UNOPENED = -1

/** Where a reader stopped, by part: the units that it has, or {@link UNOPENED}. */
export type Missed = Map<number, number>

interface PendingPart {
  readonly part: number
  readonly at: number
  readonly open: PartOpening | undefined
  text: string
  close: boolean
}

/** How much of the reply of one turn was told, and what is not told yet. */
export class ReplyPlace {
  readonly turnId: string
  /** Units of each part, pending ones included. */
  readonly #lengths: number[] = []
  readonly #closed = new Set<number>()
  #units = 0
  #opened = 0
  #pending = new Map<number, PendingPart>()

  constructor(turnId: string) {
    this.turnId = turnId
  }

  /** Grows with everything that is told: text units, and one for each part opened or closed. */
  get position(): number {
    return this.#units + this.#opened + this.#closed.size
  }

  get hasPending(): boolean {
    return this.#pending.size > 0
  }

  isClosed(part: number): boolean {
    return this.#closed.has(part)
  }

  /** Begins with a reply that streams already. Nothing of it is pending. */
  begin(parts: readonly Part[]): void {
    for (const [index, part] of parts.entries()) {
      const units = textOfPart(part).length
      this.#lengths[index] = units
      this.#units += units
      this.#opened += 1
    }
  }

  add(delta: Delta): void {
    // A step adds no part. Its own event tells it.
    if (delta.type === 'step') return
    const { part } = delta
    const isNew = this.#lengths[part] === undefined
    const at = this.#lengths[part] ?? 0
    const text = textOfDelta(delta)
    let pending = this.#pending.get(part)
    if (pending === undefined) {
      pending = { part, at, open: isNew ? openingOf(delta) : undefined, text: '', close: false }
      this.#pending.set(part, pending)
    }
    if (isNew) this.#opened += 1
    pending.text += text
    this.#lengths[part] = at + text.length
    this.#units += text.length
    if (delta.closes === true && !this.#closed.has(part)) {
      this.#closed.add(part)
      pending.close = true
    }
  }

  /** What is pending, as operations. It counts as told from now on. */
  take(): readonly ReplyOp[] {
    const ops: ReplyOp[] = []
    for (const { part, at, open, text, close } of this.#pending.values()) {
      if (open !== undefined) ops.push({ part, open })
      if (text !== '') ops.push({ part, at, text })
      if (close) ops.push({ part, close: true })
    }
    this.#pending = new Map()
    return ops
  }
}

/** Notes that a reader did not get these operations. */
export function missOps(missed: Missed, ops: readonly ReplyOp[]): void {
  for (const op of ops) {
    if (missed.has(op.part)) continue
    missed.set(op.part, 'open' in op ? UNOPENED : 'at' in op ? op.at : Infinity)
  }
}

/** The rest of a reply from where a reader stopped. */
export function restOf(missed: Missed, { parts }: Snapshot, place: ReplyPlace): readonly ReplyOp[] {
  const ops: ReplyOp[] = []
  for (const [part, has] of missed) {
    const now = parts[part]
    if (now === undefined) continue
    const text = textOfPart(now)
    const at = Math.max(has, 0)
    if (has === UNOPENED) ops.push({ part, open: openingOf(now) })
    if (text.length > at) ops.push({ part, at, text: text.slice(at) })
    if (place.isClosed(part)) ops.push({ part, close: true })
  }
  return ops
}

/** The most parts that a reader may say it has. */
const MOST_PARTS = 64
const LONGEST_HAVE = 2_000

/** What a reader says that it has: `<turnId>:<units>.<units>…`. Anything else is `undefined`. */
export function parseHave(
  text: string | null,
): { readonly turnId: string; readonly units: readonly number[] } | undefined {
  if (text === null || text.length > LONGEST_HAVE) return undefined
  const [, turnId, list = ''] = /^([\w.~-]{1,200}):((?:\d{1,15}(?:\.\d{1,15})*)?)$/.exec(text) ?? []
  if (turnId === undefined) return undefined
  const units = list === '' ? [] : list.split('.').map(Number)
  return units.length > MOST_PARTS ? undefined : { turnId, units }
}

/** What a reader has missed of a reply, or `undefined` if it cannot have what it says. */
export function missedAfter(units: readonly number[], { parts }: Snapshot): Missed | undefined {
  if (units.length > parts.length) return undefined
  const missed: Missed = new Map()
  for (const [index, part] of parts.entries()) {
    const has = units[index]
    const { length } = textOfPart(part)
    if (has !== undefined && has > length) return undefined
    if (has !== length) missed.set(index, has ?? UNOPENED)
  }
  return missed
}

function textOfPart(part: Part): string {
  if (part.type === 'text' || part.type === 'reasoning') return part.text
  return part.type === 'tool-call' ? part.inputText : ''
}

type PlacedDelta = Exclude<Delta, { type: 'step' }>

function textOfDelta(delta: PlacedDelta): string {
  if (delta.type === 'text' || delta.type === 'reasoning') return delta.text
  return delta.type === 'tool-call' ? delta.inputText : ''
}

function openingOf(from: PlacedDelta | Part): PartOpening {
  switch (from.type) {
    case 'tool-call':
      return { type: from.type, toolCallId: from.toolCallId, toolName: from.toolName }
    case 'file':
      return { type: from.type, mediaType: from.mediaType, url: from.url }
    case 'provider-tool':
      return { type: from.type, toolName: from.toolName }
    case 'tool-result': {
      const { type, toolCallId, toolName, output, isError, code } = from
      return { type, toolCallId, toolName, output, isError, ...(code !== undefined && { code }) }
    }
    default:
      return { type: from.type }
  }
}
