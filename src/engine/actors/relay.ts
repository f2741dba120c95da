/**
 * The reports of an actor to the turn above it. Knows nothing of what they say.
 */
import type { ActorSystem, ActorSystemInfo, AnyActorRef, EventObject } from 'xstate'

/** Returns a function that sends events to the parent of an actor while that is active. */
export function reporter(
  self: AnyActorRef,
  system: ActorSystem<ActorSystemInfo>,
): (report: EventObject) => void {
  // oxlint-disable-next-line no-underscore-dangle -- XState's name for the parent of an actor
  const parent = self._parent
  return (report) => {
    if (parent?.getSnapshot().status === 'active') relay(system, self, parent, report)
  }
}

/**
 * Sends an event to the turn with the actor as its sender, as XState's own logic does.
 *
 * `_relay` is not in XState's types: with `turn.send`, an inspector would see no sender.
 */
function relay(
  system: ActorSystem<ActorSystemInfo>,
  from: AnyActorRef,
  to: AnyActorRef,
  event: EventObject,
): void {
  // oxlint-disable-next-line no-underscore-dangle -- XState's own name
  ;(system as unknown as Relaying)._relay(from, to, event)
}

interface Relaying {
  _relay(from: AnyActorRef, to: AnyActorRef, event: EventObject): void
}
