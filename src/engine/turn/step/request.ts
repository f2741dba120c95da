/**
 * The request of a step: the tools that it offers, what the host's `prepare` makes of the messages, and
 * the same once more, to count its tokens.
 *
 * Knows nothing of attempts and of how a request is sent.
 */
import type { Message } from '../../../protocol/message.ts'
import type { ToolChoice } from '../../../protocol/tool.ts'
import type { Toolbox } from '../../../tools/toolbox.ts'
import type { ReplyRequest } from '../../../transport/reply-request.ts'
import type { Route } from '../../endpoints/binding.ts'
import type { StepPlan } from '../../options/prepare.ts'
import type { ResolvedOptions } from '../../options/resolve-options.ts'
import { offered } from '../request/turn-tools.ts'
import type { StepPort, SteppedTurn } from './port.ts'
import { replyRequest } from './reply-request.ts'

/** The step, as far as its request depends on it. */
interface Asking {
  readonly step: number
  readonly route: Route
  /** The host's plan, if it has one. */
  readonly plan: StepPlan | undefined
  /** The tools to ask with, whatever the mode. */
  readonly tools: Toolbox
  readonly toolChoice: ToolChoice | undefined
}

export class StepRequest {
  readonly #turn: SteppedTurn
  readonly #port: StepPort
  /** The result of the host's `prepare`, kept only where usage may be estimated from it. */
  #prepared: readonly Message[] | undefined

  constructor(turn: SteppedTurn, port: StepPort) {
    this.#turn = turn
    this.#port = port
  }

  /** @throws `prepare-failed`, `invalid-input`, `database-failed` */
  build(asking: Asking): Promise<ReplyRequest> {
    return this.#built(asking, this.#prepare)
  }

  /** The request as it was built last. */
  again(asking: Asking): Promise<ReplyRequest> {
    const prepared = this.#prepared
    return this.#built(asking, prepared && (() => prepared))
  }

  #built(
    { step, route, plan, tools, toolChoice }: Asking,
    prepare: ResolvedOptions['prepare'],
  ): Promise<ReplyRequest> {
    const { store, binder } = this.#port
    const { request, bound, input, place, replyFeed } = this.#turn
    const some = offered(tools, (tool) => binder.offers(tool))
    // Airplane mode, or the host's prepareStep, may have left it out since it was chosen.
    const isGone = typeof toolChoice === 'object' && !Object.hasOwn(some ?? {}, toolChoice.tool)
    return replyRequest({
      request,
      bound,
      route,
      input,
      place,
      store,
      prepare,
      step,
      plan,
      running: step === 1 ? [] : replyFeed.parts().slice(0, replyFeed.stepStart),
      tools: some,
      toolChoice: isGone ? undefined : toolChoice,
    })
  }

  /**
   * The host's `prepare`. If usage may be estimated, its result is kept while the turn runs, since a
   * second call could return another result. Without `prepare` nothing is kept: the messages that
   * were sent can be read again.
   */
  get #prepare(): ResolvedOptions['prepare'] {
    const { prepare, usageOnCancel } = this.#port.options
    if (prepare === undefined || usageOnCancel !== 'estimate') return prepare
    return async (messages, turn) => (this.#prepared = await prepare(messages, turn))
  }
}
