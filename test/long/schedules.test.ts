/**
 * Short random schedules of everything a host may call, against a provider that misbehaves. Each
 * accepted turn must end exactly once, nothing may be left after `close()`, nothing may crash.
 *
 * `SCHEDULES_SEED` replays a run. `SCHEDULES` sets how many schedules it has.
 */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ColloquyError, createEngine } from '../../src/index.ts'
import type { ConversationEvent, Engine, SendOptions, Turn, TurnRecord } from '../../src/index.ts'
import {
  bytes,
  chatAnswer,
  chatStream,
  chunk,
  cut,
  end,
  errorReply,
  halfClose,
  hang,
  head,
  inOrder,
  json,
  raw,
  reset,
  send,
  sse,
} from '../../src/testing.ts'
import type { Provider, Script } from '../../src/testing.ts'
import { call, done, said, stop, thought } from '../faults/wire.ts'
import { CountingClock } from '../support/counting-clock.ts'
import { testDatabase, testProvider } from '../support/engine.ts'
import { Random } from '../support/random.ts'
import { outcomeOf, ticks } from '../support/waiting.ts'

const SEED = Number(process.env['SCHEDULES_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const SCHEDULES = Number(process.env['SCHEDULES'] ?? 500)
/** A schedule takes milliseconds. A slower one hangs, even on a busy machine. */
const HANGS_MS = 60_000
const CONVERSATIONS = ['a', 'b', 'c']

/** The system's clock, a hundred times as fast: a wait before a retry takes milliseconds. */
class FastClock extends CountingClock {
  override setTimeout(fn: () => void, ms: number): NodeJS.Timeout {
    return super.setTimeout(fn, ms / 100)
  }
}

/** Answers, good and bad. */
const SCRIPTS: readonly Script[] = [
  chatStream(['Once', ' upon', ' a time']),
  chatStream(['Once'], { finishReason: null, done: false }),
  inOrder(send(said('Once')), hang()),
  inOrder(send(said('Once')), cut()),
  inOrder(send(said('Once')), reset()),
  inOrder(send(said('Once')), halfClose()),
  inOrder(send(thought('Hm'), call(0, 'f', '{"a":')), cut()),
  inOrder(send(call(0, 'f', '{}') + sse(chunk({}, { finish_reason: 'tool_calls' })) + done), end()),
  inOrder(send(stop, said('Once'), said(' upon')), end()),
  inOrder(send(said('Once') + stop), hang()),
  inOrder(send('data: {"error":{"message":"no","code":"rate_limit_exceeded"}}\n\n'), end()),
  inOrder(send('data: {"choices":[{"del'), end()),
  inOrder(send(': keep-alive\n\n', 'data: \n\n', 'data: null\n\n'), end()),
  inOrder(head(200, { 'content-type': 'text/event-stream' }), hang()),
  inOrder(bytes('HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 '), cut()),
  inOrder(bytes('no HTTP'), cut()),
  raw(['not gzip'], { status: 200, headers: { 'content-encoding': 'gzip' } }),
  json(chatAnswer('Whole')),
  errorReply(500, 'no'),
  json({ error: { message: 'Slow down' } }, { status: 429, headers: { 'retry-after': '1' } }),
  json({ error: { message: 'Loading model', code: 503 } }, { status: 503 }),
  json({ error: { message: 'no key' } }, { status: 401 }),
  hang(),
  cut(),
  reset(),
]

const unhandled: unknown[] = []
const note = (error: unknown): void => void unhandled.push(error)

beforeAll(() => {
  process.stdout.write(`SCHEDULES_SEED=${SEED}\n`)
  process.on('unhandledRejection', note).on('uncaughtException', note)
})

afterAll(() => {
  process.off('unhandledRejection', note).off('uncaughtException', note)
})

/** One schedule, and everything it has seen. */
class Schedule {
  readonly turns: Turn[] = []
  readonly events: ConversationEvent[] = []
  readonly #calls: Promise<unknown>[] = []
  readonly #engine: Engine
  readonly #random: Random

  constructor(engine: Engine, random: Random) {
    this.#engine = engine
    this.#random = random
    engine.events().subscribe((event) => this.events.push(event))
  }

  async run(): Promise<void> {
    for (let n = 4 + this.#random.below(16); n > 0; n -= 1) {
      this.#calls.push(this.#refused(this.#step()))
      if (this.#random.below(6) === 0) await Promise.all(this.#calls)
      else await ticks(this.#random.of([0, 0, 1, 3, 10, 40]))
    }
    // Half of the schedules close in the middle of everything.
    if (this.#random.below(2) === 0) await Promise.all(this.#calls)
    const running = this.#random.of(['cancel', 'wait'] as const)
    await this.#engine.close({ running, timeoutMs: this.#random.of([0, 2_000]) })
    await Promise.all(this.#calls)
  }

  /** Waits for a call. It may be refused with a code, but not with `internal`. */
  async #refused(asked: Promise<unknown>): Promise<void> {
    const outcome = await outcomeOf(asked)
    if (!('error' in outcome)) return
    const { error } = outcome
    if (!(error instanceof ColloquyError) || error.code === 'internal') throw error
  }

  async #step(): Promise<unknown> {
    const engine = this.#engine
    const id = this.#random.of(CONVERSATIONS)
    switch (this.#random.below(14)) {
      case 0:
        return engine.cancel(id)
      case 1:
        return this.#kept(engine.retry(id))
      case 2:
        return engine.setAirplaneMode(this.#random.below(2) === 0)
      case 3:
        return engine.deleteConversation(id)
      case 4:
        return engine.startConversation({ id })
      case 5:
        return engine.complete({ prompt: 'Hi' })
      case 6:
        return this.#turn()?.cancel()
      case 7:
        return this.#read(this.#turn())
      case 8:
        return engine.listModels('online')
      case 9:
        return engine.deleteEndpoint('other')
      default:
        return this.#kept(engine.send(id, 'Hi', this.#options()))
    }
  }

  #turn(): Turn | undefined {
    return this.turns.length === 0 ? undefined : this.#random.of(this.turns)
  }

  #options(): SendOptions {
    const kind = this.#random.below(5)
    if (kind === 0) return { idempotencyKey: 'key' }
    if (kind === 1) return { endpoint: 'other' }
    if (kind !== 2) return {}
    const abort = new AbortController()
    void ticks(this.#random.below(20)).then(() => abort.abort())
    return { signal: abort.signal }
  }

  async #kept(accepted: Promise<Turn>): Promise<void> {
    const turn = await accepted
    this.turns.push(turn)
    await turn.reply
  }

  /** Reads the snapshots of a turn for a while, and its events from some moment on. */
  async #read(turn: Turn | undefined): Promise<void> {
    turn?.events.subscribe((event) => void event.type)
    let left = this.#random.below(4)
    for await (const { text } of turn?.snapshots() ?? []) {
      expect(text.length).toBeLessThan(100)
      if (left-- === 0) break
    }
  }
}

const isTerminal = ({ type }: ConversationEvent): boolean =>
  ['turn.done', 'turn.cancelled', 'turn.failed', 'turn.interrupted'].includes(type)

async function engineAt(database: string, clock: FastClock, provider: Provider): Promise<Engine> {
  const engine = await createEngine({
    database,
    clock,
    autoTitle: provider.requests.length % 2 === 0,
    checkpointMs: 100,
    emitIntervalMs: 0,
    // Hundredths: those of the fast clock.
    timeouts: { headersMs: 5_000, idleMs: 5_000, turnMs: 15_000, usageMs: 1_000 },
    logger: { debug() {}, info() {}, warn() {}, error() {} },
  })
  const url = provider.url
  await engine.putEndpoint('other', { url, model: 'm', maxConcurrent: 1 })
  await engine.putEndpoint('online', { url, apiKey: 'sk-x', model: 'm', fallbacks: ['other'] })
  await engine.putEndpoint('airplane', { url, model: 'm' })
  for (const id of CONVERSATIONS) await engine.startConversation({ id })
  return engine
}

test(`${SCHEDULES} random schedules end every turn once, leave nothing behind, and crash nothing`, async () => {
  const provider = await testProvider()
  const statuses = new Map<string, number>()
  for (let n = 0; n < SCHEDULES; n += 1) {
    const random = new Random(SEED + n)
    provider.always(() => random.of(SCRIPTS))
    const clock = new FastClock()
    const database = await testDatabase()
    const engine = await engineAt(database, clock, provider)
    const schedule = new Schedule(engine, random)
    const of = `schedule ${n} of seed ${SEED}`
    await inTime(schedule.run(), `${of} runs`)

    expect(clock.pending, of).toBe(0)
    await inTime(provider.quiet(), `${of} leaves sockets`)
    expect(unhandled, of).toEqual([])
    for (const turn of await storedTurns(database)) {
      expect(ENDED, of).toContain(turn.status)
      statuses.set(turn.status, (statuses.get(turn.status) ?? 0) + 1)
    }
    expectEndedOnce(schedule, of)
    ;(provider.requests as unknown[]).length = 0
  }

  process.stdout.write(`${JSON.stringify(Object.fromEntries(statuses))}\n`)
  // Schedules that always end in the same way would prove little.
  expect([...statuses.keys()].toSorted()).toEqual(['cancelled', 'done', 'failed'])
}, 1_800_000)

/** Waits for work. Fails with a name for it if it hangs. */
async function inTime(work: Promise<void>, name: string): Promise<void> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error(`${name}, without an end`)), HANGS_MS)
  await Promise.race([work, late.promise]).finally(() => clearTimeout(timer))
}

const ENDED = ['done', 'cancelled', 'failed']

function expectEndedOnce({ turns, events }: Schedule, of: string): void {
  const byTurn = Map.groupBy(events, ({ turnId }) => turnId)
  byTurn.delete(undefined)
  for (const [turnId, told] of byTurn) {
    const types = told.map(({ type }) => type)
    // Titles and usage are told later, and end nothing.
    if (!types.includes('turn.accepted')) continue
    expect(told.filter(isTerminal), `${of}: ${turnId} ${types.join(' ')}`).toHaveLength(1)
  }
  for (const { id } of turns) expect(byTurn.has(id), `${of}: ${id}`).toBe(true)
}

async function storedTurns(database: string): Promise<readonly TurnRecord[]> {
  await using engine = await createEngine({ database, readOnly: true })
  const conversations = await engine.listConversations()
  const turns = await Promise.all(conversations.map(({ id }) => engine.listTurns(id)))
  return turns.flat()
}
