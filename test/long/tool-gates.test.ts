/** Kills a process at each moment of a step, in each dialect, and looks at what an opening finds. */
import { describe, expect, onTestFinished, test } from 'vitest'
import { createEngine } from '../../src/index.ts'
import { testProvider } from '../support/engine.ts'
import type { Script } from '../support/provider.ts'
import { endless } from '../support/scripts.ts'
import { calling } from '../engine/tools/tool-chat.ts'
import { DIALECTS, expectAccepted, expectOneResultEach, killedAt } from './gated-host.ts'
import { entriesOf, ledgerTools } from './ledger-tools.ts'

interface Row {
  readonly calls: readonly string[]
  /** The states of the calls after the opening. */
  readonly states: readonly string[]
  /** The tools that left their line before the kill. */
  readonly ran: readonly string[]
  /** The tools that `retry` runs. */
  readonly runAgain?: readonly string[]
  /** Answers the second request, before the kill. */
  readonly secondAnswer?: Script
}

/** The table of crashes, by the moment of the kill. Two calls run at once. */
const MOMENTS: Readonly<Record<string, Row>> = {
  'before the step is committed': {
    calls: ['report', 'again'],
    states: [],
    ran: [],
    // The model is asked anew, so these are other calls.
    runAgain: ['report', 'again'],
  },
  'the step is committed': {
    calls: ['report', 'again', 'report'],
    states: ['unknown', 'unknown', 'not-run'],
    ran: [],
    runAgain: ['again'],
  },
  'a tool has begun': {
    calls: ['report', 'again'],
    states: ['unknown', 'unknown'],
    ran: [],
    runAgain: ['again'],
  },
  'a tool took effect': {
    calls: ['again', 'report'],
    states: ['unknown', 'unknown'],
    ran: ['again'],
    runAgain: ['again'],
  },
  'before a result is committed': {
    calls: ['again', 'slow'],
    states: ['unknown', 'unknown'],
    ran: ['again'],
    runAgain: ['again'],
  },
  'a result is committed': {
    calls: ['again', 'slow'],
    states: ['finished', 'unknown'],
    ran: ['again'],
  },
  'the next step is asked': {
    calls: ['again', 'report'],
    states: ['finished', 'finished'],
    ran: ['again', 'report'],
    secondAnswer: endless('word '),
  },
}

describe.each(DIALECTS)('in %s', (dialect) => {
  test.each(Object.entries(MOMENTS))('killed when %s', async (moment, row) => {
    const provider = await testProvider()
    const { database, ledger } = await killedAt({ moment, dialect, provider, ...row })
    const asked = provider.requests.length
    expect(entriesOf(ledger).map(({ toolName }) => toolName)).toEqual(row.ran)

    const engine = await createEngine({
      database,
      autoTitle: false,
      tools: { ...ledgerTools(ledger), slow: { execute: () => 'never' } },
    })
    onTestFinished(() => engine.close())
    await engine.putEndpoint('online', { url: provider.url, model: 'm', dialect })
    const [turn] = await engine.listTurns('chat')
    const turnId = turn?.id ?? ''
    expect(turn?.status).toBe('interrupted')
    expect(provider.requests).toHaveLength(asked)
    expect(entriesOf(ledger)).toHaveLength(row.ran.length)
    expect((await engine.listCalls(turnId)).map(({ state }) => state)).toEqual(row.states)
    await expectOneResultEach(engine, turnId)

    if (row.states.length === 0) provider.next(calling(...row.calls.map((name) => ({ name }))))
    const again = await (await engine.retry('chat')).reply
    expect(again.message.text).toBe('Done.')
    const entries = entriesOf(ledger)
    const added = entries.slice(row.ran.length)
    expect(added.map(({ toolName }) => toolName).toSorted()).toEqual(
      [...(row.runAgain ?? [])].toSorted(),
    )
    for (const { key, attempt, toolName } of added) {
      expect(attempt).toBe(row.states.length === 0 ? 1 : 2)
      const before = entries.filter((entry) => entry.toolName === toolName && entry.attempt === 1)
      if (row.ran.includes(toolName)) expect(before.map((entry) => entry.key)).toEqual([key])
    }
    await expectOneResultEach(engine, again.turn.id)

    await expectAccepted(engine, provider)
  })
})
