/**
 * The actors of an engine: many small supervisors, with conversations under them.
 *
 * Wakes a conversation when an event is sent to it. Puts it to sleep when it has rested for a
 * while: its actor is stopped and forgotten, and its data is in the store. Knows nothing of turns.
 *
 * Each supervisor is the root of a system of its own, because XState looks through all timers of a
 * system whenever one of its actors stops. With one system for all, the end of a turn would cost
 * more, the more turns run beside it.
 */
import { type Actor, type ActorRefFrom, type AnyActorRef, createActor } from 'xstate'
import type { ConversationMachineEvent } from '../../machines/conversation-events.ts'
import type { conversationMachine } from '../../machines/conversation.ts'
import { conversationActorId, supervisorMachine } from '../../machines/supervisor.ts'
import type { Clock } from '../../protocol/clock.ts'
import { LONGEST_TIMER_MS } from '../../protocol/clock.ts'
import type { Logger } from '../../protocol/logger.ts'
import type { InspectionObserver } from '../api/engine.ts'
import { type Observation, observeSystem } from './inspection.ts'
import { Timers, unheld } from './timers.ts'

/**
 * A supervisor copies its table of children whenever a child is added or removed, which is cheap
 * for a few children. With even fewer, the memory of more supervisors would cost more than the time
 * that they save.
 */
const CONVERSATIONS_PER_SUPERVISOR = 16

/** A conversation is put to sleep late by at most `sleepAfterMs` divided by this number. */
const SWEEP_PART = 4

/** The figures of running requests are shown to observers this often, in milliseconds. */
const FIGURES_MS = 250

interface ActorsOptions {
  readonly machine: typeof conversationMachine
  readonly clock: Clock
  readonly logger: Logger
  /** How long a conversation rests before it is put to sleep, in milliseconds. */
  readonly sleepAfterMs: number
  /** Called when the actor of a conversation failed. Its work must be ended without it. */
  readonly onFailure: (conversationId: string, error: unknown) => void
}

interface Supervisor {
  readonly actor: Actor<typeof supervisorMachine>
  conversations: number
}

interface Awake {
  readonly actor: ActorRefFrom<typeof conversationMachine>
  readonly supervisor: Supervisor
}

interface Inspection {
  readonly observer: InspectionObserver
  readonly observations: Map<Supervisor, Observation>
  /** True once the observer has thrown: it sees every event, and is named once. */
  hasThrown: boolean
}

export class Actors {
  readonly #machine
  readonly #timers: Timers
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #sleepAfterMs: number
  readonly #onFailure: ActorsOptions['onFailure']
  readonly #awake = new Map<string, Awake>()
  readonly #supervisors = new Set<Supervisor>()
  /** The supervisors that can take another conversation. */
  readonly #withRoom = new Set<Supervisor>()
  readonly #inspections = new Set<Inspection>()
  #lastSupervisor = 0
  /** The time since which a conversation rests, by its id. The longest rest is first. */
  readonly #resting = new Map<string, number>()
  #sweep: unknown
  /** Shows observers the figures of running requests. */
  #figures: unknown

