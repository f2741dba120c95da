/**
 * The turns of an engine: those in memory, those that wait for their start, and those that wait for an
 * answer.
 *
 * Joins the parts that carry out the decisions of the turn machine. Knows nothing of states, and does
 * not decide what follows.
 */
import type { Feed } from '../../feed/feed.ts'
import type { ConversationMachineEvent } from '../../machines/conversation-events.ts'
import type { conversationMachine } from '../../machines/conversation.ts'
import type { TurnResult } from '../../machines/turn-events.ts'
import type { Store } from '../../persistence/ports/store.ts'
import { ToolSlots } from '../../tools/slots.ts'
import { withoutSecrets } from '../../transport/redaction.ts'
import type { Transport } from '../../transport/transport.ts'
import type { Binder } from '../endpoints/binding.ts'
import type { Endpoints } from '../endpoints/endpoints.ts'
import type { ResolvedOptions } from '../options/resolve-options.ts'
import { TurnBeginning } from './beginning.ts'
import { callContext } from './calls/context.ts'
import type { LateTools } from './calls/late-tools.ts'
import type { StepCallsPort } from './calls/port.ts'
import { TurnConclusion } from './conclusion.ts'
import { cancelTurn } from './live-turn/cancel.ts'
import type { LiveTurn } from './live-turn/live-turn.ts'
import { LiveTurns } from './live-turn/live-turns.ts'
import { providedMachine } from './machine.ts'
import { TurnQueue } from './queue/queue.ts'
import { QueueWrites } from './queue/writes.ts'
import { Checkpoints } from './record/checkpointer.ts'
import type { Drains } from './record/drains.ts'
import { TurnEnding } from './record/ending.ts'
import { TurnRecording } from './record/recording.ts'
import type { TurnRequest } from './request/turn-request.ts'
import { WaitingTurns } from './wait/waiting-turns.ts'

interface TurnsOptions {
  readonly store: Store
  readonly transport: Transport
  readonly feed: Feed
  readonly binder: Binder
  readonly drains: Drains
  readonly endpoints: Endpoints
  readonly late: LateTools
  readonly options: ResolvedOptions
  /** A call waits until then. */
  readonly expires: (at: Date | undefined) => void
  /** Called when a turn has ended and its conversation may rest. */
  readonly onSettled: (live: LiveTurn, result: TurnResult) => void
  /** Called when a conversation may rest, though no turn of it has ended. */
  readonly onIdle: (conversationId: string) => void
  /** Sends an event to the machine of a conversation. */
  readonly tell: (conversationId: string, event: ConversationMachineEvent) => void
}

export class Turns {
  readonly #feed: Feed
  readonly #live: LiveTurns
  readonly #conclusion: TurnConclusion
  /** The turns that wait for their start. */
  readonly queue: TurnQueue
  /** The turns that wait for an answer to their calls. */
  readonly waiting: WaitingTurns
  /** The conversation machine, provided with the real actions of its turns. */
  readonly machine: typeof conversationMachine
  /** True once the engine closes: no queued turn starts then. */
  isClosing = false

  constructor(parts: TurnsOptions) {
    const { store, transport, feed, binder, endpoints: sealer, options, onIdle, tell } = parts
    const { steadyClock: clock, logger, checkpointMs: everyMs } = options
    const isClosing = () => this.isClosing
    const live = new LiveTurns(feed)
    const steps = { store, transport, binder, options }
    const checkpoints = new Checkpoints({ store, clock, logger, everyMs })
    const ending = new TurnEnding(store, options)
    const recording = new TurnRecording({
      store,
      binder,
      options,
      steps,
      sealer,
      live,
      onContent: (turn) => checkpoints.begin(turn),
    })
    const queue = new TurnQueue({
      store,
      feed,
      options,
      sealer,
      live,
      onIdle,
      isClosing,
      cancel: (turn, cause) => void cancelTurn({ send: tell }, turn, { cause }),
    })
    const calls: StepCallsPort = {
      store,
      options,
      checkpoints,
      sealer,
      slots: new ToolSlots(options.limits.parallelToolsTotal),
      late: parts.late,
      steeredBy: ({ conversationId }) => queue.steering(conversationId),
      expires: parts.expires,
      redact: (text) => withoutSecrets(text, sealer.secrets()),
      isAvailable: (tool) => binder.offers(tool),
      announce: (conversationId, event, owner) => feed.announce(conversationId, event, owner),
      reportFailure: (turn, failures, retryInMs) => ending.reportFailure(turn, failures, retryInMs),
      contextOf: (turn, step, call) => callContext(store, turn, step, call),
    }
    const waiting = new WaitingTurns({
      store,
      feed,
      options,
      binder,
      sealer,
      checkpoints,
      live,
      steps,
      calls,
      restoreQueue: async (conversationId) => queue.restore(await store.listQueue(conversationId)),
      stillQueued: (turnIds) => queue.stillQueued(turnIds),
      tell,
      onIdle,
      isClosing,
    })
    const beginning = new TurnBeginning({ feed, options, live, recording, queue, calls })
    const queueWrites = new QueueWrites({
      store,
      recording,
      queue,
      live,
      refuse: (turn) => beginning.refuse(turn),
      tell,
      onIdle,
      isClosing,
      placedBehind: (turn, placed) => waiting.placedBehind(turn, placed),
    })
    const conclusion = new TurnConclusion({
      ...parts,
      live,
      checkpoints,
      ending,
      queue,
      queueWrites,
      waiting,
    })
    this.machine = providedMachine({
      store,
      options,
      live,
      beginning,
      calls,
      waiting,
      ending,
      conclusion,
      queue,
      queueWrites,
    })
    this.#feed = feed
    this.#live = live
    this.#conclusion = conclusion
    this.queue = queue
    this.waiting = waiting
  }

  create(request: TurnRequest): LiveTurn {
    return this.#live.create(request)
  }

  find(turnId: string): LiveTurn | undefined {
    return this.#live.get(turnId)
  }

  runningIn(conversationId: string): LiveTurn | undefined {
    return this.#live.runningIn(conversationId)
  }

  get running(): readonly LiveTurn[] {
    return this.#live.running
  }

  /** All but those that are queued or wait for an answer. */
  get all(): readonly LiveTurn[] {
    return this.#live.values().filter(({ isQueued, isResting }) => !isQueued && !isResting)
  }

  /** A conversation has another owner: the events of its turns are for the new one. */
  changeOwner(conversationId: string, owner: string | undefined): void {
    for (const live of this.#live.in(conversationId)) {
      this.#feed.changeOwner(live.replyFeed, owner)
    }
  }

  /** Ends the running turn of a conversation whose actor failed. */
  abandonIn(conversationId: string, error: unknown): void {
    const live = this.#live.runningIn(conversationId)
    if (live !== undefined) void this.#conclusion.abandon(live, error)
  }
}
