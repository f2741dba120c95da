/**
 * The host's `prepareStep`: what one step is asked with, in place of what the turn was sent with.
 *
 * Never stored. Knows nothing of how a request is made.
 */
import * as v from 'valibot'
import { ColloquyError } from '../../../protocol/errors.ts'
import { quoted } from '../../../protocol/quoted.ts'
import type { Toolbox } from '../../../tools/toolbox.ts'
import { checked, group, settings, text } from '../../options/check.ts'
import type { PrepareStep, StepInfo, StepPlan } from '../../options/prepare.ts'
import { toolChoice } from '../../options/tool-schemas.ts'
import type { SteppedTurn } from './port.ts'

const planSchema = group({
  tools: v.optional(v.array(v.string())),
  toolChoice: v.optional(toolChoice),
  model: v.optional(text),
  system: v.optional(v.string()),
  settings: v.optional(settings),
  stop: v.optional(v.boolean()),
})

export class HostPlan {
  readonly #turn: SteppedTurn
  readonly #ask: PrepareStep | undefined
  #plan: StepPlan | undefined

  /** @param byDefault - the `prepareStep` of the engine, for a send that has none */
  constructor(turn: SteppedTurn, byDefault: PrepareStep | undefined) {
    this.#turn = turn
    this.#ask = turn.request.options.prepareStep ?? byDefault
  }

  /** The plan, once it is made. All attempts of the step have the same. */
  get plan(): StepPlan | undefined {
    return this.#plan
  }

  /** True if the host has a `prepareStep`. */
  get isWanted(): boolean {
    return this.#ask !== undefined
  }

  /**
   * Asks the host, which may be done once.
   *
   * @throws `prepare-failed`
   */
  async make(step: number, asked: Pick<StepInfo, 'endpoint' | 'model'>): Promise<StepPlan> {
    const { request, replyFeed, bound, tools, usage: usageSoFar } = this.#turn
    const parts = replyFeed.parts()
    const usage = usageSoFar()
    const info: StepInfo = {
      turnId: request.turnId,
      conversation: bound.conversation,
      ...asked,
      step,
      calls: parts.filter((part) => part.type === 'tool-call'),
      ...(usage !== undefined && { usage }),
    }
    this.#plan = await answerOf(this.#ask, info, tools.tools)
    return this.#plan
  }
}

async function answerOf(
  ask: PrepareStep | undefined,
  info: StepInfo,
  tools: Toolbox,
): Promise<StepPlan> {
  let given: unknown
  try {
    given = await ask?.(info)
  } catch (cause) {
    throw new ColloquyError('prepare-failed', 'The prepareStep function threw.', { cause })
  }
  if (given === undefined) return {}
  const plan = checked(planSchema, given, 'The result of prepareStep', 'prepare-failed')
  const { toolChoice: choice } = plan
  const demanded = typeof choice === 'object' ? [choice.tool] : []
  const unknown = [...(plan.tools ?? []), ...demanded].find((name) => !tools.has(name))
  if (unknown !== undefined) {
    throw new ColloquyError(
      'prepare-failed',
      `prepareStep named the tool ${quoted(unknown)}, which the turn does not have. It can only narrow the tools of the turn.`,
    )
  }
  const left = demanded.find((name) => plan.tools?.includes(name) === false)
  if (left === undefined) return plan
  throw new ColloquyError(
    'prepare-failed',
    `prepareStep chose the tool ${quoted(left)}, which it left out of tools. Name it there too, or choose another.`,
  )
}
