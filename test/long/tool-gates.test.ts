/** Kills a process at each moment of a step, in each dialect, and looks at what an opening finds. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createEngine, type Dialect, type Engine } from '../../src/index.ts'
import { violations as chatViolations } from '../support/chat-rules.ts'
import { testDatabase, testProvider } from '../support/engine.ts'
import type { Provider, Script } from '../support/provider.ts'
import { violations as responsesViolations } from '../support/responses-rules.ts'
import { endless } from '../support/scripts.ts'
import { violations as messagesViolations } from '../transport/dialects/messages/rules.ts'
import { calling, done, resultsOf } from '../engine/tools/tool-chat.ts'
import { entriesOf, ledgerTools } from './ledger-tools.ts'

const RULES: Readonly<Record<Dialect, (body: never) => readonly string[]>> = {
  'chat-completions': chatViolations,
  responses: responsesViolations,
  messages: messagesViolations,
}
const DIALECTS = Object.keys(RULES) as Dialect[]

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

/** Runs a host until it stops at the moment, or until the provider is asked a second time. */
async function killedAt(moment: string, row: Row, dialect: Dialect, provider: Provider) {
  const database = await testDatabase()
  const ledger = join(dirname(database), 'ledger')
  writeFileSync(ledger, '')
  const second = Promise.withResolvers<void>()
  provider.always((exchange) => {
    if (provider.requests.length === 1) return calling(...row.calls.map((name) => ({ name })))
    second.resolve()
    return row.secondAnswer?.(exchange)
  })
  const script = fileURLToPath(new URL('./children/gated-tool-host.ts', import.meta.url))
  const args = [script, provider.url, database, ledger, moment, dialect]
  const host = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void host.kill('SIGKILL'))
  await Promise.race([once(host.stdout, 'data'), second.promise, once(host, 'close')])
  expect(host.exitCode, 'the host ended by itself').toBeNull()
  host.kill('SIGKILL')
  await once(host, 'close')
  provider.always(done)
  return { database, ledger }
}

function expectAccepted({ requests }: Provider): void {
  for (const { path, body } of requests) {
    const dialect = DIALECTS.find((each) => path.endsWith(each.replace('-', '/'))) as Dialect
    expect(RULES[dialect](body as never), JSON.stringify(body)).toEqual([])
  }
}

async function expectOneResultEach(engine: Engine, turnId: string): Promise<void> {
  const calls = await engine.listCalls(turnId)
  const stored = (await engine.listMessages('chat')).find(
    (message) => message.turnId === turnId && message.role === 'assistant',
  )
  const results = resultsOf(stored ?? { parts: [] })
  for (const { toolCallId, code } of calls) {
    const own = results.filter((result) => result.toolCallId === toolCallId)
    expect(own.map((result) => result.code)).toEqual([code])
  }
}

describe.each(DIALECTS)('in %s', (dialect) => {
  test.each(Object.entries(MOMENTS))('killed when %s', async (moment, row) => {
    const provider = await testProvider()
    const { database, ledger } = await killedAt(moment, row, dialect, provider)
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

    for (const other of DIALECTS) {
      await engine.putEndpoint(other, { url: provider.url, model: 'other', dialect: other })
      await (
        await engine.send('chat', `and in ${other}?`, { endpoint: other })
      ).reply
    }
    expectAccepted(provider)
  })
})
