/** Reading a reply step by step. */
import type { ConversationEvent, Engine, Snapshot, Turn } from '../../src/index.ts'
import { ticks } from './waiting.ts'

/** A reader of a turn's snapshots that is asked by hand. */
export function snapshotReader(turn: Turn): AsyncIterator<Snapshot, undefined> {
  return turn.snapshots()[Symbol.asyncIterator]() as AsyncIterator<Snapshot, undefined>
}

/** What a promise has come to, once everything that was ready has run. */
export async function byNow<T>(promise: Promise<T>): Promise<T | 'waiting'> {
  await ticks(5)
  return Promise.race([promise, Promise.resolve('waiting' as const)])
}

/** The texts of all snapshots that a loop gets. */
export async function textsOf(turn: Turn): Promise<string[]> {
  const texts: string[] = []
  for await (const { text } of turn.snapshots()) texts.push(text)
  return texts
}

/** Tells how much of a reply has arrived, from now on. Watches events, so attach it before `send`. */
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

/** What a reader of events has in the end: the snapshot it began with, if it came late, then deltas. */
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
