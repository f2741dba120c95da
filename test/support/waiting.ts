/** Waiting for events instead of sleeping. */
import { type Observable, filter, firstValueFrom } from 'rxjs'
import type { ConversationEvent, Engine, Snapshot, Turn } from '../../src/index.ts'

/** Lets everything run that is ready to run, as many times as said. */
export async function ticks(count = 1): Promise<void> {
  for (let n = 0; n < count; n += 1) await new Promise((resolve) => setImmediate(resolve))
}

/** The first event of a type from now on. Ask before causing it. */
export function nextEvent<Type extends ConversationEvent['type']>(
  events: Observable<ConversationEvent>,
  type: Type,
): Promise<Extract<ConversationEvent, { type: Type }>> {
  const ofType = (event: ConversationEvent): event is Extract<ConversationEvent, { type: Type }> =>
    event.type === type
  return firstValueFrom(events.pipe(filter(ofType)))
}

/** The first snapshot with at least so many characters of text. */
export async function shown(turn: Turn, chars: number): Promise<Snapshot> {
  for await (const snapshot of turn.snapshots()) {
    if (snapshot.text.length >= chars) return snapshot
  }
  throw new Error(`The reply ended before it had ${chars} characters.`)
}

/** Resolves when a machine is sent an event of this type. Ask before causing it. */
export function machineEvent(engine: Engine, type: string): Promise<void> {
  return new Promise((resolve) => {
    const subscription = engine.inspect((event) => {
      if (event.type !== '@xstate.event' || event.event.type !== type) return
      resolve()
      queueMicrotask(() => subscription.unsubscribe())
    })
  })
}

/** All events of an engine, as they come. */
export function eventLog(engine: Engine, conversationId?: string): ConversationEvent[] {
  const log: ConversationEvent[] = []
  engine.events(conversationId).subscribe((event) => log.push(event))
  return log
}

/** What a promise comes to, without throwing. */
export async function outcomeOf<T>(
  promise: Promise<T>,
): Promise<{ readonly value: T } | { readonly error: unknown }> {
  try {
    return { value: await promise }
  } catch (error) {
    return { error }
  }
}
