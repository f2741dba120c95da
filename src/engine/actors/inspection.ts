/**
 * Attaches observers to the inspection events of an actor system.
 *
 * XState calls observers in the middle of a transition, so an observer that throws would break that
 * transition: each observer is wrapped. Without an observer nothing is subscribed. Knows neither
 * conversations nor turns.
 */
import type { AnyActorRef, InspectionEvent } from 'xstate'
import { TRANSPORT_ACTOR_ID, type TransportSnapshot } from '../../machines/transport-actor.ts'
import type { InspectionObserver } from '../api/engine.ts'

/** The part of XState's actor that is used here, for any actor logic. */
interface Root extends Pick<AnyActorRef, 'sessionId' | 'getSnapshot'> {
  readonly system: AnyActorRef['system']
}

export interface Observation {
  /** Shows the figures of each request that has received bytes since they were shown last. */
  showFigures(): void
  unsubscribe(): void
}

export function observeSystem(
  root: Root,
  observer: InspectionObserver,
  onThrow: (error: unknown) => void,
): Observation {
  const next = (event: InspectionEvent) => {
    try {
      if (typeof observer === 'function') observer(event)
      else observer.next?.(event)
    } catch (error) {
      onThrow(error)
    }
  }
  announce(root as AnyActorRef, root.sessionId, next)
  const subscription = root.system.inspect({ next })
  const bytesShown = new WeakMap<AnyActorRef, number>()
  return {
    unsubscribe: () => subscription.unsubscribe(),
    showFigures: () => {
      for (const actorRef of transportsUnder(root as AnyActorRef)) {
        const snapshot = actorRef.getSnapshot() as TransportSnapshot
        const { context } = snapshot
        if (context.bytes === (bytesShown.get(actorRef) ?? 0)) continue
        bytesShown.set(actorRef, context.bytes)
        next({
          type: '@xstate.snapshot',
          actorRef,
          rootId: root.sessionId,
          event: { type: 'transport.figures' },
          snapshot: { ...snapshot, context } as TransportSnapshot,
        })
      }
    },
  }
}

function* transportsUnder(actorRef: AnyActorRef): Generator<AnyActorRef> {
  if (actorRef.id === TRANSPORT_ACTOR_ID) yield actorRef
  for (const child of childrenOf(actorRef)) yield* transportsUnder(child)
}

function childrenOf(actorRef: AnyActorRef): readonly AnyActorRef[] {
  const { children = {} } = actorRef.getSnapshot() as {
    readonly children?: Record<string, AnyActorRef>
  }
  return Object.values(children)
}

/** Announces the actors that are older than the observer, as XState announces new actors. */
function announce(
  actorRef: AnyActorRef,
  rootId: string,
  next: (event: InspectionEvent) => void,
): void {
  next({ type: '@xstate.actor', actorRef, rootId })
  next({
    type: '@xstate.snapshot',
    actorRef,
    rootId,
    event: { type: 'xstate.init' },
    snapshot: actorRef.getSnapshot(),
  })
  for (const child of childrenOf(actorRef)) announce(child, rootId, next)
}
