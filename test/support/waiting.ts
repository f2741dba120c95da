/** Waits for events, so that no test sleeps. */
import { type Observable, filter, firstValueFrom } from 'rxjs'
import type { ConversationEvent, Engine, Snapshot, Turn } from '../../src/index.ts'

/** Lets all ready work run, that many times. */
export async function ticks(count = 1): Promise<void> {
  for (let n = 0; n < count; n += 1) await new Promise((resolve) => setImmediate(resolve))
}

/** The next event of a type. Call it before the event is caused. */
export function nextEvent<Type extends ConversationEvent['type']>(
  events: Observable<ConversationEvent>,
  type: Type,
): Promise<Extract<ConversationEvent, { type: Type }>> {
  const ofType = (event: ConversationEvent): event is Extract<ConversationEvent, { type: Type }> =>
    event.type === type
  return firstValueFrom(events.pipe(filter(ofType)))
}

/** The first snapshot with at least that many characters of text. */
export async function shown(turn: Turn, chars: number): Promise<Snapshot> {
  for await (const snapshot of turn.snapshots()) {
    if (snapshot.text.length >= chars) return snapshot
  }
  throw new Error(`The reply ended before it had ${chars} characters.`)
}

/** Resolves when a machine is sent an event of this type. Call it before the event is caused. */
export function machineEvent(engine: Engine, type: string): Promise<void> {
  return new Promise((resolve) => {
    const subscription = engine.inspect((event) => {
      if (event.type !== '@xstate.event' || event.event.type !== type) return
      resolve()
      queueMicrotask(() => subscription.unsubscribe())
    })
  })
}

/** All events of an engine or a conversation from this call on. */
export function eventLog(engine: Engine, conversationId?: string): ConversationEvent[] {
  const log: ConversationEvent[] = []
  engine.events(conversationId).subscribe((event) => log.push(event))
  return log
}

/** The result of a promise, without throwing. */
export async function outcomeOf<T>(
  promise: Promise<T>,
): Promise<{ readonly value: T } | { readonly error: unknown }> {
  try {
    return { value: await promise }
  } catch (error) {
    return { error }
  }
}
