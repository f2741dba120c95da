/**
 * Attaches observers to the inspection events of an actor system.
 *
 * XState calls observers in the middle of a transition, so one that throws would break whatever
 * is going on: each is wrapped. Nothing is subscribed when nobody looks.
 */
import type { AnyActorRef, InspectionEvent } from 'xstate'
import type { InspectionObserver } from '../api.ts'

/** The part of XState's actor that is used here, whatever its logic. */
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

/** Tells of the actors that were there before the observer, as XState tells of new ones. */
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
