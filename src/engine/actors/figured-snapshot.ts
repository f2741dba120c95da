/**
 * The snapshots of an actor whose state is elsewhere: they have figures where a machine has its context.
 *
 * Knows nothing of what the figures count.
 */
import type { Snapshot } from 'xstate'

type Figured<Input, Figures> = Snapshot<undefined> & {
  readonly input: Input
  readonly context: Figures
}

/** Figures are made when somebody looks: the context is an accessor. */
export function activeSnapshot<Input, Figures>(
  input: Input,
  figures: (input: Input) => Figures,
): Figured<Input, Figures> {
  return {
    status: 'active',
    output: undefined,
    error: undefined,
    input,
    get context() {
      return figures(input)
    },
  }
}

/** The snapshot of a stopped actor has a copy of the figures, and does not change any more. */
export function stoppedSnapshot<Input, Figures>(
  input: Input,
  figures: (input: Input) => Figures,
): Figured<Input, Figures> {
  const context = figures(input)
  return { status: 'stopped', output: undefined, error: undefined, input, context }
}