  constructor({ machine, clock, logger, sleepAfterMs, onFailure }: ActorsOptions) {
    this.#clock = clock
    this.#timers = new Timers(clock)
    this.#logger = logger
    this.#sleepAfterMs = sleepAfterMs
    this.#onFailure = onFailure
    this.#machine = supervisorMachine.provide({
      actors: { conversation: machine },
      actions: {
        release: ({ self }, { conversationId }) => this.#forget(conversationId, self),
        abandonConversation: ({ self }, { conversationId, error }) =>
          this.#fail(conversationId, self, error),
      },
    })
  }

  /** The number of conversations that have an actor. */
  get awake(): number {
    return this.#awake.size
  }

  /** The number of supervisors. Each has a conversation under it. */
  get supervisors(): number {
    return this.#supervisors.size
  }

  /** Sends an event to a conversation, and wakes it first if it sleeps. */
  send(conversationId: string, event: ConversationMachineEvent): void {
    this.#resting.delete(conversationId)
    const awake = this.#awake.get(conversationId) ?? this.#wake(conversationId)
    awake.actor.send(event)
  }

  /** Sends an event to a conversation that is awake. A sleeping one knows nothing that it would change. */
  tell(conversationId: string, event: ConversationMachineEvent): void {
    this.#awake.get(conversationId)?.actor.send(event)
  }

  /** Notes that a conversation has nothing to do. If that lasts, it is put to sleep. */
  rest(conversationId: string): void {
    if (!this.#awake.has(conversationId)) return
    this.#resting.delete(conversationId)
    this.#resting.set(conversationId, this.#clock.now())
    this.#scheduleSweep()
  }

  /** Puts a conversation to sleep now, if it rests. */
  sleep(conversationId: string): void {
    this.#resting.delete(conversationId)
    this.tell(conversationId, { type: 'conversation.sleep' })
  }

  inspect(observer: InspectionObserver): { unsubscribe(): void } {
    const inspection: Inspection = { observer, observations: new Map(), hasThrown: false }
    this.#inspections.add(inspection)
    for (const supervisor of this.#supervisors) this.#observe(supervisor, inspection)
    this.#figures ??= this.#scheduleFigures()
    return {
      unsubscribe: () => {
        this.#inspections.delete(inspection)
        for (const observation of inspection.observations.values()) observation.unsubscribe()
        if (this.#inspections.size === 0) this.#stopFigures()
      },
    }
  }

  stop(): void {
    if (this.#sweep !== undefined) this.#clock.clearTimeout(this.#sweep)
    this.#sweep = undefined
    this.#stopFigures()
    for (const { actor } of this.#supervisors) actor.stop()
    this.#timers.clear()
    this.#awake.clear()
    this.#resting.clear()
    this.#supervisors.clear()
    this.#withRoom.clear()
    this.#inspections.clear()
  }

  /** Runs while there is an observer. It does not keep the process alive. */
  #scheduleFigures(): unknown {
    return unheld(
      this.#clock.setTimeout(() => {
        this.#figures = this.#scheduleFigures()
        for (const { observations } of this.#inspections) {
          for (const observation of observations.values()) observation.showFigures()
        }
      }, FIGURES_MS),
    )
  }

  #stopFigures(): void {
    if (this.#figures !== undefined) this.#clock.clearTimeout(this.#figures)
    this.#figures = undefined
  }

  #wake(conversationId: string): Awake {
    const [supervisor = this.#openSupervisor()] = this.#withRoom
    supervisor.actor.send({ type: 'conversation.wake', conversationId })
    const actor = supervisor.actor.getSnapshot().children[conversationActorId(conversationId)]
    if (actor === undefined) throw new Error('A supervisor did not wake its conversation.')
    const awake = { actor, supervisor }
    this.#awake.set(conversationId, awake)
    supervisor.conversations += 1
    if (supervisor.conversations === CONVERSATIONS_PER_SUPERVISOR) this.#withRoom.delete(supervisor)
    return awake
  }

  #openSupervisor(): Supervisor {
    const id = `supervisor-${(this.#lastSupervisor += 1)}`
    const actor = createActor(this.#machine, { id, clock: this.#timers })
    const supervisor = { actor, conversations: 0 }
    this.#supervisors.add(supervisor)
    this.#withRoom.add(supervisor)
    for (const inspection of this.#inspections) this.#observe(supervisor, inspection)
    actor.subscribe({ error: (error) => this.#failSupervisor(supervisor, error) })
    actor.start()
    return supervisor
  }

  #observe(supervisor: Supervisor, inspection: Inspection): void {
    const { observer, observations } = inspection
    const onThrow = (error: unknown) => {
      if (inspection.hasThrown) return
      inspection.hasThrown = true
      this.#logger.warn({ err: error }, 'An inspection observer threw.')
    }
    observations.set(supervisor, observeSystem(supervisor.actor, observer, onThrow))
  }

  /**
   * @param under - the supervisor that the actor had. The conversation may be awake under another
   *   one by now, which is left alone.
   */
  #forget(conversationId: string, under: AnyActorRef): void {
    const awake = this.#awake.get(conversationId)
    if (awake?.supervisor.actor !== under) return
    this.#awake.delete(conversationId)
    this.#resting.delete(conversationId)
    const { supervisor } = awake
    supervisor.conversations -= 1
    if (!this.#supervisors.has(supervisor)) return
    if (supervisor.conversations > 0) this.#withRoom.add(supervisor)
    else this.#dismiss(supervisor)
  }

  /** Removes an empty supervisor. It may be in a transition, so it is stopped afterwards. */
  #dismiss(supervisor: Supervisor): void {
    this.#drop(supervisor)
    queueMicrotask(() => supervisor.actor.stop())
  }

  #drop(supervisor: Supervisor): void {
    this.#supervisors.delete(supervisor)
    this.#withRoom.delete(supervisor)
    for (const { observations } of this.#inspections) {
      observations.get(supervisor)?.unsubscribe()
      observations.delete(supervisor)
    }
  }

  /** Fails the conversations of a failed supervisor, and no others. */
  #failSupervisor(supervisor: Supervisor, error: unknown): void {
    this.#drop(supervisor)
    for (const [conversationId, awake] of this.#awake) {
      if (awake.supervisor === supervisor) this.#fail(conversationId, supervisor.actor, error)
    }
  }

  #fail(conversationId: string, under: AnyActorRef, error: unknown): void {
    this.#logger.error({ err: error }, 'The actor of a conversation failed; its turn is ended.')
    this.#forget(conversationId, under)
    this.#onFailure(conversationId, error)
  }

  /** Sets one timer for all resting conversations. It does not keep the process alive. */
  #scheduleSweep(): void {
    const [longest] = this.#resting.values()
    if (this.#sweep !== undefined || longest === undefined || this.#sleepAfterMs === Infinity)
      return
    const dueInMs = longest + this.#sleepAfterMs - this.#clock.now()
    // Conversations that are due soon after one another share a sweep.
    const waitMs = Math.max(dueInMs, this.#sleepAfterMs / SWEEP_PART)
    this.#sweep = this.#clock.setTimeout(
      () => {
        this.#sweep = undefined
        const due = this.#clock.now() - this.#sleepAfterMs
        for (const [conversationId, since] of this.#resting) {
          if (since > due) break
          this.sleep(conversationId)
        }
        this.#scheduleSweep()
      },
      Math.min(waitMs, LONGEST_TIMER_MS),
    )
    unheld(this.#sweep)
  }
}
