/**
 * Records the beginning of a turn: writes its input or finds it, binds it, and makes its first step.
 *
 * The turn machine decides what follows. Knows nothing of states and subscribers.
 */
import type { Store } from '../../persistence/ports/store.ts'
import type { AcceptedTurn, TurnContinue, TurnStart } from '../../persistence/ports/turn-store.ts'
import type { ConversationRecord } from '../../protocol/conversation.ts'
import { ColloquyError } from '../../protocol/errors.ts'
import type { Binder } from '../endpoints/binding.ts'
import type { ResolvedOptions } from '../options/resolve-options.ts'
import type { LiveTurn } from './live-turn.ts'
import { Step, type StepPort } from './step.ts'
import type { Bound, TurnRequest } from './turn-request.ts'
import { toolsRecord, turnTools, type TurnTools } from './turn-tools.ts'

interface RecordingParts {
  readonly store: Store
  readonly binder: Binder
  readonly options: ResolvedOptions
  readonly steps: StepPort
  /** Called once, before the first content is delivered. */
  readonly onContent: (live: LiveTurn) => void
}

export class TurnRecording {
  readonly #parts: RecordingParts

  constructor(parts: RecordingParts) {
    this.#parts = parts
  }

  /** Rejects with the error with which the turn was refused. Nothing is stored then. */
  async write(live: LiveTurn): Promise<Step> {
    const { binder, options: engine, steps, onContent } = this.#parts
    const { request, replyFeed } = live
    const { turnId, replyId, conversationId, options } = request
    const start = {
      turnId,
      replyId,
      conversationId,
      viewer: request.viewer,
      metadata: options.metadata,
      idempotencyKey: options.idempotencyKey,
      at: new Date(engine.clock.now()),
      bind: (conversation: ConversationRecord) => {
        const binding = binder.bind({ ...options, purpose: 'chat', conversation })
        live.bound = { ...binding, conversation }
        const tools = turnTools(engine.tools, options, conversation, engine.limits.steps)
        live.tools = tools
        const record = toolsRecord(tools)
        const bound = { endpoint: binding.target.endpoint, model: binding.model }
        return record === undefined ? bound : { ...bound, tools: record }
      },
    }
    const { input, place, changed, continued } = await this.#accepted(start, live)
    live.changed = changed
    live.continued = continued
    const bound = live.bound as Bound
    return new Step(
      {
        request,
        replyFeed,
        bound,
        input,
        place,
        tools: live.tools as TurnTools,
        stepsBefore: continued?.step ?? 0,
        usage: () => live.usage,
        onContent: () => onContent(live),
      },
      steps,
    )
  }

  async #accepted(start: TurnStart, live: LiveTurn): Promise<AcceptedTurn> {
    const { store, options } = this.#parts
    const { request } = live
    const { input, inputMessageId, startWith } = request
    if (input === undefined) {
      const continues = this.#continues(live)
      return await store.regenerateTurn({ ...start, inputMessageId, continues })
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
    })
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
        return tool?.execute !== undefined && tool.afterCrash === 'again'
      },
    }
  }
}

/** True if a turn may have steps to go on from: only a turn whose tools were run has any. */
function mayHaveSteps({ tools }: ResolvedOptions, { options }: TurnRequest): boolean {
  return tools.size > 0 || options.tools instanceof Map
}

export function repeatedId(): ColloquyError {
  return new ColloquyError(
    'invalid-option',
    'The newId function of createEngine returned an id twice. Return another id with each call.',
  )
}
