/**
 * A host that stops dead at a named moment of a step, so that it can be killed there: it says so on its
 * standard output, and its event loop never turns again.
 */
import { closeSync, fsyncSync, openSync, writeSync } from 'node:fs'
import Database from 'better-sqlite3'
import { createEngine, type Dialect, type Tool } from '../../../src/index.ts'
import type { Entry } from '../ledger-tools.ts'

const [url, database, ledger, gate, dialect] = process.argv.slice(2)
if (url === undefined || database === undefined || ledger === undefined) {
  throw new Error('Name a url, a database, a ledger, a gate and a dialect.')
}

function stopAt(moment: string): void {
  if (moment !== gate) return
  writeSync(1, `${moment}\n`)
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
}

/** Stops before and after the commits of a step and of its results. */
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
    const writes = (text: string) => written.some((each) => each.includes(text))
    const isStep = writes('insert into "step"')
    const isResult = !isStep && writes('insert into "checkpoint"') && writes('update "call"')
    written = []
    if (isStep) stopAt('before the step is committed')
    if (isResult) stopAt('before a result is committed')
    const result = run.apply(this, values)
    if (isStep) stopAt('the step is committed')
    if (isResult) stopAt('a result is committed')
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
  },
})
await engine.putEndpoint('online', { url, model: 'm', dialect: dialect as Dialect })
await engine.startConversation({ id: 'chat' })
await (
  await engine.send('chat', 'go')
).reply
