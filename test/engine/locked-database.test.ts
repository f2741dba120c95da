/** A database that another program writes to, or that refuses writes. */
import { once } from 'node:events'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { describe, expect, test } from 'vitest'
import type { ConversationEvent, Turn } from '../../src/index.ts'
import { startChild } from '../persistence/child.ts'
import { testChat, testDatabase, testEngine } from '../support/engine.ts'
import { foreignWriter } from '../support/foreign-writer.ts'
import { Inspection } from '../support/inspection.ts'
import { closedGate, endless, streamed } from '../support/scripts.ts'
import { eventLog, nextEvent, outcomeOf, shown } from '../support/waiting.ts'

/** The warnings are expected. */
const logger = { debug() {}, info() {}, warn() {}, error() {} }

const REFUSE_REPLIES =
  "create trigger refuse before insert on message when new.role = 'assistant' begin select raise(abort, 'no'); end"

function typesIn(log: readonly ConversationEvent[]): readonly string[] {
  return log.map(({ type }) => type).filter((type) => !type.startsWith('reply.'))
}

test('a lock that is held for 2 s delays writes, never the event loop or the deltas', async () => {
  const database = await testDatabase()
  const { provider, engine, conversation } = await testChat({ database, logger })
  // Warm-up: everything that happens during the lock has happened before.
  for (let n = 0; n < 5; n += 1) await (await engine.send(conversation.id, 'hello')).reply
  const ending = await engine.startConversation()
  const streaming = await engine.startConversation()
  const gate = closedGate()
  provider.next(streamed(['Once', ' upon'], { gate: (n) => (n === 1 ? gate.opened : undefined) }))
  const toEnd = await engine.send(ending.id, 'to be saved while it is locked')
  await shown(toEnd, 1)
  provider.next(endless('word ', 5))
  const stream = await engine.send(streaming.id, 'go on')
  await shown(stream, 1)

  const { child } = await startChild('hold-write-lock', database, '2000')
  const unlocked = once(child, 'disconnect').then(() => performance.now())
  const lockedAt = performance.now()
  const delay = monitorEventLoopDelay({ resolution: 5 })
  delay.enable()
  let deltas = 0
  const counting = engine.events(streaming.id).subscribe(({ type }) => {
    if (type === 'reply.delta') deltas += 1
  })
  const log = eventLog(engine, ending.id)
  const saveFailed = nextEvent(engine.events(ending.id), 'turn.save-failed')
  const settled: string[] = []
  gate.open()
  const saved = toEnd.reply.then(() => settled.push('reply'))
  const accepted = engine.send(conversation.id, 'hello').then((turn) => {
    settled.push('send')
    return turn
  })
  const failure = await saveFailed
  const whileLocked = {
    settled: [...settled],
    turn: await engine.getTurn(toEnd.id),
    messages: await engine.listMessages(ending.id),
  }
  const unlockedAt = await unlocked
  const during = deltas
  delay.disable()
  counting.unsubscribe()
  await saved
  const { message } = await (await accepted).reply
  await stream.cancel()

  expect(unlockedAt - lockedAt).toBeGreaterThan(1_500)
  expect(failure).toMatchObject({
    error: { code: 'database-busy' },
    failures: 1,
    retryInMs: expect.any(Number),
  })
  expect(whileLocked).toMatchObject({ settled: [], turn: { status: 'streaming' } })
  expect(whileLocked.messages).toHaveLength(1)
  expect(during).toBeGreaterThan(100)
  // Waiting inside SQLite would block the loop for two seconds. The bound allows for a busy
  // machine.
  expect(delay.max / 1e6).toBeLessThan(500)
  expect(typesIn(log).at(-1)).toBe('turn.done')
  expect((await toEnd.reply).message.text).toBe('Once upon')
  expect(message.text).toBe('Hello')
})

