/**
 * The actors of an engine: one root, small supervisors under it, conversations under those.
 *
 * Wakes a conversation when something is sent to it, and puts it to sleep when it has rested for a
 * while: its actor is stopped and forgotten, its data is in the store. Knows no turns.
 */
import { type ActorRefFrom, createActor } from 'xstate'
import type { conversationMachine, ConversationMachineEvent } from '../machines/conversation.ts'
import { rootMachine } from '../machines/root.ts'
import { conversationActorId, supervisorMachine } from '../machines/supervisor.ts'
import type { Clock } from '../protocol/clock.ts'
import type { Logger } from '../protocol/logger.ts'
import type { InspectionObserver } from './api.ts'
import { observeSystem } from './inspection.ts'
import { Timers } from './timers.ts'

/** Spawning copies the supervisor's table of children: cheap while there are few. */
const CONVERSATIONS_PER_SUPERVISOR = 64

const REST_MS = 60_000

export interface ActorsOptions {
  readonly machine: typeof conversationMachine
  readonly clock: Clock
  readonly logger: Logger
  /** The actor of a conversation failed. What it ran has to be ended without it. */
  readonly onFailure: (conversationId: string, error: unknown) => void
}

interface Awake {
  readonly actor: ActorRefFrom<typeof conversationMachine>
  readonly supervisorId: string
}

export class Actors {
  readonly #root
  readonly #timers: Timers
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #onFailure: ActorsOptions['onFailure']
  readonly #awake = new Map<string, Awake>()
  /** How many conversations each supervisor has. */
  readonly #supervisors = new Map<string, number>()
  #lastSupervisor = 0
  /** Since when conversations rest, the longest first. */
  readonly #resting = new Map<string, number>()
  #sweep: unknown

  constructor({ machine, clock, logger, onFailure }: ActorsOptions) {
    this.#clock = clock
    this.#timers = new Timers(clock)
    this.#logger = logger
    this.#onFailure = onFailure
    const supervisor = supervisorMachine.provide({
      actors: { conversation: machine },
      actions: {
        release: (_, { conversationId }) => this.#forget(conversationId),
        abandonConversation: (_, { conversationId, error }) => this.#fail(conversationId, error),
      },
    })
    this.#root = createActor(
      rootMachine.provide({
        actors: { supervisor },
        actions: {
          abandonSupervisor: (_, { supervisorId, error }) => {
            this.#supervisors.delete(supervisorId)
            for (const [conversationId, awake] of this.#awake) {
              if (awake.supervisorId === supervisorId) this.#fail(conversationId, error)
            }
          },
        },
      }),
      { clock: this.#timers },
    )
    this.#root.start()
  }

  /** How many conversations have an actor. */
  get awake(): number {
    return this.#awake.size
  }

  /** Sends an event to a conversation, waking it if need be. */
  send(conversationId: string, event: ConversationMachineEvent): void {
    this.#resting.delete(conversationId)
    const awake = this.#awake.get(conversationId) ?? this.#wake(conversationId)
    awake.actor.send(event)
  }

  /** The conversation has nothing to do; it is put to sleep if that lasts. */
  rest(conversationId: string): void {
    if (!this.#awake.has(conversationId)) return
    this.#resting.delete(conversationId)
    this.#resting.set(conversationId, this.#clock.now())
    this.#scheduleSweep()
  }

  /** Puts a conversation to sleep now, if it rests. */
  sleep(conversationId: string): void {
    this.#resting.delete(conversationId)
    this.#awake.get(conversationId)?.actor.send({ type: 'conversation.sleep' })
  }

  inspect(observer: InspectionObserver): { unsubscribe(): void } {
    return observeSystem(this.#root, observer, (error: unknown) =>
      this.#logger.warn({ err: error }, 'An inspection observer threw.'),
    )
  }

  stop(): void {
    if (this.#sweep !== undefined) this.#clock.clearTimeout(this.#sweep)
    this.#sweep = undefined
    this.#root.stop()
    this.#timers.clear()
    this.#awake.clear()
    this.#resting.clear()
    this.#supervisors.clear()
  }

  #wake(conversationId: string): Awake {
    const supervisorId = this.#supervisorWithRoom()
    const supervisor = this.#root.getSnapshot().children[supervisorId] as ActorRefFrom<
      typeof supervisorMachine
    >
    supervisor.send({ type: 'conversation.wake', conversationId })
    const actor = supervisor.getSnapshot().children[conversationActorId(conversationId)]
    if (actor === undefined) throw new Error('A supervisor did not wake its conversation.')
    const awake = { actor, supervisorId }
    this.#awake.set(conversationId, awake)
    this.#supervisors.set(supervisorId, (this.#supervisors.get(supervisorId) ?? 0) + 1)
    return awake
  }

  #supervisorWithRoom(): string {
    for (const [id, conversations] of this.#supervisors) {
      if (conversations < CONVERSATIONS_PER_SUPERVISOR) return id
    }
    const supervisorId = `supervisor-${(this.#lastSupervisor += 1)}`
    this.#supervisors.set(supervisorId, 0)
    this.#root.send({ type: 'supervisor.open', supervisorId })
    return supervisorId
  }

  #forget(conversationId: string): void {
    const awake = this.#awake.get(conversationId)
    if (awake === undefined) return
    this.#awake.delete(conversationId)
    this.#resting.delete(conversationId)
    const left = (this.#supervisors.get(awake.supervisorId) ?? 1) - 1
    this.#supervisors.set(awake.supervisorId, left)
  }

  #fail(conversationId: string, error: unknown): void {
    this.#logger.error({ err: error }, 'The actor of a conversation failed; its turn is ended.')
    this.#forget(conversationId)
    this.#onFailure(conversationId, error)
  }

  /** One timer for all that rest, and none that keeps the process alive. */
  #scheduleSweep(): void {
    if (this.#sweep !== undefined) return
    this.#sweep = this.#clock.setTimeout(() => {
      this.#sweep = undefined
      const due = this.#clock.now() - REST_MS
      for (const [conversationId, since] of this.#resting) {
        if (since > due) break
        this.sleep(conversationId)
      }
      if (this.#resting.size > 0) this.#scheduleSweep()
    }, REST_MS)
    if (this.#sweep instanceof Object && 'unref' in this.#sweep) {
      ;(this.#sweep as NodeJS.Timeout).unref()
    }
  }
}
