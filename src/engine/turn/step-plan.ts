/**
 * The host's `prepareStep`: what one step is asked with, in place of what the turn was sent with.
 *
 * Never stored. Knows nothing of how a request is made.
 */
import * as v from 'valibot'
import { ColloquyError } from '../../protocol/errors.ts'
import type { Toolbox } from '../../tools/toolbox.ts'
import { checked, group, settings, text } from '../options/check.ts'
import type { PrepareStep, StepInfo, StepPlan } from '../options/options.ts'
import { toolChoice } from '../options/tool-schemas.ts'
import { quoted } from '../../protocol/quoted.ts'

export type { StepInfo, StepPlan }

const planSchema = group({
  tools: v.optional(v.array(v.string())),
  toolChoice: v.optional(toolChoice),
  model: v.optional(text),
  system: v.optional(v.string()),
  settings: v.optional(settings),
  stop: v.optional(v.boolean()),
})

/** @throws `prepare-failed` */
export async function stepPlan(
  ask: PrepareStep,
  info: StepInfo,
  tools: Toolbox,
): Promise<StepPlan> {
  let given: unknown
  try {
    given = await ask(info)
  } catch (cause) {
    throw new ColloquyError('prepare-failed', 'The prepareStep function threw.', { cause })
  }
  if (given === undefined) return {}
  const plan = checked(planSchema, given, 'The result of prepareStep', 'prepare-failed')
  const { toolChoice: choice } = plan
  const demanded = typeof choice === 'object' ? [choice.tool] : []
  const unknown = [...(plan.tools ?? []), ...demanded].find((name) => !tools.has(name))
  if (unknown === undefined) return plan
  throw new ColloquyError(
    'prepare-failed',
    `prepareStep named the tool ${quoted(unknown)}, which the turn does not have. It can only narrow the tools of the turn.`,
  )
}