describe('a reply that cannot be saved', () => {
  test('keeps its text, shows itself, and is saved as soon as that is possible', async () => {
    const database = await testDatabase()
    const { provider, engine, conversation } = await testChat({ database, logger })
    const foreign = foreignWriter(database)
    const { id } = conversation
    provider.next(streamed(['Once', ' upon'], { usage: { prompt_tokens: 9 } }))
    foreign.run(REFUSE_REPLIES)
    const log = eventLog(engine, id)
    const inspection = new Inspection(engine)

    const turn = await engine.send(id, 'a story')
    let isSettled = false
    void turn.reply.then(() => (isSettled = true))
    const failures = [await nextEvent(engine.events(id), 'turn.save-failed')]
    failures.push(await nextEvent(engine.events(id), 'turn.save-failed'))
    const meanwhile = {
      turn: await engine.getTurn(turn.id),
      isSettled,
      types: typesIn(log),
      states: statesIn(inspection),
    }
    const second = await outcomeOf(engine.send(id, 'another'))
    const text = await firstText(engine.runningTurn(id) as Turn)
    foreign.run('drop trigger refuse')
    const { message } = await turn.reply

    expect(failures).toMatchObject([
      { error: { code: 'database-failed' }, failures: 1, turnId: turn.id },
      { error: { code: 'database-failed' }, failures: 2 },
    ])
    expect(meanwhile).toMatchObject({ isSettled: false, turn: { status: 'streaming' } })
    expect(meanwhile.states.turn).toContain('waitingToSave')
    expect(meanwhile.states.turn).not.toContain('done')
    expect(meanwhile.states.conversation.at(-1)).toBe('streaming')
    expect(statesIn(inspection).conversation.at(-1)).toBe('done')
    expect(meanwhile.types.filter((type) => type !== 'turn.phase')).toEqual([
      'turn.accepted',
      'turn.save-failed',
      'turn.save-failed',
    ])
    expect(second).toMatchObject({ error: { code: 'turn-running' } })
    expect(text).toBe('Once upon')
    expect(message).toMatchObject({ text: 'Once upon', usage: { inputTokens: 9 } })
    expect((await engine.listMessages(id)).at(-1)).toEqual(message)
    expect(typesIn(log).at(-1)).toBe('turn.done')
  })

  test('is on the error when the engine closes before', async () => {
    const database = await testDatabase()
    const { provider, engine, conversation } = await testChat({ database, logger })
    const foreign = foreignWriter(database)
    foreign.run(REFUSE_REPLIES)
    provider.next(streamed(['Once', ' upon']))
    const turn = await engine.send(conversation.id, 'a story')
    await nextEvent(turn.events, 'turn.save-failed')

    await engine.close({ timeoutMs: 50 })
    const { error } = (await outcomeOf(turn.reply)) as { error: unknown }
    foreign.run('drop trigger refuse')
    const again = await testEngine({ database })

    expect(error).toMatchObject({
      code: 'save-failed',
      partial: { text: 'Once upon', role: 'assistant' },
    })
    expect(await again.getTurn(turn.id)).toMatchObject({ status: 'interrupted' })
  })

  test('does not hold back a cancel’s receipt once it is saved', async () => {
    const database = await testDatabase()
    const { provider, engine, conversation } = await testChat({ database, logger })
    const foreign = foreignWriter(database)
    foreign.run(REFUSE_REPLIES)
    provider.next(endless())
    const turn = await engine.send(conversation.id, 'go on')
    await shown(turn, 1)
    const failed = nextEvent(turn.events, 'turn.save-failed')

    const receipt = turn.cancel()
    await failed
    foreign.run('drop trigger refuse')

    expect(await receipt).toMatchObject({ outcome: 'cancelled', upstreamAborted: true })
    const [, partial] = await engine.listMessages(conversation.id)
    expect(partial).toMatchObject({ status: 'cancelled', id: (await receipt).savedMessageId })
  })
})

describe('an input that cannot be recorded', () => {
  test('is refused, with nothing stored, sent or told', async () => {
    const database = await testDatabase()
    const { provider, engine, conversation } = await testChat({ database, logger })
    const foreign = foreignWriter(database)
    foreign.run("create trigger refuse before insert on turn begin select raise(abort, 'no'); end")
    const log = eventLog(engine)

    await expect(engine.send(conversation.id, 'hello')).rejects.toMatchObject({
      code: 'database-failed',
    })

    expect(await engine.listMessages(conversation.id)).toEqual([])
    expect(await engine.listTurns(conversation.id)).toEqual([])
    expect(engine.runningTurn(conversation.id)).toBeUndefined()
    expect([log, provider.socketsOpened]).toEqual([[], 0])
    foreign.run('drop trigger refuse')
    expect((await (await engine.send(conversation.id, 'hello')).reply).message.text).toBe('Hello')
  })

  test('can be withdrawn while it waits for the lock', async () => {
    const database = await testDatabase()
    const { provider, engine, conversation } = await testChat({ database, logger })
    const foreign = foreignWriter(database)
    foreign.lock()
    const stop = new AbortController()

    const sending = outcomeOf(engine.send(conversation.id, 'hello', { signal: stop.signal }))
    await expect(engine.listMessages(conversation.id)).resolves.toEqual([])
    stop.abort()
    const outcome = await sending
    foreign.unlock()

    expect(outcome).toMatchObject({ error: { code: 'cancelled' } })
    expect(provider.socketsOpened).toBe(0)
    expect((await (await engine.send(conversation.id, 'again')).reply).message.text).toBe('Hello')
    expect(await engine.listMessages(conversation.id)).toHaveLength(2)
  })
})

test('an engine waits for the lock that it finds when it opens', async () => {
  const { database } = await existingDatabase()
  const { child } = await startChild('hold-write-lock', database, '300')
  let isFree = false
  child.once('disconnect', () => (isFree = true))

  const engine = await testEngine({ database })

  expect(await engine.listConversations()).toHaveLength(1)
  expect(isFree).toBe(true)
})

/** The states that conversations and turns entered, in order. */
function statesIn({ events }: Inspection) {
  const states = { conversation: [] as unknown[], turn: [] as unknown[] }
  for (const event of events) {
    if (event.type !== '@xstate.snapshot') continue
    const { value, context } = event.snapshot as { value?: unknown; context?: object }
    if (context === undefined || !('turnId' in context)) continue
    states['conversationId' in context ? 'conversation' : 'turn'].push(value)
  }
  return states
}

async function firstText(turn: Turn): Promise<string | undefined> {
  for await (const { text } of turn.snapshots()) return text
  return undefined
}

async function existingDatabase() {
  const database = await testDatabase()
  const engine = await testEngine({ database })
  await engine.startConversation({ id: 'c' })
  await engine.close()
  return { database }
}
