/**
 * The tools actor as the turn machine knows it: its input, its snapshot and its figures.
 *
 * Each step that runs tools has an actor of its own. Single tools are no actors. Has ids, counts and
 * names of tools, and never an input or an output. The engine provides the logic.
 */
import type { ActorLogic, ActorSystem, ActorSystemInfo, EventObject, Snapshot } from 'xstate'

/** The id of the actor in its turn. */
export const TOOLS_ACTOR_ID = 'tools'

export interface ToolsInput {
  readonly turnId: string
  /** The number of steps that the turn has asked. */
  readonly step: number
}

/**
 * What follows a step: `run`: its tools; `ask`: the next request; `wait`: an answer from outside; `end`:
 * the end of the turn.
 */
export type AfterStep = 'run' | 'ask' | 'wait' | 'end'

/** Reports of a step to the turn machine. */
export type ToolsReport =
  /** All calls have settled or wait, and the results are on disk. */
  | { readonly type: 'tools.settled'; readonly next: AfterStep }
  /** Another writer ended or deleted the turn. */
  | { readonly type: 'turn.lost' }

/** What an inspector sees of the calls of a step. */
export interface ToolsFigures {
  readonly step: number
  readonly pending: number
  readonly waiting: number
  readonly started: number
  readonly settled: number
  readonly failed: number
  readonly toolNames: readonly string[]
}

/** An XState snapshot, with the figures where a machine has its context. */
export type ToolsSnapshot = Snapshot<undefined> & {
  readonly input: ToolsInput
  readonly context: ToolsFigures
}

export type ToolsLogic = ActorLogic<
  ToolsSnapshot,
  EventObject,
  ToolsInput,
  ActorSystem<ActorSystemInfo>
>

/** Stands for the logic until the engine provides it. */
export const noTools: ToolsLogic = {
  getInitialSnapshot: () => {
    throw new Error('The turn machine needs tools: provide({ actors: { tools } }).')
  },
  transition: (snapshot) => snapshot,
  getPersistedSnapshot: (snapshot) => snapshot,
}
