/**
 * The calls of a step that need an answer: how they make their turn wait, or are denied where the user
 * writes something else.
 *
 * Knows nothing of how an answer is checked, and of how a turn goes on after a wait.
 */
import type { TurnReport } from '../../../machines/turn-events.ts'
import type { CallRecord } from '../../../protocol/call.ts'
import { deniedOutcome } from '../../../protocol/call-outcome.ts'
import type { TurnRecord } from '../../../protocol/turn.ts'
import type { LiveTurn } from '../live-turn/live-turn.ts'
import { waitMark } from '../record/wait-mark.ts'
import type { CallEvents } from './events.ts'
import type { CallList } from './list.ts'
import type { StepCallsPort } from './port.ts'
import type { CallWrites } from './writes.ts'

/** Why calls are denied that wait when a further input takes over. */
const STEERED = 'The user wrote something else.'

interface CallWaitsParts {
  readonly live: LiveTurn
  readonly port: StepCallsPort
  readonly calls: CallList
  readonly writes: CallWrites
  readonly events: CallEvents
  /** The row of a call has an answer. */
  readonly answered: (record: CallRecord) => void
  /** Another writer ended or deleted the turn. */
  readonly lost: () => void
}

export class CallWaits {
  readonly #parts: CallWaitsParts

  constructor(parts: CallWaitsParts) {
    this.#parts = parts
  }

  /** True if only answers are missing, and the user wrote something else. */
  get areSteered(): boolean {
    const { live, port, calls } = this.#parts
    return calls.onlyWaits && port.steeredBy(live) !== undefined
  }

  /** Denies the calls that would wait, before they are on disk. */
  denyUnwritten(): void {
    const { calls, events } = this.#parts
    for (const call of calls.waiting) {
      call.state = 'denied'
      events.result(call, deniedOutcome(STEERED))
    }
    events.show()
  }

  /** Denies the calls that wait, unless an answer came first. */
  async deny(): Promise<void> {
    const { port, calls, writes, answered: tell, lost } = this.#parts
    const { store, options } = port
    for (const { record } of calls.waiting) {
      const { callId } = record
      const at = new Date(options.steadyClock.now())
      const answer = { kind: 'steering', callId, reason: STEERED } as const
      const answered = await writes.written(() => store.answerCall(answer, at))
      if (answered === undefined) return
      // The turn is no longer ours.
      if (answered.call.state === 'waiting') return lost()
      tell(answered.call)
    }
  }

  /** Writes that the turn waits. Returns `undefined` if the calls were stopped meanwhile. */
  async save(): Promise<TurnReport | undefined> {
    const { live, port, calls, writes } = this.#parts
    const { store, sealer } = port
    live.replyFeed.hush()
    const count = calls.waiting.length
    // An answer came before the write.
    if (!calls.onlyWaits || port.steeredBy(live) !== undefined) return { type: 'wait.changed' }
    // After the write: a snapshot, and that the turn waits.
    const mark = waitMark(live, sealer, 2)
    const result = await writes.written(() =>
      store.waitTurn({ turnId: live.turnId, calls: count, ...mark }),
    )
    if (writes.isStopped || result === undefined) return undefined
    if (result === 'lost') return { type: 'turn.lost' }
    if (result === 'changed') return { type: 'wait.changed' }
    live.waitRecord = await this.storedTurn()
    return writes.isStopped ? undefined : { type: 'wait.saved' }
  }

  /** What subscribers are told of the turn that waits. */
  async storedTurn(): Promise<TurnRecord | undefined> {
    const { live, port, writes } = this.#parts
    return await writes.written(() => port.store.getTurn(live.turnId))
  }
}
