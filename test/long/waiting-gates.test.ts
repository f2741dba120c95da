/** Kills a process at each write of a wait and of its end, in each dialect, and looks at what an opening finds. */
import { describe, expect, onTestFinished, test } from 'vitest'
import {
  createEngine,
  type CallRecord,
  type Decision,
  type Engine,
  type Turn,
} from '../../src/index.ts'
import { testProvider } from '../support/engine.ts'
import { ticks } from '../support/waiting.ts'
import { calling } from '../engine/tools/tool-chat.ts'
import {
  DIALECTS,
  expectAccepted,
  expectOneResultEach,
  type HostAnswer,
  killedAt,
} from './gated-host.ts'
import { entriesOf, ledgerTools } from './ledger-tools.ts'

interface Row {
  readonly moment: string
  readonly calls: readonly string[]
  /** What the host did with the first call that waited. */
  readonly answer?: HostAnswer
  /** The state of the turn after the opening. */
  readonly status: 'waiting' | 'interrupted'
  readonly states: readonly string[]
  /** The tools that left their line before the kill. */
  readonly ran?: readonly string[]
  /** What the next engine says to the same answer. By default nobody answers again. */
  readonly outcome?: Decision['outcome']
  /** The tools that run when the turn goes on, or is retried. */
  readonly runsThen?: readonly string[]
}

/** The table of crashes, by the moment of the kill. */
const ROWS: readonly Row[] = [
  {
    moment: 'before the step is committed',
    calls: ['ask'],
    status: 'interrupted',
    states: [],
    // The model is asked anew, so this is another call.
    runsThen: ['ask'],
  },
  {
    moment: 'the step is committed',
    calls: ['ask', 'client'],
    status: 'waiting',
    states: ['waiting', 'waiting'],
    runsThen: ['ask'],
  },
  {
    moment: 'before the wait is committed',
    calls: ['ask', 'report', 'client'],
    status: 'interrupted',
    states: ['not-run', 'finished', 'not-run'],
    ran: ['report'],
  },
  {
    moment: 'the wait is committed',
    calls: ['ask', 'report', 'client'],
    status: 'waiting',
    states: ['waiting', 'finished', 'waiting'],
    ran: ['report'],
    runsThen: ['ask'],
  },
  {
    // A decision was made in this step, so it is asked for no second time.
    moment: 'before the wait is committed',
    calls: ['ask', 'ask'],
    answer: 'yes',
    status: 'waiting',
    states: ['finished', 'waiting'],
    ran: ['ask'],
    outcome: 'already-decided',
    runsThen: ['ask'],
  },
  {
    moment: 'before the resume is committed',
    calls: ['ask'],
    answer: 'yes',
    status: 'waiting',
    states: ['waiting'],
    outcome: 'decided',
    runsThen: ['ask'],
  },
  {
    moment: 'the resume is committed',
    calls: ['ask', 'ask'],
    answer: 'yes',
    status: 'waiting',
    states: ['waiting', 'waiting'],
    outcome: 'already-decided',
    runsThen: ['ask', 'ask'],
  },
  {
    moment: 'before the start is committed',
    calls: ['ask'],
    answer: 'yes',
    status: 'waiting',
    states: ['waiting'],
    outcome: 'already-decided',
    runsThen: ['ask'],
  },
  {
    moment: 'the start is committed',
    calls: ['ask', 'ask'],
    answer: 'yes',
    status: 'interrupted',
    states: ['unknown', 'not-run'],
    outcome: 'already-decided',
  },
  {
    moment: 'a tool took effect',
    calls: ['ask'],
    answer: 'yes',
    status: 'interrupted',
    states: ['unknown'],
    ran: ['ask'],
    outcome: 'already-decided',
  },
  {
    moment: 'before the resume is committed',
    calls: ['ask'],
    answer: 'no',
    status: 'waiting',
    states: ['waiting'],
    outcome: 'decided',
  },
  {
    moment: 'the resume is committed',
    calls: ['ask'],
    answer: 'no',
    status: 'interrupted',
    states: ['denied'],
    outcome: 'already-decided',
  },
  {
    moment: 'before the resume is committed',
    calls: ['client'],
    answer: 'output',
    status: 'waiting',
    states: ['waiting'],
    outcome: 'decided',
  },
  {
    moment: 'the resume is committed',
    calls: ['client'],
    answer: 'output',
    status: 'interrupted',
    states: ['finished'],
    outcome: 'already-decided',
  },
  {
    moment: 'the resume is committed',
    calls: ['client', 'ask'],
    answer: 'output',
    status: 'waiting',
    states: ['finished', 'waiting'],
    outcome: 'already-decided',
    runsThen: ['ask'],
  },
  {
    moment: 'the resume is committed',
    calls: ['ask', 'ask'],
    answer: 'no',
    status: 'waiting',
    states: ['denied', 'waiting'],
    outcome: 'already-decided',
    runsThen: ['ask'],
  },
  {
    moment: 'before the resume is committed',
    calls: ['ask'],
    answer: 'cancel',
    status: 'waiting',
    states: ['waiting'],
    runsThen: ['ask'],
  },
  {
    moment: 'the resume is committed',
    calls: ['ask'],
    answer: 'cancel',
    status: 'interrupted',
    states: ['not-run'],
  },
  {
    moment: 'before the decision is committed',
    calls: ['slow', 'ask'],
    answer: 'yes',
    status: 'interrupted',
    states: ['unknown', 'not-run'],
    outcome: 'turn-ended',
  },
  {
    moment: 'the decision is committed',
    calls: ['slow', 'ask'],
    answer: 'yes',
    status: 'interrupted',
    states: ['unknown', 'not-run'],
    outcome: 'already-decided',
  },
]

