/**
 * Answers to waiting calls: checked, written once, and given to the turn.
 *
 * The first answer wins: each is one conditional write. What a caller may say is an id and an answer;
 * tool, turn and arguments are those of the row. Knows nothing of how a turn goes on.
 */
import type { Viewer } from '../../../persistence/ports/conversation-store.ts'
import type { Store } from '../../../persistence/ports/store.ts'
import type { CallAnswer, ExpiredCall, FoundCall } from '../../../persistence/ports/wait-store.ts'
import type { CallRecord, Decision } from '../../../protocol/call.ts'
import { ColloquyError, hasCode } from '../../../protocol/errors.ts'
import type { ReadyTool } from '../../../tools/toolbox.ts'
import { issuesOf } from '../../../tools/verdict.ts'
import type { DecisionOptions } from '../../api/turn-options.ts'
import type { Binder } from '../../endpoints/binding.ts'
import * as requests from '../../options/call-schemas.ts'
import { checked } from '../../options/check.ts'
import type { ResolvedOptions } from '../../options/resolve-options.ts'
import type { ResumeWish } from '../live-turn/turn-in-wait.ts'
import type { Turns } from '../turns.ts'
import { elsewhere } from '../wait/stored-turn-in-wait.ts'

interface AnswersParts {
  readonly store: Store
  readonly turns: Turns
  readonly binder: Binder
  readonly options: ResolvedOptions
}

/** More than this is no output of a client, in UTF-16 units of JSON. */
const LARGEST_OUTPUT = 8 * 1024 * 1024

export class Answers {
  readonly #parts: AnswersParts

  constructor(parts: AnswersParts) {
    this.#parts = parts
  }

