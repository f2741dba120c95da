/** The inspection records of an engine, counted. */
import type { AnyActorRef, InspectionEvent } from 'xstate'
import type { Engine } from '../../src/index.ts'

/** The number of living actors. */
export function actorsOf(engine: Engine): number {
  let count = 0
  const inspection = engine.inspect((event) => {
    if (event.type === '@xstate.actor') count += 1
  })
  inspection.unsubscribe()
  return count
}

export class Inspection {
  readonly events: InspectionEvent[] = []
  readonly #subscription: { unsubscribe(): void }

  constructor(engine: Engine) {
    this.#subscription = engine.inspect((event) => this.events.push(event))
  }

  /** The types of the events that machines were sent, in order, without `xstate.init`. */
  get machineEvents(): string[] {
    return this.events
      .filter((event) => event.type === '@xstate.event')
      .filter((event) => event.event.type !== 'xstate.init')
      .map((event) => event.event.type)
  }

  /** Every actor that was announced. */
  get actors(): AnyActorRef[] {
    return this.events
      .filter((event) => event.type === '@xstate.actor')
      .map((event) => event.actorRef as AnyActorRef)
  }

  stop(): void {
    this.#subscription.unsubscribe()
  }
}
