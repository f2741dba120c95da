/** Helpers for the feed: a reply feed without a network, and a simple model to compare it with. */
import { SimulatedClock } from 'xstate'
import { Feed } from '../../src/feed/feed.ts'
import type { ReplyFeed } from '../../src/feed/reply-feed.ts'
import type { Delta, UnplacedDelta } from '../../src/protocol/delta.ts'
import type { ConversationEvent } from '../../src/protocol/event.ts'
import type { Message, Part } from '../../src/protocol/message.ts'
import type { Snapshot } from '../../src/protocol/snapshot.ts'
import type { TurnRecord } from '../../src/protocol/turn.ts'

/** A feed on a clock that stands still, with one open reply feed. */
export function openReply(emitIntervalMs = 0) {
  const clock = new SimulatedClock()
  const feed = new Feed({ clock, emitIntervalMs })
  const replyFeed = anotherReplyFeed(feed)
  return { clock, feed, replyFeed }
}

export function anotherReplyFeed(feed: Feed, conversationId = 'c', turnId = 't'): ReplyFeed {
  const replyFeed = feed.replyFeed({ turnId, replyId: `reply-${turnId}`, conversationId })
  feed.openReply(replyFeed)
  return replyFeed
}

/** A batch of text deltas. */
export function texts(...pieces: readonly string[]): UnplacedDelta[] {
  return pieces.map((text) => ({ type: 'text', text }))
}

/** A placed batch of one delta. */
export function placed(text: string): Delta[] {
  return [{ type: 'text', text, part: 0 }]
}

/** Publishes the end of the turn. */
export function publishDone(replyFeed: ReplyFeed): void {
  const { turnId, conversationId } = replyFeed
  const turn: TurnRecord = {
    id: turnId,
    conversationId,
    status: 'done',
    inputMessageId: 'input',
    replyId: `reply-${turnId}`,
    endpoint: 'online',
    model: 'm',
    attempts: 1,
    startedAt: new Date(0),
  }
  replyFeed.publish({ type: 'turn.done', turn })
}

/** Publishes `turn.accepted`, the first event of a turn. */
export function publishAccepted(replyFeed: ReplyFeed): void {
  replyFeed.publish({ type: 'turn.accepted', message: {} as Message, replyId: 'reply-t' })
}

/** Ends a turn after its last delta, with the same calls as the engine. */
export function endTurn(replyFeed: ReplyFeed, error?: unknown): void {
  replyFeed.seal(error === undefined ? 'complete' : 'failed')
  publishDone(replyFeed)
  replyFeed.end(error)
}

export function reader(replyFeed: ReplyFeed): AsyncIterator<Snapshot, undefined> {
  return replyFeed.snapshots()[Symbol.asyncIterator]() as AsyncIterator<Snapshot, undefined>
}

/** The value of a promise that is settled by now, or `'waiting'`. */
export async function byNow<T>(promise: Promise<T>): Promise<T | 'waiting'> {
  await new Promise((resolve) => setImmediate(resolve))
  return Promise.race([promise, Promise.resolve('waiting' as const)])
}

/** The text of the next snapshot, or `(waiting)` or `(end)`. */
export async function nextText(
  iterator: AsyncIterator<Snapshot, undefined>,
): Promise<string | undefined> {
  const result = await byNow(iterator.next())
  if (result === 'waiting') return '(waiting)'
  return result.done === true ? '(end)' : result.value.text
}

/** An event as text: `2 delta a+b`, `3 snapshot ab`. */
export function told(event: ConversationEvent): string {
  const { seq, type } = event
  if (type === 'reply.snapshot') return `${seq} snapshot ${event.snapshot.text}`
  if (type !== 'reply.delta') return `${seq} ${type}`
  return `${seq} delta ${event.deltas.map((delta) => (delta.type === 'text' ? delta.text : '')).join('+')}`
}

/** Adds a delta to parts. Slow and simple: the model for the growing reply. */
export function appended(parts: readonly Part[], delta: UnplacedDelta): readonly Part[] {
  const last = parts.at(-1)
  if (delta.type === 'step') return parts
  if (delta.type === 'file' || delta.type === 'tool-result' || delta.type === 'provider-tool') {
    return [...parts, delta]
  }
  if (delta.type !== 'tool-call') {
    const isSeparate = delta.type === 'reasoning' && delta.separate === true
    if (isSeparate || last?.type !== delta.type)
      return [...parts, { type: delta.type, text: delta.text }]
    const before = last?.type === delta.type ? last.text : ''
    return [...parts.slice(0, -1), { type: delta.type, text: before + delta.text }]
  }
  const { toolCallId, toolName } = delta
  const isThisCall = (part: Part) => part.type === 'tool-call' && part.toolCallId === toolCallId
  if (!parts.some(isThisCall)) {
    return [
      ...parts,
      { type: 'tool-call', toolCallId, toolName, input: undefined, inputText: delta.inputText },
    ]
  }
  return parts.map((part) =>
    part.type === 'tool-call' && isThisCall(part)
      ? { ...part, inputText: part.inputText + delta.inputText }
      : part,
  )
}

/** Parts as text to compare, without `input`, which is read only at the end. */
export function fingerprint(parts: readonly Part[]): string {
  return JSON.stringify(
    parts.map((part) => (part.type === 'tool-call' ? { ...part, input: undefined } : part)),
  )
}

/**
 * The parts that a subscriber has in the end: its first snapshot, if it came late, then deltas by
 * their places. Simple: opaque data is that of the newest delta.
 */
export function rebuilt(events: readonly ConversationEvent[]): readonly Part[] {
  let parts: Part[] = []
  let hasContent = false
  for (const event of events) {
    if (event.type === 'reply.snapshot' && !hasContent) parts = [...event.snapshot.parts]
    if (event.type === 'reply.delta') {
      for (const delta of event.deltas) {
        if (delta.type !== 'step') parts[delta.part] = grown(parts[delta.part], delta)
      }
    }
    hasContent ||= event.type === 'reply.snapshot' || event.type === 'reply.delta'
  }
  return parts
}

function grown(
  before: Part | undefined,
  { part: _, opens, closes: __, ...delta }: Exclude<Delta, { type: 'step' }>,
): Part {
  if ((before === undefined) !== (opens === true)) throw new Error('A part opens with one delta.')
  if (delta.type === 'tool-call') {
    const earlier = before?.type === 'tool-call' ? before.inputText : ''
    return { ...delta, input: undefined, inputText: earlier + delta.inputText }
  }
  if (before === undefined || delta.type === 'file' || delta.type === 'tool-result') return delta
  if (before.type !== 'text' && before.type !== 'reasoning') throw new Error('It does not grow.')
  if (before.type !== delta.type) throw new Error('A part keeps its type.')
  return { ...before, text: before.text + delta.text }
}