  async decide(callId: string, given: DecisionOptions, viewer?: Viewer): Promise<Decision> {
    checked(requests.callId, callId, 'decide: call id')
    const decision = checked(requests.decision, given, 'decide')
    const { approved, by, reason } = decision
    if (!approved && decision.input !== undefined) {
      throw new ColloquyError(
        'invalid-option',
        'decide: input goes with approved: true only. Leave it out.',
      )
    }
    return await this.#answer(callId, viewer, async ({ call }) => {
      if (call.waitsFor === 'output') return { outcome: 'already-decided', call }
      const tool = this.#toolOf(call)
      const givenInput = approved ? await this.#givenInput(decision.input, tool) : undefined
      if (approved) this.#assertMayRun(tool)
      const output = approved && tool?.tool.execute === 'client' ? this.#outputWait() : undefined
      const answer = { kind: 'decision', callId, approved, by, reason, givenInput, output } as const
      return { answer, aim: approved ? 'yes' : 'no' }
    })
  }

  async supply(callId: string, given: unknown, viewer?: Viewer): Promise<Decision> {
    checked(requests.callId, callId, 'supply: call id')
    const outcome = checked(requests.supplied, given, 'supply: the outcome')
    if ('output' in outcome && JSON.stringify(outcome.output).length > LARGEST_OUTPUT) {
      throw new ColloquyError('invalid-option', 'supply: the output is longer than 8 MiB.')
    }
    const { store, options } = this.#parts
    const { call } = await store.findCall(callId, viewer)
    if (call.state === 'unknown') {
      const at = new Date(options.clock.now())
      const supplied = await store.supplyCall(callId, outcome, at, viewer)
      return { outcome: supplied.isTaken ? 'decided' : 'already-decided', call: supplied.call }
    }
    return await this.#answer(callId, viewer, ({ call: found }) => {
      if (found.waitsFor === 'decision') {
        throw new ColloquyError(
          'invalid-option',
          'supply: this call needs a decision first. Call engine.decide().',
        )
      }
      return { answer: { kind: 'output', callId, outcome }, aim: 'yes' }
    })
  }

  /** Nobody answered in time. */
  async expire({ callId }: ExpiredCall): Promise<void> {
    try {
      await this.#answer(callId, undefined, () => ({
        answer: { kind: 'expiry', callId },
        aim: 'no',
      }))
    } catch (error) {
      // Its conversation was deleted meanwhile.
      if (!hasCode(error, 'call-not-found')) throw error
    }
  }

  /**
   * Writes an answer to a call, whether its turn runs or waits. Looks anew where both change in between.
   *
   * @param make - makes the answer to a call that waits, or says why it needs none
   */
  async #answer(
    callId: string,
    viewer: Viewer | undefined,
    make: (found: FoundCall) => Wanted | Promise<Wanted>,
  ): Promise<Decision> {
    const { store, turns, options } = this.#parts
    for (;;) {
      const found = await store.findCall(callId, viewer)
      const { call, turnStatus } = found
      const wanted = call.state === 'waiting' ? await make(found) : settledAs(found)
      if ('outcome' in wanted) return wanted
      const { answer, aim } = wanted
      const running = turnStatus === 'waiting' ? undefined : turns.find(call.turnId)
      // Its end is decided, and only waits for the disk.
      if (running?.stoppedCalls !== undefined) return { outcome: 'turn-ended', call }
      const now = options.steadyClock.now()
      const isLate = call.expiresAt !== undefined && call.expiresAt.getTime() <= now
      if (isLate && answer.kind !== 'expiry') {
        await this.expire({ callId, turnId: call.turnId })
        continue
      }
      // An opening has put it back: it goes on with the decision that it had.
      const isDecided = call.approved !== undefined && call.waitsFor === 'decision'
      if (turnStatus === 'waiting') {
        const live = await turns.waiting.reach(call.turnId, viewer)
        if (live === undefined) continue
        const wish = isDecided ? { aim: 'yes' as const } : { answer, aim }
        const end = await turns.waiting.resume(live, { ...wish, viewer })
        if (end === 'again') continue
        if (end.kind === 'kept') {
          if (end.error !== undefined) throw end.error
          continue
        }
        if (isDecided) return { outcome: 'already-decided', call }
        return { outcome: 'decided', call: end.answered ?? call }
      }
      if (aim === 'yes') this.#assertAsks(running?.asked?.endpoint)
      const answered = await store.answerCall(answer, new Date(now), viewer)
      if (!answered.isTaken) continue
      turns.find(call.turnId)?.calls?.answered(answered.call)
      return { outcome: 'decided', call: answered.call }
    }
  }

  #toolOf(call: CallRecord): ReadyTool | undefined {
    const { turns, options } = this.#parts
    const tools = turns.find(call.turnId)?.tools?.tools ?? options.tools
    return tools.get(call.toolName)
  }

  /** @throws `invalid-input` */
  async #givenInput(
    input: unknown,
    tool: ReadyTool | undefined,
  ): Promise<{ readonly value: unknown } | undefined> {
    if (input === undefined) return undefined
    const { toolInputBytes } = this.#parts.options.limits
    if (JSON.stringify(input).length > toolInputBytes) {
      throw new ColloquyError(
        'invalid-input',
        `decide: the input is longer than limits.toolInputBytes, ${toolInputBytes} characters.`,
      )
    }
    const issues = tool && (await issuesOf(tool, input))
    if (issues === undefined) return { value: input }
    throw new ColloquyError(
      'invalid-input',
      `decide: the input does not fit the schema of the tool. Nothing was changed.\n${issues}`,
    )
  }

  /** @throws `airplane-mode` */
  #assertMayRun(tool: ReadyTool | undefined): void {
    if (tool === undefined || this.#parts.binder.offers(tool)) return
    throw new ColloquyError(
      'airplane-mode',
      'Airplane mode is on, and this tool is not local. Switch the mode off to approve the call, or deny it.',
    )
  }

  /** @throws `airplane-mode` */
  #assertAsks(endpoint: string | undefined): void {
    if (endpoint !== undefined && !this.#parts.binder.allows(endpoint)) throw elsewhere(endpoint)
  }

  #outputWait(): { readonly expiresAt?: Date } {
    const { steadyClock, timeouts } = this.#parts.options
    const { approvalMs } = timeouts
    return approvalMs === Infinity ? {} : { expiresAt: new Date(steadyClock.now() + approvalMs) }
  }
}

/** The answer to write, or the outcome of a call that needs none. */
type Wanted = { readonly answer: CallAnswer; readonly aim: ResumeWish['aim'] } | Decision

/** The outcome of an answer to a call that does not wait. */
function settledAs({ call }: FoundCall): Decision {
  const { state, approved, waitsFor } = call
  if (state === 'expired') return { outcome: 'expired', call }
  const isOver = state === 'not-run' || state === 'denied'
  const wasOpen = waitsFor === 'output' ? state === 'not-run' : approved === undefined && isOver
  return { outcome: wasOpen && waitsFor !== undefined ? 'turn-ended' : 'already-decided', call }
}
