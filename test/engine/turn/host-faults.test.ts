/**
 * What a host gives to an engine may throw: its clock, its ids, its randomness, its `prepare`, its
 * `countTokens`, its logger. Each is made to throw at each of its uses, once or from then on.
 *
 * The turn ends all the same and is saved; the host hears of nothing but coded errors.
 */
import { lastValueFrom, toArray } from 'rxjs'
import { describe, expect, onTestFinished, test } from 'vitest'
import {
  type Clock,
  createEngine,
  type EngineOptions,
  type Part,
  type Tool,
  type Turn,
} from '../../../src/index.ts'
import { testProvider } from '../../support/engine.ts'
import type { Script } from '../../support/provider.ts'
import { endless, json, streamed } from '../../support/scripts.ts'
import { nextEvent, outcomeOf, shown, ticks } from '../../support/waiting.ts'
import { calling, done } from '../tools/tool-chat.ts'

class HostFault extends Error {
  override readonly name = 'HostFault'
}

/** Functions of a host that count their uses, and throw when they are told to. */
class FaultyHost {
  uses = 0
  #failsAt = Infinity
  #failsOn = false

  /** The nth use from now throws, and the later ones too if `isLasting`. */
  failAt(n: number, isLasting: boolean): void {
    this.uses = 0
    this.#failsAt = n
    this.#failsOn = isLasting
  }

  /** Counts a use. @throws HostFault */
  use(): void {
    this.uses += 1
    if (this.uses === this.#failsAt || (this.#failsOn && this.uses > this.#failsAt)) {
      throw new HostFault('secret detail of the host')
    }
  }

  wrapped<Args extends unknown[], Result>(
    call: (...args: Args) => Result,
  ): (...args: Args) => Result {
    return (...args) => {
      this.use()
      return call(...args)
    }
  }
}

/** The options of an engine in which one function of the host is faulty. */
const FUNCTIONS: Readonly<Record<string, (host: FaultyHost) => EngineOptions>> = {
  'clock.now': (host) => ({ clock: clockWith({ now: host.wrapped(() => Date.now()) }) }),
  'clock.setTimeout': (host) => ({
    clock: clockWith({
      setTimeout: host.wrapped((fn: () => void, ms: number) => setTimeout(fn, ms)),
    }),
  }),
  'clock.clearTimeout': (host) => ({
    clock: clockWith({
      clearTimeout: host.wrapped((id: unknown) => clearTimeout(id as NodeJS.Timeout)),
    }),
  }),
  newId: (host) => ({ newId: host.wrapped(() => crypto.randomUUID() as string) }),
  random: (host) => ({ random: host.wrapped(() => Math.random()) }),
  prepare: (host) => ({ prepare: host.wrapped((messages) => messages) }),
  'prepare, later': (host) => ({
    prepare: async (messages) => {
      await ticks(1)
      host.use()
      return messages
    },
  }),
  countTokens: (host) => ({ countTokens: host.wrapped((text) => text.length) }),
  logger: (host) => {
    const log = host.wrapped(() => {})
    return { logger: { debug: log, info: log, warn: log, error: log } }
  },
  'logger, later': (host) => {
    const log = (() => Promise.resolve().then(() => host.use())) as () => void
    return { logger: { debug: log, info: log, warn: log, error: log } }
  },
}

function clockWith(faulty: Partial<Clock>): Clock {
  return {
    now: () => Date.now(),
    setTimeout: (fn, ms) => setTimeout(fn, ms),
    clearTimeout: (id) => clearTimeout(id as NodeJS.Timeout),
    ...faulty,
  }
}

interface Course {
  readonly scripts: readonly Script[]
  /** What the engine is made with besides. */
  readonly options?: EngineOptions
  /** What a host does with the running turn. */
  readonly act?: (turn: Turn) => Promise<unknown>
  readonly text: RegExp
  /** The code of the failure without a fault, if there is one. */
  readonly code?: string
}

const title = json({ choices: [{ index: 0, message: { content: 'A title' } }] })
const busy = json({ error: { message: 'busy' } }, { status: 503 })

const TOOLS: Readonly<Record<string, Tool>> = {
  note: {
    execute: async (__, call) => {
      call.progress('half')
      await ticks(1)
      return 'noted'
    },
  },
  bad: { execute: () => Promise.reject(new Error('no')) },
  wait: { execute: () => new Promise(() => {}) },
}

const COURSES: Readonly<Record<string, Course>> = {
  'a plain turn': {
    scripts: [streamed(['Once', ' upon', ' a time'])],
    text: /^(Once( upon( a time)?)?)?$/,
  },
  'a turn that is retried': {
    scripts: [busy, streamed(['Once'])],
    text: /^(Once)?$/,
    // What the attempt failed with, where the next one cannot be planned.
    code: 'overloaded',
  },
  'a turn that fails': { scripts: [busy, busy, busy], text: /^$/, code: 'overloaded' },
  'a turn that breaks off': {
    scripts: [streamed(['Half'], { finishReason: null, done: false })],
    text: /^(Half)?$/,
    code: 'stream-truncated',
  },
  'a JSON answer': {
    scripts: [
      json({ choices: [{ index: 0, message: { content: 'Whole' }, finish_reason: 'stop' }] }),
    ],
    text: /^(Whole)?$/,
  },
  'a turn that is cancelled': {
    scripts: [endless('go ')],
    act: async (turn) => {
      await outcomeOf(shown(turn, 1))
      await turn.cancel()
    },
    text: /^(go )*$/,
  },
  'a turn whose tools run': {
    options: { tools: TOOLS, limits: { parallelTools: 1 } },
    scripts: [calling({ name: 'note' }, { name: 'bad' }, { name: 'unknown' }), done],
    text: /^(Done\.)?$/,
  },
  'a turn that is cancelled while a tool runs': {
    options: { tools: TOOLS, timeouts: { toolCloseMs: 0 } },
    scripts: [calling({ name: 'note' }, { name: 'wait' })],
    act: async (turn) => {
      await outcomeOf(nextEvent(turn.events, 'tool.finished'))
      await turn.cancel()
    },
    text: /^$/,
  },
}

