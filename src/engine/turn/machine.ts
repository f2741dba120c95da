/**
 * The conversation machine, provided with the real actions and actors of its turns.
 *
 * The machines say when to record, ask, seal, save and settle. Each action finds the live turn by its
 * id, and leaves the work to the part of the engine that knows how. Decides nothing: every result goes
 * back to the machine as an event.
 */
import { conversationMachine } from '../../machines/conversation.ts'
import type { ToolsFigures } from '../../machines/tools-actor.ts'
import type {
  CancelAnswer,
  EnteredPhase,
  Outcome,
  TurnReport,
  TurnResult,
} from '../../machines/turn-events.ts'
import { type TurnInput, turnMachine } from '../../machines/turn.ts'
import type { TurnStore } from '../../persistence/ports/turn-store.ts'
import { startTimer } from '../../protocol/clock.ts'
import type { ColloquyErrorCode } from '../../protocol/errors.ts'
import { toolsLogic, type ToolsPort } from '../actors/tools-actor.ts'
import { transportLogic, type TransportPort } from '../actors/transport-actor.ts'
import { recordFault } from '../options/logging.ts'
import type { ResolvedOptions } from '../options/resolve-options.ts'
import type { TurnBeginning } from './beginning.ts'
import type { StepCallsPort } from './calls/port.ts'
import { recordStep } from './calls/step-calls.ts'
import type { TurnConclusion } from './conclusion.ts'
import type { LiveTurn } from './live-turn/live-turn.ts'
import type { LiveTurns } from './live-turn/live-turns.ts'
import { phaseReport } from './live-turn/phase.ts'
import type { TurnQueue } from './queue/queue.ts'
import type { QueueWrites } from './queue/writes.ts'
import type { TurnEnding } from './record/ending.ts'
import { noFigures } from './step/exchange.ts'
import type { WaitingTurns } from './wait/waiting-turns.ts'

interface MachineParts {
  readonly store: Pick<TurnStore, 'withdrawTurn'>
  readonly options: ResolvedOptions
  readonly live: LiveTurns
  readonly beginning: TurnBeginning
  readonly calls: StepCallsPort
  readonly waiting: WaitingTurns
  readonly ending: TurnEnding
  readonly conclusion: TurnConclusion
  readonly queue: TurnQueue
  readonly queueWrites: QueueWrites
}

/** The actor of a turn, as the work that it started sees it. */
interface Receiver {
  send(report: TurnReport): void
  getSnapshot(): { readonly status: string }
}

type Report = (report: TurnReport) => void

interface Sealing {
  readonly outcome: Outcome
  readonly code?: ColloquyErrorCode
}

interface SaveFailure {
  readonly failures: number
  readonly retryInMs: number
}

export function providedMachine(parts: MachineParts): typeof conversationMachine {
  const { live: all, queue, queueWrites, beginning, conclusion } = parts
  /** A turn that has left memory has nothing to do. */
  const withTurn = (turnId: string, use: (live: LiveTurn) => void): void => {
    const live = all.get(turnId)
    if (live !== undefined) use(live)
  }
  return conversationMachine.provide({
    actors: { turn: providedTurnMachine(parts, withTurn) },
    actions: {
      queueTurn: ({ self }, { turnId }) =>
        withTurn(turnId, (live) => void queueWrites.write(live, self)),
      withdrawQueued: (_, { turnId, request, index }) =>
        withTurn(turnId, (live) => {
          live.cancels.answer({ request, outcome: 'cancelled', from: 'queued' })
          queueWrites.withdraw(live, index)
        }),
      replaceQueued: (_, { turnIds }) =>
        queueWrites.replace(turnIds.map((turnId) => all.get(turnId))),
      tellQueue: (_, report) => queue.tell(report),
      tellHeld: (_, report) => {
        if (report.turnIds.length > 0) queue.tell(report)
      },
      refuseSend: (_, { turnId }) => withTurn(turnId, (live) => beginning.refuseSecond(live)),
      refuseCancel: ({ context }, { request }) =>
        withTurn(context.turnId, (live) =>
          live.cancels.answer({ request, outcome: 'not-running', from: 'streaming' }),
        ),
      abandonTurn: (_, { turnId, error }) =>
        withTurn(turnId, (live) => void conclusion.abandon(live, error)),
    },
  })
}

