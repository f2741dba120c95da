/**
 * A host that stops dead at a named moment of a step, so that it can be killed there: it says so on its
 * standard output, and its event loop never turns again.
 */
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs'
import Database from 'better-sqlite3'
import { filter, firstValueFrom } from 'rxjs'
import { createEngine, type Dialect, type Tool } from '../../../src/index.ts'
import type { Entry } from '../ledger-tools.ts'

const [url, database, ledger, gate, dialect, answer] = process.argv.slice(2)
if (url === undefined || database === undefined || ledger === undefined) {
  throw new Error('Name a url, a database, a ledger, a gate and a dialect.')
}

function stopAt(moment: string): void {
  if (moment !== gate) return
  writeSync(1, `${moment}\n`)
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
}

/** The commits to stop at, by the writes of their transactions. The first that fits counts. */
const COMMITS: Readonly<Record<string, readonly string[]>> = {
  'the step': ['insert into "step"'],
  'the wait': [`update "turn" set "status" = 'waiting', "options" = `],
  'the resume': [`update "turn" set "status" = 'streaming', "epoch" = `],
  'the decision': ['"decided_by" = '],
  'the start': [`update "call" set "state" = 'started'`],
  'a result': ['insert into "checkpoint"', 'update "call"'],
}

/** Stops before and after a commit. */
function watchCommits(): void {
  const memory = new Database(':memory:')
  const statements = Object.getPrototypeOf(memory.prepare('select 1')) as Database.Statement
  memory.close()
  // oxlint-disable-next-line typescript/unbound-method -- called with its statement below
  const run = statements.run
  let written: string[] = []
  statements.run = function (this: Database.Statement, ...values: unknown[]) {
    const { source } = this
    if (source !== 'commit') {
      written.push(source)
      return run.apply(this, values)
    }
    const [name] =
      Object.entries(COMMITS).find(([, texts]) =>
        texts.every((text) => written.some((each) => each.includes(text))),
      ) ?? []
    written = []
    stopAt(`before ${name} is committed`)
    const result = run.apply(this, values)
    stopAt(`${name} is committed`)
    return result
  }
}

const execute: Tool['execute'] = (_, { idempotencyKey: key, attempt, toolName }) => {
  stopAt('a tool has begun')
  const file = openSync(ledger, 'a')
  writeSync(file, `${JSON.stringify({ key, attempt, toolName } satisfies Entry)}\n`)
  fsyncSync(file)
  closeSync(file)
  stopAt('a tool took effect')
  return 'noted'
}

watchCommits()
const engine = await createEngine({
  database,
  autoTitle: false,
  checkpointMs: 1,
  limits: { parallelTools: 2 },
  tools: {
    report: { execute },
    again: { execute, afterCrash: 'again' },
    slow: { execute: () => new Promise(() => {}) },
    ask: { execute, needsApproval: true },
    client: { execute: 'client' },
  },
})
await engine.putEndpoint('online', { url, model: 'm', dialect: dialect as Dialect })
await engine.startConversation({ id: 'chat' })
const turn = await engine.send('chat', 'go')

/** Answers the first call that waits. */
async function giveAnswer(): Promise<unknown> {
  const call = (await engine.listCalls(turn.id)).find(({ state }) => state === 'waiting')
  if (call === undefined) throw new Error('No call waits.')
  if (answer === 'cancel') return await turn.cancel()
  if (answer === 'output') return await engine.supply(call.callId, { output: 'seen' })
  return await engine.decide(call.callId, { approved: answer === 'yes' })
}

if (answer !== 'none') {
  // A decision without a resume comes while another tool runs.
  const isEarly = gate?.endsWith('the decision is committed') === true
  const moment = isEarly ? 'approval.needed' : 'turn.waiting'
  await firstValueFrom(turn.events.pipe(filter(({ type }) => type === moment)))
  await giveAnswer()
}
await turn.reply