const ENDS = new Set(['done', 'cancelled', 'failed', 'interrupted'])

async function answer(engine: Engine, call: CallRecord, given: HostAnswer): Promise<Decision> {
  if (given === 'output') return await engine.supply(call.callId, { output: 'seen' })
  return await engine.decide(call.callId, { approved: given === 'yes' })
}

/** Gives each call that waits what it needs, until the turn has ended. */
async function endOf(engine: Engine, turn: Turn) {
  while (!ENDS.has(turn.phase)) {
    for (const call of await engine.listWaitingCalls()) {
      await answer(engine, call, call.waitsFor === 'output' ? 'output' : 'yes')
    }
    await ticks()
  }
  return await turn.reply
}

describe.each(DIALECTS)('in %s', (dialect) => {
  test.each(ROWS)('$calls, with the answer $answer, killed when $moment', async (row) => {
    const { calls, ran = [], runsThen = [], outcome } = row
    const provider = await testProvider()
    const { database, ledger } = await killedAt({ dialect, provider, ...row })
    const asked = provider.requests.length
    expect(asked).toBe(1)
    const names = () => entriesOf(ledger).map(({ toolName }) => toolName)
    expect(names()).toEqual(ran)

    const engine = await createEngine({
      database,
      autoTitle: false,
      tools: {
        ...ledgerTools(ledger),
        slow: { execute: () => 'never' },
        client: { execute: 'client' },
      },
    })
    onTestFinished(() => engine.close())
    await engine.putEndpoint('online', { url: provider.url, model: 'm', dialect })
    const [turn] = await engine.listTurns('chat')
    const turnId = turn?.id ?? ''
    const stored = await engine.listCalls(turnId)
    expect({ status: turn?.status, states: stored.map(({ state }) => state) }).toEqual({
      status: row.status,
      states: row.states,
    })
    const waiting = await engine.listWaitingCalls()
    expect(waiting.map(({ callId }) => callId).toSorted()).toEqual(
      stored.flatMap(({ callId, state }) => (state === 'waiting' ? callId : [])).toSorted(),
    )
    if (row.status === 'interrupted') await expectOneResultEach(engine, turnId)
    await ticks(5)
    expect(provider.requests).toHaveLength(asked)
    expect(names()).toEqual(ran)

    const current = await engine.currentTurn('chat')
    expect(current?.id).toBe(row.status === 'waiting' ? turnId : undefined)
    const first = stored.find(({ toolName }) => toolName !== 'slow')
    if (outcome !== undefined && first !== undefined) {
      expect(await answer(engine, first, row.answer as HostAnswer)).toMatchObject({ outcome })
    }
    if (stored.length === 0) provider.next(calling(...calls.map((name) => ({ name }))))
    const next = current ?? (await engine.retry('chat'))
    const { message } = await endOf(engine, next)

    expect(message.text).toBe('Done.')
    const entries = entriesOf(ledger)
    expect(entries.slice(ran.length).map(({ toolName }) => toolName)).toEqual(runsThen)
    expect(entries.map(({ attempt }) => attempt)).toEqual(entries.map(() => 1))
    expect(new Set(entries.map(({ key }) => key)).size).toBe(entries.length)
    await expectOneResultEach(engine, next.id)
    await expectAccepted(engine, provider)
  })
})
