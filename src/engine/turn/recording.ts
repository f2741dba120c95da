/**
 * Records the beginning of a turn: writes its input or finds it, binds it, and makes its first step.
 *
 * The turn machine decides what follows. Knows nothing of states and subscribers.
 */
import type { Store } from '../../persistence/ports/store.ts'
import type { AcceptedTurn, TurnStart } from '../../persistence/ports/turn-store.ts'
import type { ConversationRecord } from '../../protocol/conversation.ts'
import { ColloquyError } from '../../protocol/errors.ts'
import type { Binder } from '../endpoints/binding.ts'
import type { ResolvedOptions } from '../options/resolve-options.ts'
import type { LiveTurn } from './live-turn.ts'
import { Step, type StepPort } from './step.ts'
import type { Bound, TurnRequest } from './turn-request.ts'

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
        return { endpoint: binding.target.endpoint, model: binding.model }
      },
    }
    const { input, place, changed } = await this.#accepted(start, request)
    live.changed = changed
    const bound = live.bound as Bound
    return new Step(
      { request, replyFeed, bound, input, place, onContent: () => onContent(live) },
      steps,
    )
  }

  async #accepted(start: TurnStart, request: TurnRequest): Promise<AcceptedTurn> {
    const { store, options } = this.#parts
    const { input, inputMessageId, startWith } = request
    if (input === undefined) return await store.regenerateTurn({ ...start, inputMessageId })
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
}

export function repeatedId(): ColloquyError {
  return new ColloquyError(
    'invalid-option',
    'The newId function of createEngine returned an id twice. Return another id with each call.',
  )
}
