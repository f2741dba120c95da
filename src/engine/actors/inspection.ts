/**
 * Attaches observers to the inspection events of an actor system.
 *
 * XState calls observers in the middle of a transition, so an observer that throws would break that
 * transition: each observer is wrapped. Without an observer nothing is subscribed. Knows neither
 * conversations nor turns.
 */
import type { AnyActorRef, InspectionEvent } from 'xstate'
import type { InspectionObserver } from '../api.ts'

/** The part of XState's actor that is used here, for any actor logic. */
interface Root extends Pick<AnyActorRef, 'sessionId' | 'getSnapshot'> {
  readonly system: AnyActorRef['system']
}

export function observeSystem(
  root: Root,
  observer: InspectionObserver,
  onThrow: (error: unknown) => void,
): { unsubscribe(): void } {
  const next = (event: InspectionEvent) => {
    try {
      if (typeof observer === 'function') observer(event)
      else observer.next?.(event)
    } catch (error) {
      onThrow(error)
    }
  }
  announce(root as AnyActorRef, root.sessionId, next)
  return root.system.inspect({ next })
}

/** Announces the actors that are older than the observer, as XState announces new actors. */
function announce(
  actorRef: AnyActorRef,
  rootId: string,
  next: (event: InspectionEvent) => void,
): void {
  const snapshot = actorRef.getSnapshot() as { readonly children?: Record<string, AnyActorRef> }
  next({ type: '@xstate.actor', actorRef, rootId })
  next({
    type: '@xstate.snapshot',
    actorRef,
    rootId,
    event: { type: 'xstate.init' },
    snapshot: actorRef.getSnapshot(),
  })
  for (const child of Object.values(snapshot.children ?? {})) announce(child, rootId, next)
}
