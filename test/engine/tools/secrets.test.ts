/** No secret, context, stack or cause of a tool reaches what hosts and models see. */
import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import type { Dialect, EngineOptions, Tool } from '../../../src/index.ts'
import { canaries, canariesReachableFrom, canariesShownBy } from '../../support/canaries.ts'
import { testDatabase, testEngine, testProvider } from '../../support/engine.ts'
import { Inspection } from '../../support/inspection.ts'
import { eventLog, nextEvent, outcomeOf } from '../../support/waiting.ts'
import { calling, done } from './tool-chat.ts'

/** What a tool fails with: a message that quotes secrets, a cause and a field that hold them. */
function leaky(): Error {
  const error = new Error(`401 for ${canaries.key} and ${canaries.header}`, {
    cause: new Error(`asked with ${canaries.key}`, { cause: { token: canaries.sendHeader } }),
  })
  return Object.assign(error, { request: { headers: { authorization: canaries.key } } })
}

const TOOLS: Readonly<Record<string, Tool>> = {
  throws: {
    execute: () => {
      throw leaky()
    },
  },
  rejects: { execute: () => Promise.reject(leaky()) },
  hidden: { exposeErrors: false, execute: () => Promise.reject(leaky()) },
  looks: { execute: (_, { toolContext }) => String(toolContext).length },
  // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- a tool may do so
  bare: { execute: () => Promise.reject({ token: canaries.key }) },
  late: {
    timeoutMs: 5,
    execute: (_, { signal }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => setImmediate(() => reject(leaky())))
      }),
  },
}

test.each<Dialect>(['chat-completions', 'responses', 'messages'])(
  'what tools throw and are given is not shown, stored, logged or sent in %s',
  async (dialect) => {
    const database = await testDatabase()
    const provider = await testProvider()
    const logged: unknown[] = []
    const log = (...entry: unknown[]) => void logged.push(entry)
    const options: EngineOptions = {
      database,
      secrets: { encryptionKey: new Uint8Array(32) },
      logger: { debug: log, info: log, warn: log, error: log },
      tools: TOOLS,
    }
    const engine = await testEngine(options)
    await engine.putEndpoint('online', {
      url: provider.url,
      model: 'm',
      dialect,
      apiKey: canaries.key,
      headers: { 'x-secret': canaries.header },
    })
    const inspection = new Inspection(engine)
    const events = eventLog(engine)
    const { id } = await engine.startConversation()
    provider.next(calling(...Object.keys(TOOLS).map((name) => ({ name }))), done)
    const late = nextEvent(engine.events(), 'tool.late')
    const turn = await engine.send(id, 'hi', { toolContext: { token: canaries.sendHeader } })
    const outcome = await outcomeOf(turn.reply)
    await late

    const shown = {
      outcome,
      events,
      logged,
      calls: await engine.listCalls(turn.id),
      steps: await engine.listSteps(turn.id),
      messages: await engine.listMessages(id),
      turn: await engine.getTurn(turn.id),
      sent: provider.requests.map(({ body }) => body),
    }
    for (const [what, value] of Object.entries(shown)) {
      expect([what, canariesShownBy(value)]).toEqual([what, []])
    }
    expect(canariesReachableFrom(inspection.events, ['actorRef', 'rootId'])).toEqual([])
    const told = JSON.stringify({ ...shown, logged: undefined })
    expect(told).not.toMatch(/secrets\.test|asked with|node:internal/)
    expect(JSON.stringify(shown.logged)).toContain('asked with [redacted]')
    await engine.close()
    for (const end of ['', '-wal']) {
      const bytes = await readFile(`${database}${end}`).catch(() => Buffer.alloc(0))
      expect(Object.values(canaries).filter((canary) => bytes.includes(canary))).toEqual([])
    }
  },
)