/** An engine with a faulty host, and a way to play a course on it. */
async function faultyEngine(course: Course, faulty: (host: FaultyHost) => EngineOptions) {
  const host = new FaultyHost()
  const provider = await testProvider()
  const engine = await createEngine({
    database: ':memory:',
    emitIntervalMs: 1,
    checkpointMs: 1,
    retry: { baseDelayMs: 0 },
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    ...course.options,
    ...faulty(host),
  })
  await engine.putEndpoint('online', { url: provider.url, model: 'm' })
  let scripts: Script[] = []
  provider.always((exchange) => {
    if (exchange.body.stream !== true) return title(exchange)
    return (scripts.shift() ?? streamed(['And now']))(exchange)
  })
  return { engine, host, play }

  /** Plays it in a new conversation. Returns how often the host's function was used meanwhile. */
  async function play(at: number, isLasting: boolean): Promise<number> {
    const { id } = await engine.startConversation({ title: 'Named' })
    const watching = engine.events(id).subscribe()
    scripts = [...course.scripts]

    host.failAt(at, isLasting)
    const sent = await outcomeOf(engine.send(id, 'hi'))
    if ('value' in sent) await expectEnd(sent.value)
    else {
      expect(sent.error).toMatchObject({ name: 'ColloquyError', code: 'internal' })
      expect(String(sent.error)).not.toContain('secret detail')
      // The input may be on disk: then its turn is being ended.
      const running = engine.runningTurn(id)
      if (running !== undefined) await outcomeOf(running.reply)
    }
    const { uses } = host
    host.failAt(Infinity, false)

    await ticks(1)
    expect(engine.runningTurn(id)).toBeUndefined()
    for (const record of await engine.listTurns(id)) {
      expect(['done', 'cancelled', 'failed']).toContain(record.status)
      if (record.status !== 'failed') continue
      expect(['internal', 'prepare-failed', course.code]).toContain(record.error?.code)
      expect(JSON.stringify(record)).not.toContain('secret detail')
    }
    scripts = []
    const next = await engine.send(id, 'and now')
    expect((await next.reply).message.text).toBe('And now')
    watching.unsubscribe()
    return uses
  }

  async function expectEnd(turn: Turn): Promise<void> {
    const events = lastValueFrom(turn.events.pipe(toArray()))
    const acted = course.act?.(turn)
    const outcome = await outcomeOf<unknown>(turn.reply)
    await acted
    const record = await engine.getTurn(turn.id)
    const reply = (await engine.listMessages(turn.conversationId))[1]
    expect((await events).at(-1)?.type).toBe(`turn.${record?.status}`)
    expect(reply?.text ?? '').toMatch(course.text)
    await expectAnswered(turn, reply?.parts ?? [])
    if ('value' in outcome) return expect(outcome.value).toEqual({ message: reply, turn: record })
    const code = record?.error?.code ?? 'cancelled'
    expect(outcome.error).toMatchObject({ name: 'ColloquyError', code })
    expect((outcome.error as { partial?: unknown }).partial).toEqual(reply)
  }

  /** Each call that is on disk is over, and has one result. */
  async function expectAnswered(turn: Turn, parts: readonly Part[]): Promise<void> {
    const calls = await engine.listCalls(turn.id)
    const results = parts.flatMap((part) =>
      part.type === 'tool-result' ? [[part.toolCallId, part.code]] : [],
    )
    for (const { toolCallId, state, code } of calls) {
      expect(['finished', 'failed', 'refused', 'stopped', 'not-run']).toContain(state)
      expect(results.filter(([id]) => id === toolCallId)).toEqual([[toolCallId, code]])
    }
  }
}

/** What reaches the host's process by no call of its own. */
function uncaught(): readonly unknown[] {
  const errors: unknown[] = []
  const note = (error: unknown) => void errors.push(error)
  process.on('uncaughtException', note).on('unhandledRejection', note)
  onTestFinished(() => void process.off('uncaughtException', note).off('unhandledRejection', note))
  return errors
}

describe.each(Object.entries(COURSES))('%s', (_, course) => {
  test.each(Object.entries(FUNCTIONS))(
    'ends and is saved, at whatever use %s throws',
    async (__, faulty) => {
      const errors = uncaught()
      const { engine, host, play } = await faultyEngine(course, faulty)
      for (const isLasting of [false, true]) {
        // Until the turn is over before the use that would throw.
        let at = 1
        while ((await play(at, isLasting)) >= at) at += 1 + Math.floor(at / 10)
      }
      // Closing does not depend on the host either.
      const { id } = await engine.startConversation()
      const turn = await engine.send(id, 'hi')
      host.failAt(1, true)
      await engine.close()
      await outcomeOf(turn.reply)
      await ticks(5)
      expect(errors).toEqual([])
    },
    30_000,
  )
})
