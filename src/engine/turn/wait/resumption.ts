/**
 * The resumption of a waiting turn: one write lets it go on, with the answer if there is one, and the live
 * turn then has what a running turn has.
 *
 * Where the write is refused, the turn waits as before. Knows nothing of who wishes it, and of what
 * happens next.
 */
import type { TurnReport } from '../../../machines/turn-events.ts'
import type { Store } from '../../../persistence/ports/store.ts'
import { turnWaiting } from '../../../protocol/errors.ts'
import type { Binder } from '../../endpoints/binding.ts'
import { recordFault } from '../../options/logging.ts'
import type { ResolvedOptions } from '../../options/resolve-options.ts'
import type { StepCallsPort } from '../calls/port.ts'
import { decidedEvent } from '../calls/step-call.ts'
import { StepCalls } from '../calls/step-calls.ts'
import type { LiveTurn } from '../live-turn/live-turn.ts'
import type { ResumeWish, TurnInWait } from '../live-turn/turn-in-wait.ts'
import type { Checkpoints } from '../record/checkpointer.ts'
import type { TurnTools } from '../request/turn-tools.ts'
import type { StepPort } from '../step/port.ts'
import { Step } from '../step/step.ts'
import type { Rests } from './rests.ts'
import { boundAgain, type Rebinding } from './stored-turn-in-wait.ts'

interface ResumptionParts {
  readonly store: Store
  readonly options: ResolvedOptions
  readonly binder: Binder
  readonly checkpoints: Checkpoints
  readonly steps: StepPort
  readonly calls: StepCallsPort
  readonly rests: Rests
}

export class Resumption {
  readonly #parts: ResumptionParts

  constructor(parts: ResumptionParts) {
    this.#parts = parts
  }

  /** Writes that the turn goes on, and makes it live. Never rejects. */
  async restore(live: LiveTurn): Promise<TurnReport> {
    const { store, options } = this.#parts
    const { wait, turnId } = live
    const wish = wait?.wish
    if (wait === undefined || wish === undefined) return { type: 'turn.kept' }
    live.isResting = false
    this.#parts.rests.remove(live)
    let binding: Rebinding | undefined
    try {
      const resumed = await store.resumeTurn({
        turnId,
        viewer: wish.viewer,
        answer: wish.answer,
        at: new Date(options.steadyClock.now()),
        bind: (turn, conversation) => {
          binding = boundAgain(live, { turn, conversation, wish }, this.#parts)
        },
      })
      if (resumed === undefined || binding === undefined) return this.#keep(live, wish, undefined)
      const { turn, calls, answered } = resumed
      this.#goOn(live, wait, binding)
      live.calls = StepCalls.waited(
        { live, step: live.step as Step, port: this.#parts.calls },
        calls,
      )
      const { replyFeed } = live
      if (answered !== undefined && wish.answer?.kind === 'decision') {
        const decided = decidedEvent(answered)
        if (decided !== undefined) replyFeed.publish(decided, options.steadyClock)
      }
      replyFeed.publish({ type: 'turn.resumed', turn }, options.steadyClock)
      if (answered?.state === 'waiting') {
        replyFeed.publish({ type: 'output.needed', call: answered }, options.steadyClock)
        this.#parts.calls.expires(answered.expiresAt)
      }
      wish.end.resolve({ kind: 'resumed', answered })
      if (binding.failure !== undefined && wish.aim !== 'end') {
        live.fault = recordFault(
          binding.failure,
          options.logger,
          'A turn that waited could not be bound.',
        )
        return { type: 'turn.unbound' }
      }
      const { number, attempts } = wait.step
      const steps = number - wait.stepsBefore
      return { type: 'turn.restored', steps, failedAttempts: Math.max(0, attempts - steps) }
    } catch (error) {
      return this.#keep(live, wish, error)
    }
  }

  #keep(live: LiveTurn, { end }: ResumeWish, error: unknown): TurnReport {
    if (live.wait !== undefined) live.wait.wish = undefined
    live.rest()
    this.#parts.rests.add(live)
    live.cancels.reject(error ?? turnWaiting(live.turnId))
    end.resolve({ kind: 'kept', error })
    return { type: 'turn.kept' }
  }

  /** The live turn has what a running turn has. */
  #goOn(live: LiveTurn, wait: TurnInWait, { bound }: Rebinding): void {
    const { steps, checkpoints } = this.#parts
    const { request, replyFeed, started } = live
    live.bound = bound
    live.wait = undefined
    live.step = Step.finished(
      {
        request,
        replyFeed,
        bound,
        input: wait.input,
        place: wait.place,
        tools: live.tools as TurnTools,
        stepsBefore: wait.stepsBefore,
        usage: () => live.usage,
        onAsking: () => started.resolve(),
        onContent: () => checkpoints.begin(live),
      },
      steps,
      wait.step,
    )
    live.sendPolicy = bound.conversation.sendPolicy ?? null
    checkpoints.goOn(live, wait.pieces)
    replyFeed.goOn()
  }
}