function providedTurnMachine(
  parts: MachineParts,
  withTurn: (turnId: string, use: (live: LiveTurn) => void) => void,
): typeof turnMachine {
  const { store, options, live: all, beginning, calls, waiting, ending, conclusion, queue } = parts
  const act =
    <P = unknown>(use: (live: LiveTurn, params: P) => void) =>
    ({ context }: { context: TurnInput }, params: P) =>
      withTurn(context.turnId, (live) => use(live, params))
  /** An action whose result goes back to the machine. */
  const work =
    (begin: (live: LiveTurn, report: Report) => void) =>
    ({ context, self }: { context: TurnInput; self: Receiver }) =>
      withTurn(context.turnId, (live) => begin(live, reportTo(self)))
  const fails = (message: string) =>
    act((live, { error }: { error: unknown }) => {
      live.fault = recordFault(error, options.logger, message)
    })
  /** Reports the result of a write, if it has one. If ids or a clock of the host failed, the turn must end. */
  const writes = (
    write: (live: LiveTurn) => Promise<TurnReport | undefined> | undefined,
    fault: string,
  ) =>
    work((live, report) => {
      write(live)?.then(
        (result) => {
          if (result !== undefined) report(result)
        },
        (error: unknown) => {
          live.fault = recordFault(error, options.logger, fault)
          report({ type: 'turn.lost' })
        },
      )
    })
  const reportFailure = act((live, { failures, retryInMs }: SaveFailure) =>
    ending.reportFailure(live, failures, retryInMs),
  )
  return turnMachine.provide({
    actors: {
      transport: transportLogic(transportPort(all)),
      tools: toolsLogic(toolsPort(all)),
    },
    actions: {
      record: ({ context, self }) => beginning.record(context.turnId, reportTo(self)),
      accept: act((live) => beginning.accept(live)),
      refuse: act((live) => beginning.refuse(live)),
      enqueue: act((live) => {
        if (live.placing !== undefined) queue.placed(live, live.placing)
      }),
      withdraw: ({ context }) => store.withdrawTurn(context.turnId),
      startTimer: work((live, report) => {
        const { clock, timeouts } = options
        live.timer = startTimer(clock, timeouts.turnMs, () => report({ type: 'turn.timed-out' }))
      }),
      stopTimer: act((live) => options.steadyClock.clearTimeout(live.timer)),
      failTransport: fails('A transport actor failed.'),
      failTools: fails('A tools actor failed.'),
      recordStep: writes((live) => recordStep(live, calls), 'A step could not be recorded.'),
      reportRecordFailure: reportFailure,
      tellPhase: act((live, entered: EnteredPhase) =>
        live.replyFeed.enter(phaseReport(live, entered, () => options.steadyClock.now())),
      ),
      backOff: act((live) => live.step?.backOff()),
      flush: act((live) => live.step?.flush()),
      seal: act((live, { outcome, code }: Sealing) => conclusion.seal(live, outcome, code)),
      answerCancel: act((live, answer: CancelAnswer) => live.cancels.answer(answer)),
      saveWait: writes((live) => live.calls?.saveWait(), 'A turn could not be let wait.'),
      restore: work((live, report) => {
        all.run(live)
        void waiting.restore(live).then(report)
      }),
      save: work((live, report) => void ending.save(live).then(report)),
      reportSaveFailure: reportFailure,
      settle: act((live, { result }: { result: TurnResult }) => conclusion.settle(live, result)),
    },
  })
}

function transportPort(all: LiveTurns): TransportPort {
  return {
    start: ({ turnId, attempt }, reports) => void all.get(turnId)?.step?.start(attempt, reports),
    stop: ({ turnId }) => all.get(turnId)?.step?.abort(),
    figures: ({ turnId, attempt }) => all.get(turnId)?.step?.figures(attempt) ?? noFigures(attempt),
  }
}

function toolsPort(all: LiveTurns): ToolsPort {
  return {
    start: ({ turnId }, report) => all.get(turnId)?.calls?.start(report),
    figures: ({ turnId, step }) => all.get(turnId)?.calls?.figures() ?? noCalls(step),
  }
}

function noCalls(step: number): ToolsFigures {
  return { step, pending: 0, waiting: 0, started: 0, settled: 0, failed: 0, toolNames: [] }
}

/**
 * Sends reports to the machine of a turn while it is active. Work may end after its machine gave up
 * or failed: that report is dropped.
 */
function reportTo(turn: Receiver): Report {
  return (report) => {
    if (turn.getSnapshot().status === 'active') turn.send(report)
  }
}
