/**
 * Records the beginning of a turn: writes its input or finds it, binds it, and makes its first step.
 *
 * The turn machine decides what follows. Knows nothing of states and subscribers.
 */
import type { Store } from '../../../persistence/ports/store.ts'
import type { PlacedTurn, StoredTurnOptions } from '../../../persistence/ports/placement.ts'
import type { StartedTurn } from '../../../persistence/ports/queue-store.ts'
import type {
  AcceptedTurn,
  TurnBinding,
  TurnContinue,
  TurnStart,
} from '../../../persistence/ports/turn-store.ts'
import type { ConversationRecord } from '../../../protocol/conversation.ts'
import type { Binder } from '../../endpoints/binding.ts'
import { recordFault } from '../../options/logging.ts'
import type { ResolvedOptions } from '../../options/resolve-options.ts'
import type { LiveTurn } from '../live-turn/live-turn.ts'
import { type LiveTurns, repeatedId } from '../live-turn/live-turns.ts'
import { fromStored, haveSameOptions, type Sealer, toStored } from '../request/stored-options.ts'
import type { Bound, TurnRequest } from '../request/turn-request.ts'
import { toolsRecord, turnTools, type TurnTools } from '../request/turn-tools.ts'
import type { StepPort } from '../step/port.ts'
import { Step } from '../step/step.ts'

interface RecordingParts {
  readonly store: Store
  readonly binder: Binder
  readonly options: ResolvedOptions
  readonly steps: StepPort
  readonly sealer: Sealer
  readonly live: LiveTurns
  /** Called once, before the first content is delivered. */
  readonly onContent: (live: LiveTurn) => void
}

/** So many inputs may share a queued turn. Each join reads all of them, so their number is bounded. */
const INPUTS_PER_TURN = 64

export class TurnRecording {
  readonly #parts: RecordingParts

  constructor(parts: RecordingParts) {
    this.#parts = parts
  }

  /** Rejects with the error with which the turn was refused. Nothing is stored then. */
  async write(live: LiveTurn, isBusy: boolean): Promise<Step | PlacedTurn> {
    const { options: engine } = this.#parts
    const { request } = live
    const { turnId, replyId, conversationId, options } = request
    const start = {
      turnId,
      replyId,
      conversationId,
      viewer: request.viewer,
      metadata: options.metadata,
      idempotencyKey: options.idempotencyKey,
      at: new Date(engine.clock.now()),
      bind: (conversation: ConversationRecord) => this.#bind(live, conversation),
    }
    const accepted = await this.#accepted(start, live, isBusy)
    if ('queue' in accepted) return accepted
    live.changed = accepted.changed
    live.continued = accepted.continued
    live.input = accepted.input
    return this.#step(live, accepted)
  }

  /**
   * Starts a queued turn. Without a step it is on its line, and nothing can be asked for it: `live.fault`
   * says why.
   */
  async start(live: LiveTurn): Promise<Step | undefined> {
    const { store, options } = this.#parts
    const { turnId, conversationId } = live
    const started: StartedTurn = await store.startQueued({
      turnId,
      conversationId,
      at: new Date(options.clock.now()),
      bind: (conversation) => {
        if (live.unusable !== undefined) throw live.unusable
        return this.#bind(live, conversation)
      },
      continues: this.#continues(live),
    })
    live.input = started.input
    live.continued = started.continued
    live.inputs = started.inputs
    live.changed = started.changed
    if (started.failure === undefined) return this.#step(live, started)
    live.bound = undefined
    live.fault = recordFault(started.failure, options.logger, 'A queued turn could not be bound.')
    return undefined
  }

  #bind(live: LiveTurn, conversation: ConversationRecord): TurnBinding {
    const { binder, options: engine } = this.#parts
    const { options } = live.request
    const binding = binder.bind({ ...options, purpose: 'chat', conversation })
    live.bound = { ...binding, conversation }
    const tools = turnTools(engine.tools, options, conversation, engine.limits.steps, (tool) =>
      binder.offers(tool),
    )
    live.tools = tools
    const record = toolsRecord(tools)
    const bound = { endpoint: binding.target.endpoint, model: binding.model }
    return record === undefined ? bound : { ...bound, tools: record }
  }

  #step(live: LiveTurn, { input, place, continued }: AcceptedTurn): Step {
    const { steps, onContent } = this.#parts
    const { request, replyFeed, started } = live
    live.sendPolicy = live.bound?.conversation.sendPolicy ?? null
    return new Step(
      {
        request,
        replyFeed,
        bound: live.bound as Bound,
        input,
        place,
        tools: live.tools as TurnTools,
        stepsBefore: continued?.step ?? 0,
        usage: () => live.usage,
        onAsking: () => started.resolve(),
        onContent: () => onContent(live),
      },
      steps,
    )
  }

  async #accepted(
    start: TurnStart,
    live: LiveTurn,
    isBusy: boolean,
  ): Promise<AcceptedTurn | PlacedTurn> {
    const { store, options, sealer } = this.#parts
    const { request } = live
    const { input, inputMessageId, startWith, isBeside } = request
    const placement = {
      named: request.options.sendPolicy,
      byDefault: options.sendPolicy,
      isBusy,
      isBeside,
      limit: options.limits.queuedTurns,
      options: () => toStored(request.options, start.turnId, sealer),
      mayJoin: (turnId: string, stored: StoredTurnOptions) =>
        this.#mayJoin(request, turnId, stored),
      isLive: (turnId: string) => this.#parts.live.get(turnId) !== undefined,
    }
    if (input === undefined) {
      const continues = this.#continues(live)
      return await store.regenerateTurn({ ...start, inputMessageId, placement, continues })
    }
    const { role, parts } = input
    const { clientId, parentId } = request.options
    const messageId = options.newId()
    if (messageId === start.replyId) throw repeatedId()
    return await store.acceptTurn({
      ...start,
      messageId,
      role,
      parts,
      clientId,
      parentId,
      startWith,
      placement,
    })
  }

  #mayJoin({ options }: TurnRequest, turnId: string, stored: StoredTurnOptions): boolean {
    const live = this.#parts.live.get(turnId)
    if (live !== undefined) {
      const isWaiting = live.isQueued && !live.isWithdrawn && live.unusable === undefined
      const isFull = (live.queued?.messages.length ?? 0) >= INPUTS_PER_TURN
      return isWaiting && !isFull && haveSameOptions(options, live.request.options)
    }
    try {
      return haveSameOptions(options, fromStored(stored, turnId, this.#parts.sealer))
    } catch {
      // Its headers cannot be read any more: it will fail when it starts.
      return false
    }
  }

  /** A turn that cannot run tools has nothing to go on from, and looks for nothing. */
  #continues(live: LiveTurn): TurnContinue | undefined {
    const { options } = this.#parts
    const { request } = live
    if (request.continues !== true || !mayHaveSteps(options, request)) return undefined
    return {
      newId: options.newId,
      runsAgain: (name) => {
        const tool = live.tools?.tools.get(name)?.tool
        return typeof tool?.execute === 'function' && tool.afterCrash === 'again'
      },
    }
  }
}

/** True if a turn may have steps to go on from: only a turn whose tools were run has any. */
function mayHaveSteps({ tools }: ResolvedOptions, { options }: TurnRequest): boolean {
  return tools.size > 0 || options.tools instanceof Map
}
