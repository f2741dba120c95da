/**
 * Kills a process whose tools run, at random moments, again and again, on one database.
 *
 * `KILLS` sets the number of kills.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as after } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { createEngine, type Engine, type Turn, type TurnRecord } from '../../src/index.ts'
import { violations } from '../support/chat-rules.ts'
import { testDatabase, testProvider } from '../support/engine.ts'
import { calling, done } from '../engine/tools/tool-chat.ts'
import { entriesOf, ledgerTools } from './ledger-tools.ts'

/** Approves what waits, until the turn has ended. */
async function ended(engine: Engine, turn: Turn): Promise<TurnRecord> {
  const over = turn.reply.then((reply) => reply.turn)
  for (;;) {
    const { conversationId } = turn
    for (const { callId } of await engine.listWaitingCalls({ conversationId })) {
      await engine.decide(callId, { approved: true })
    }
    const record = await Promise.race([over, after(2, undefined)])
    if (record !== undefined) return record
  }
}

const CONVERSATIONS = 4
const KILLS = Number(process.env['KILLS'] ?? 30)

test(
  'no tool runs twice unless it may, and each call has one result, however often it is killed',
  { timeout: 60_000 + KILLS * 15_000 },
  async () => {
    const database = await testDatabase()
    const ledger = join(dirname(database), 'ledger')
    writeFileSync(ledger, '')
    const provider = await testProvider()
    provider.always((exchange) => {
      const messages = (exchange.body?.['messages'] ?? []) as { role: string }[]
      const isAnswered = messages.at(-1)?.role === 'tool'
      const calls = [{ name: 'report' }, { name: 'again' }, { name: 'ask' }]
      return (isAnswered ? done : calling(...calls))(exchange)
    })
    const script = fileURLToPath(new URL('./children/tool-host.ts', import.meta.url))
    let unknown = 0
    let waiting = 0
    let runAgain = 0
    for (let kill = 0; kill < KILLS; kill += 1) {
      const host = fork(script, [provider.url, database, ledger, String(CONVERSATIONS)], {
        execArgv: [],
      })
      onTestFinished(() => void host.kill('SIGKILL'))
      await once(host, 'message')
      if (kill % 3 === 2) {
        // While a turn waits for its approval.
        while ((await once(host, 'message'))[0] !== 'waiting');
      } else if (kill % 2 === 0) {
        // However slow the machine is, these kills come while tools run: after one left its line.
        const noted = entriesOf(ledger).length
        do await after(2)
        while (entriesOf(ledger).length === noted)
        await after(Math.random() * 6)
      } else await after(Math.random() * 200)
      host.kill('SIGKILL')
      await once(host, 'close')
      do await after(5)
      while (provider.openSockets > 0)

      const [asked, ran] = [provider.requests.length, entriesOf(ledger).length]
      const engine = await createEngine({ database, autoTitle: false, tools: ledgerTools(ledger) })
      await engine.putEndpoint('online', { url: provider.url, model: 'm' })
      expect([provider.requests.length, entriesOf(ledger).length]).toEqual([asked, ran])
      for (const { id } of await engine.listConversations()) {
        const last = (await engine.listTurns(id)).at(-1)
        if (last === undefined || last.status === 'done') continue
        if (last.status === 'waiting') {
          // It waits still, with its calls: one answer goes on, and the tool runs once.
          waiting += 1
          const current = await engine.currentTurn(id)
          const open = await engine.listWaitingCalls({ conversationId: id })
          expect(open.map(({ toolName }) => toolName)).toEqual(['ask'])
          expect(open[0]?.turnId).toBe(last.id)
          expect((await ended(engine, current as Turn)).status).toBe('done')
          continue
        }
        const calls = await engine.listCalls(last.id)
        const reply = (await engine.listMessages(id)).at(-1)
        const results = (reply?.parts ?? []).flatMap((part) =>
          part.type === 'tool-result' ? [part.toolCallId] : [],
        )
        if (calls.length > 0) {
          expect(results.toSorted()).toEqual(calls.map(({ toolCallId }) => toolCallId))
        }
        unknown += calls.filter(({ state }) => state === 'unknown').length
        const before = entriesOf(ledger).length
        const turn = await ended(engine, await engine.retry(id))
        expect(turn.status).toBe('done')
        if (results.length > 0) {
          const again = entriesOf(ledger).slice(before)
          runAgain += again.length
          expect(again.every(({ attempt, toolName }) => attempt > 1 && toolName === 'again')).toBe(
            true,
          )
        }
      }
      await engine.close()
    }
    const byKey = Map.groupBy(entriesOf(ledger), ({ key }) => key)
    for (const entries of byKey.values()) {
      const attempts = entries.map(({ attempt }) => attempt)
      expect(new Set(attempts).size).toBe(attempts.length)
      if (entries.length > 1) expect(entries[0]?.toolName).toBe('again')
    }
    for (const { body } of provider.requests) expect(violations(body as never)).toEqual([])
    process.stdout.write(
      `${byKey.size} calls, ${unknown} unknown, ${runAgain} run again, ${waiting} waiting\n`,
    )
    expect(unknown).toBeGreaterThan(0)
    expect(waiting).toBeGreaterThan(0)
    expect(runAgain).toBeGreaterThan(0)
  },
)
