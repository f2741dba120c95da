/** Helpers that read a reply step by step. */
import type { ConversationEvent, Engine, Snapshot, Turn } from '../../src/index.ts'
import { ticks } from './waiting.ts'

/** A snapshot reader that the test pulls by hand. */
export function snapshotReader(turn: Turn): AsyncIterator<Snapshot, undefined> {
  return turn.snapshots()[Symbol.asyncIterator]() as AsyncIterator<Snapshot, undefined>
}

/** The value of a promise that is settled by now, or `'waiting'`. */
export async function byNow<T>(promise: Promise<T>): Promise<T | 'waiting'> {
  await ticks(5)
  return Promise.race([promise, Promise.resolve('waiting' as const)])
}

/** The texts of all snapshots in a loop. */
export async function textsOf(turn: Turn): Promise<string[]> {
  const texts: string[] = []
  for await (const { text } of turn.snapshots()) texts.push(text)
  return texts
}

/** Tracks the arrived text of a reply. It subscribes to events, so call it before `send`. */
export function arrivals(engine: Engine, conversationId: string) {
  let text = ''
  let waiting: { readonly chars: number; readonly resolve: () => void }[] = []
  engine.events(conversationId).subscribe((event) => {
    if (event.type === 'turn.accepted') text = ''
    if (event.type !== 'reply.delta') return
    for (const delta of event.deltas) if (delta.type === 'text') text += delta.text
    for (const { chars, resolve } of waiting) if (text.length >= chars) resolve()
    waiting = waiting.filter(({ chars }) => text.length < chars)
  })
  return {
    /** Resolves when that many characters have arrived. */
    chars(chars: number): Promise<void> {
      if (text.length >= chars) return Promise.resolve()
      return new Promise((resolve) => waiting.push({ chars, resolve }))
    },
  }
}

/** The text that a subscriber has in the end: its first snapshot, if it came late, then deltas. */
export function rebuiltText(events: readonly ConversationEvent[]): string {
  let text = ''
  let hasContent = false
  for (const event of events) {
    if (event.type === 'reply.snapshot' && !hasContent) text = event.snapshot.text
    if (event.type === 'reply.delta') {
      for (const delta of event.deltas) if (delta.type === 'text') text += delta.text
    }
    hasContent ||= event.type === 'reply.snapshot' || event.type === 'reply.delta'
  }
  return text
}
