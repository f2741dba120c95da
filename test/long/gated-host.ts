/** A host that is killed at a moment of a turn with tools, and the checks of what it leaves behind. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished } from 'vitest'
import type { Dialect, Engine } from '../../src/index.ts'
import { violations as chatViolations } from '../support/chat-rules.ts'
import { testDatabase } from '../support/engine.ts'
import type { Provider, Script } from '../support/provider.ts'
import { violations as responsesViolations } from '../support/responses-rules.ts'
import { violations as messagesViolations } from '../transport/dialects/messages/rules.ts'
import { calling, done, resultsOf } from '../engine/tools/tool-chat.ts'

const RULES: Readonly<Record<Dialect, (body: never) => readonly string[]>> = {
  'chat-completions': chatViolations,
  responses: responsesViolations,
  messages: messagesViolations,
}
export const DIALECTS = Object.keys(RULES) as Dialect[]

/** What a host does with the first call that waits. */
export type HostAnswer = 'yes' | 'no' | 'output' | 'cancel'

export interface GatedRun {
  readonly moment: string
  readonly calls: readonly string[]
  readonly dialect: Dialect
  readonly provider: Provider
  /** Answers the second request, before the kill. */
  readonly secondAnswer?: Script | undefined
  /** By default the host answers nothing. */
  readonly answer?: HostAnswer | undefined
}

/** Runs a host until it stops at the moment, or until the provider is asked a second time. */
export async function killedAt({
  moment,
  calls,
  dialect,
  provider,
  secondAnswer,
  answer,
}: GatedRun) {
  const database = await testDatabase()
  const ledger = join(dirname(database), 'ledger')
  writeFileSync(ledger, '')
  const second = Promise.withResolvers<void>()
  provider.always((exchange) => {
    if (provider.requests.length === 1) return calling(...calls.map((name) => ({ name })))
    second.resolve()
    return secondAnswer?.(exchange)
  })
  const script = fileURLToPath(new URL('./children/gated-tool-host.ts', import.meta.url))
  const args = [script, provider.url, database, ledger, moment, dialect, answer ?? 'none']
  const host = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void host.kill('SIGKILL'))
  await Promise.race([once(host.stdout, 'data'), second.promise, once(host, 'close')])
  expect(host.exitCode, 'the host ended by itself').toBeNull()
  host.kill('SIGKILL')
  await once(host, 'close')
  provider.always(done)
  return { database, ledger }
}

/** Goes on with the conversation in each dialect. No request of the provider may break its rules. */
export async function expectAccepted(engine: Engine, provider: Provider): Promise<void> {
  for (const other of DIALECTS) {
    await engine.putEndpoint(other, { url: provider.url, model: 'other', dialect: other })
    await (
      await engine.send('chat', `and in ${other}?`, { endpoint: other })
    ).reply
  }
  for (const { path, body } of provider.requests) {
    const dialect = DIALECTS.find((each) => path.endsWith(each.replace('-', '/'))) as Dialect
    expect(RULES[dialect](body as never), JSON.stringify(body)).toEqual([])
  }
}

/** Each call of an ended turn has one result in its reply, with the code of its row. */
export async function expectOneResultEach(engine: Engine, turnId: string): Promise<void> {
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
