/**
 * Inspection events, as an observer gets them from the actors of an engine.
 *
 * The types have the shape of XState's `InspectionEvent` and are assignable to it. They are written
 * out here, because XState's declarations do not compile under `exactOptionalPropertyTypes` without
 * `skipLibCheck`. Knows nothing of the machines.
 */

/** An actor, as far as an observer needs it. At run time it is XState's actor reference. */
export interface InspectedActor {
  readonly sessionId: string
  /** For tools that drive actors. An engine's own actors are sent events by the engine alone. */
  // oxlint-disable-next-line typescript/no-explicit-any -- as XState has it
  readonly send: (event: any) => void
  // oxlint-disable-next-line typescript/no-explicit-any -- each machine has a type of its own
  readonly getSnapshot: () => any
}

/** An event of a machine: ids, counts and codes, never text. */
export interface InspectedEvent {
  readonly type: string
  // oxlint-disable-next-line typescript/no-explicit-any -- each event has fields of its own
  readonly [field: string]: any
}

/** The state of an actor. That of a machine has `value` and `context` too. */
export type InspectedSnapshot =
  | { readonly status: 'active'; readonly output: undefined; readonly error: undefined }
  | { readonly status: 'done'; readonly output: unknown; readonly error: undefined }
  | { readonly status: 'error'; readonly output: undefined; readonly error: unknown }
  | { readonly status: 'stopped'; readonly output: undefined; readonly error: undefined }

interface InspectionBase {
  readonly rootId: string
  /** The actor that was made, that changed, or that was sent the event. */
  readonly actorRef: InspectedActor
}

/** What an observer of {@link Engine.inspect} gets. */
export type ActorInspectionEvent =
  | (InspectionBase & { readonly type: '@xstate.actor' })
  | (InspectionBase & {
      readonly type: '@xstate.event'
      readonly sourceRef: InspectedActor | undefined
      readonly event: InspectedEvent
    })
  | (InspectionBase & {
      readonly type: '@xstate.snapshot' | '@xstate.transition'
      readonly event: InspectedEvent
      readonly snapshot: InspectedSnapshot
    })
  | (InspectionBase & {
      readonly type: '@xstate.microstep'
      readonly event: InspectedEvent
      readonly snapshot: InspectedSnapshot
      // oxlint-disable-next-line typescript/no-explicit-any -- XState's own, of no fixed shape
      readonly _transitions: any[]
    })
  | (InspectionBase & {
      readonly type: '@xstate.action'
      readonly action: { readonly type: string; readonly params: unknown }
    })
