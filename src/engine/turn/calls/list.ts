/**
 * The calls of a step as a list: which there are, and how many of them wait, run, or have a result.
 *
 * A step brings its calls when its request ends. Calls of an earlier turn may run again, and the calls of
 * a turn that waited come from their rows. Knows nothing of when a call is judged, run or written.
 */
import type { ToolsFigures } from '../../../machines/tools-actor.ts'
import type { CallEnd } from '../../../persistence/ports/call-write.ts'
import type { ContinuedTurn } from '../../../persistence/ports/turn-store.ts'
import type { CallRecord } from '../../../protocol/call.ts'
import type { Part } from '../../../protocol/message.ts'
import type { CallProgress, CallState } from '../../../protocol/tool.ts'
import type { ReadyTool } from '../../../tools/toolbox.ts'
import type { LiveTurn } from '../live-turn/live-turn.ts'
import type { CallProgressTimer } from './progress.ts'
import { type Begun, isOpen, MAY_START, progressOf, type StepCall, stepCall } from './step-call.ts'

interface CallListParts {
  readonly live: LiveTurn
  /** Makes the timer for the progress of a call. */
  readonly timer: (call: Begun['record']) => CallProgressTimer
}

export class CallList {
  readonly all: readonly StepCall[]
  /** True if the step has calls that the host answers. They are not in the list, and have no rows. */
  readonly hasHostCalls: boolean

  /** The calls of a step that has finished. */
  static finished(parts: CallListParts, newId: () => string): CallList {
    return CallList.#ofEngine(begun(finishedCalls(parts.live.replyFeed.stepParts(), newId), parts))
  }

  /** The calls of an earlier turn that are run again. They are on disk as started. */
  static again(parts: CallListParts, { again }: Pick<ContinuedTurn, 'again'>): CallList {
    return CallList.#ofEngine(begun(joined(parts.live.replyFeed.parts(), again), parts, true))
  }

  /** The calls of a turn that goes on after a wait, as their rows have them. */
  static waited(parts: CallListParts, stored: readonly CallRecord[]): CallList {
    const { replyFeed, tools } = parts.live
    const records = stored.map((record, index) => ({ ...record, n: index + 1 }))
    const calls = begun(joined(replyFeed.parts(), records), parts)
    // Only the reply shows that there are calls that the host answers.
    const hasHostCalls = replyFeed.stepParts().some((part) => {
      return part.type === 'tool-call' && isHosts({ tool: tools?.tools.get(part.toolName) })
    })
    return new CallList(calls, hasHostCalls || calls.some(isHosts))
  }

  static #ofEngine(calls: readonly StepCall[]): CallList {
    const own = calls.filter((call) => !isHosts(call))
    return new CallList(own, own.length < calls.length)
  }

  private constructor(all: readonly StepCall[], hasHostCalls: boolean) {
    this.all = all
    this.hasHostCalls = hasHostCalls
  }

  find(callId: string): StepCall | undefined {
    return this.all.find(({ record }) => record.callId === callId)
  }

  /** The calls that need an answer. */
  get waiting(): readonly StepCall[] {
    return this.all.filter(({ state }) => state === 'waiting')
  }

  /** True once each call has a result. */
  get isOver(): boolean {
    return !this.all.some(isOpen)
  }

  /** True if nothing runs or will, and a call needs an answer. */
  get onlyWaits(): boolean {
    return this.waiting.length > 0 && !this.all.some(({ state }) => MAY_START.has(state))
  }

  /** The ends that are not on disk. */
  get unsaved(): readonly CallEnd[] {
    return this.all.flatMap(({ record, state, code, isSaved, isEndOnDisk }) =>
      isSaved || isEndOnDisk || MAY_START.has(state)
        ? []
        : [{ callId: record.callId, state, code }],
    )
  }

  /** The calls as snapshots show them. */
  get progress(): readonly CallProgress[] {
    return this.all.map(progressOf)
  }

  /** @param step - the number of the step that made the calls */
  figures(step: number): ToolsFigures {
    const { all } = this
    const count = (...states: readonly CallState[]) =>
      all.filter(({ state }) => states.includes(state)).length
    const started = all.filter(({ state, run }) => state === 'started' && run).length
    const waiting = count('waiting')
    const open = count('pending', 'started')
    return {
      step,
      pending: open - started,
      waiting,
      started,
      settled: all.length - open - waiting,
      failed: count('failed'),
      toolNames: [...new Set(all.map(({ part }) => part.toolName))],
    }
  }
}

/** Returns true for a call of a tool that the host runs by itself. */
function isHosts({ tool }: { readonly tool: ReadyTool | undefined }): boolean {
  return tool !== undefined && tool.tool.execute === undefined
}

function begun(
  calls: readonly Begun[],
  { live, timer }: CallListParts,
  isAgain = false,
): readonly StepCall[] {
  return calls.map((call) => stepCall(call, live.tools?.tools, timer(call.record), isAgain))
}

function finishedCalls(parts: readonly Part[], newId: () => string): readonly Begun[] {
  return parts
    .filter((part) => part.type === 'tool-call')
    .map((part, index) => {
      const { toolCallId, toolName } = part
      const callId = newId()
      const names = { callId, toolCallId, toolName, idempotencyKey: callId }
      return { part, record: { ...names, n: index + 1, attempt: 1 } }
    })
}

/** The calls with their parts of the reply. */
function joined(
  parts: readonly Part[],
  calls: readonly (Begun['record'] & Pick<CallRecord, 'givenInput'>)[],
): readonly Begun[] {
  const byId = new Map(
    parts.flatMap((part) => (part.type === 'tool-call' ? [[part.toolCallId, part] as const] : [])),
  )
  return calls.flatMap((record) => {
    const part = byId.get(record.toolCallId)
    if (part === undefined) return []
    const { givenInput } = record
    return [{ part, record, given: givenInput === undefined ? undefined : { value: givenInput } }]
  })
}
