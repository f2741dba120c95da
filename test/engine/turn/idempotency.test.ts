/** Idempotency keys: sends under one key are one turn. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { lastValueFrom, toArray } from 'rxjs'
import {
  createEngine,
  type Engine,
  type InputPart,
  type Part,
  type Turn,
} from '../../../src/index.ts'
import { testChat, testDatabase, testEngine, testProvider } from '../../support/engine.ts'
import { foreignWriter } from '../../support/foreign-writer.ts'
import type { Script } from '../../support/provider.ts'
import { closedGate, endless, json, streamed } from '../../support/scripts.ts'
import { outcomeOf, shown, ticks } from '../../support/waiting.ts'

const KEY = { idempotencyKey: 'k' }
const KEY_A = { idempotencyKey: 'a' }

/** Everything that the handle of an ended turn gives. */
async function readBack(turn: Turn) {
  const snapshots: unknown[] = []
  const loop = outcomeOf(
    (async () => {
      for await (const { text, status } of turn.snapshots()) snapshots.push({ text, status })
    })(),
  )
  return {
    id: turn.id,
    userMessage: turn.userMessage,
    reply: await outcomeOf(turn.reply),
    loop: await loop,
    snapshots,
    events: (await lastValueFrom(turn.events.pipe(toArray()))).map(({ type }) => type),
    receipt: await turn.cancel(),
  }
}

describe('a second send under a key', () => {
  test('while the first runs takes hold of the same run', async () => {
    const { provider, engine, conversation } = await testChat()
    const gate = closedGate()
    provider.next(streamed(['Once'], { gate: gate.opened }))
    const first = await engine.send(conversation.id, 'hi', KEY)
    await provider.request(0)

    const second = await engine.send(conversation.id, 'hi', KEY)

    expect(second.id).toBe(first.id)
    expect(second.userMessage).toEqual(first.userMessage)
    gate.open()
    expect(await second.reply).toBe(await first.reply)
    expect(await engine.listMessages(conversation.id)).toHaveLength(2)
    expect(provider.requests).toHaveLength(1)
  })

  test('in the same tick is the same turn, asked once', async () => {
    const { provider, engine, conversation } = await testChat()

    const turns = await Promise.all([1, 2, 3].map(() => engine.send(conversation.id, 'hi', KEY)))

    expect(new Set(turns.map(({ id }) => id)).size).toBe(1)
    await Promise.all(turns.map(({ reply }) => reply))
    expect(await engine.listTurns(conversation.id)).toHaveLength(1)
    expect(await engine.listMessages(conversation.id)).toHaveLength(2)
    expect(provider.requests).toHaveLength(1)
  })

  test('is a fresh try if the first was rejected, also one that waited for it', async () => {
    const { provider, engine, conversation } = await testChat()
    const first = outcomeOf(engine.send(conversation.id, 'hi', { ...KEY, endpoint: 'nowhere' }))
    const second = engine.send(conversation.id, 'hi', KEY)

    expect(await first).toMatchObject({ error: { code: 'endpoint-not-found' } })
    expect((await (await second).reply).message.text).toBe('Hello')
    const third = await engine.send(conversation.id, 'hi', KEY)
    expect(third.id).toBe((await second).id)
    expect(provider.requests).toHaveLength(1)
  })

  test.each([
    ['endpoint', { endpoint: 'nowhere' }, 'endpoint-not-found'],
    ['signal', { signal: 'aborted while it is recorded' }, 'cancelled'],
  ] as const)(
    'keeps its key when the refused one before it ends: refused by its %s',
    async (_, reason, code) => {
      const { provider, engine, conversation } = await testChat()
      const gate = closedGate()
      provider.next(streamed(['Once', ' upon'], { gate: gate.opened }))
      const abort = new AbortController()
      const options = 'signal' in reason ? { signal: abort.signal } : reason
      const first = outcomeOf(engine.send(conversation.id, 'hi', { ...KEY, ...options }))
      // Sent in the tick of the refusal: the first turn is refused, and not over yet.
      const second = first.then(() => engine.send(conversation.id, 'hi', KEY))
      abort.abort()
      expect(await first).toMatchObject({ error: { code } })
      const running = await second
      await provider.request(0)
      await ticks(5)

      const third = await engine.send(conversation.id, 'hi', KEY)
      const types = lastValueFrom(third.events.pipe(toArray()))
      gate.open()

      expect(third.id).toBe(running.id)
      expect((await third.reply).message.text).toBe('Once upon')
      expect((await types).at(-1)?.type).toBe('turn.done')
      expect(await engine.listTurns(conversation.id)).toHaveLength(1)
      expect(provider.requests).toHaveLength(1)
    },
  )

  test('is the turn that runs, after however many refusals in a row', async () => {
    const { provider, engine, conversation } = await testChat()
    const gate = closedGate()
    provider.next(streamed(['Once'], { gate: gate.opened }))
    for (let refused = 0; refused < 3; refused += 1) {
      const sent = engine.send(conversation.id, 'hi', { ...KEY, endpoint: `nowhere-${refused}` })
      expect(await outcomeOf(sent)).toMatchObject({ error: { code: 'endpoint-not-found' } })
    }
    const running = await engine.send(conversation.id, 'hi', KEY)
    for (let again = 0; again < 3; again += 1) {
      await ticks(again)
      expect((await engine.send(conversation.id, 'hi', KEY)).id).toBe(running.id)
    }
    gate.open()
    await running.reply
    expect(provider.requests).toHaveLength(1)
  })

  test('is a fresh try if the first was withdrawn while it was recorded', async () => {
    const { engine, conversation } = await testChat()
    const abort = new AbortController()
    const first = outcomeOf(engine.send(conversation.id, 'hi', { ...KEY, signal: abort.signal }))
    const second = engine.send(conversation.id, 'hi', KEY)
    abort.abort()

    expect(await first).toMatchObject({ error: { code: 'cancelled' } })
    expect((await (await second).reply).message.text).toBe('Hello')
    expect(await engine.listTurns(conversation.id)).toHaveLength(1)
  })

  test('cancels the turn of the first by its own signal', async () => {
    const { provider, engine, conversation } = await testChat()
    provider.next(endless('Once '))
    const first = await engine.send(conversation.id, 'hi', KEY)
    await shown(first, 1)
    const abort = new AbortController()
    await engine.send(conversation.id, 'hi', { ...KEY, signal: abort.signal })

    abort.abort()

    await expect(first.reply).rejects.toMatchObject({ code: 'cancelled' })
  })

  test('gives the ended turn while another one runs, and disturbs nothing', async () => {
    const { provider, engine, conversation } = await testChat()
    const first = await engine.send(conversation.id, 'hi', KEY)
    await first.reply
    const gate = closedGate()
    provider.next(streamed(['Two'], { gate: gate.opened }))
    const running = await engine.send(conversation.id, 'and?')

    const again = await engine.send(conversation.id, 'hi', KEY)

    expect((await again.reply).message.text).toBe('Hello')
    gate.open()
    expect((await running.reply).message.text).toBe('Two')
    expect(provider.requests).toHaveLength(2)
  })

  test('means nothing in another conversation', async () => {
    const { provider, engine, conversation } = await testChat()
    const other = await engine.startConversation()
    const turns = await Promise.all([
      engine.send(conversation.id, 'hi', KEY),
      engine.send(other.id, 'hello', KEY),
    ])
    await Promise.all(turns.map(({ reply }) => reply))
    expect(provider.requests).toHaveLength(2)
  })
})

describe('an ended turn that is sent again', () => {
  const SCRIPTS: Readonly<Record<string, Script>> = {
    tell: streamed(['Once', ' upon'], { usage: { prompt_tokens: 1 } }),
    stop: endless('Stop '),
    'stop at once': ({ closed }) => closed,
    fail: json({ error: { message: 'no' } }, { status: 400 }),
    'break off': streamed(['Half'], { finishReason: null, done: false }),
  }

  /** Turns with each possible end, each under its own key. */
  async function endings(engine: Engine, id: string): Promise<readonly Turn[]> {
    const turns: Turn[] = []
    for (const key of Object.keys(SCRIPTS)) {
      const turn = await engine.send(id, key, { idempotencyKey: key })
      turns.push(turn)
      if (key === 'stop') await shown(turn, 1)
      if (key.startsWith('stop')) await turn.cancel()
      await outcomeOf(turn.reply)
    }
    return turns
  }

  async function endedChat() {
    const provider = await testProvider()
    provider.always((exchange) => {
      const { messages } = exchange.body as { messages: { content: string }[] }
      // Questions without a reply are in the same message as the next one.
      return (SCRIPTS[messages.at(-1)?.content.split('\n').at(-1) ?? ''] as Script)(exchange)
    })
    const database = await testDatabase()
    const engine = await createEngine({ database, autoTitle: false })
    await engine.putEndpoint('online', { url: provider.url, model: 'm' })
    const { id } = await engine.startConversation()
    return { provider, database, engine, id }
  }

  test.each(['the same engine', 'another engine after a restart'])(
    'settles as it did, in %s',
    async (where) => {
      const { provider, database, engine, id } = await endedChat()
      const turns = await endings(engine, id)
      const before = await Promise.all(turns.map(readBack))
      const asked = provider.requests.length
      const stored = await engine.listMessages(id)
      let later = engine
      if (where !== 'the same engine') {
        await engine.close()
        later = await testEngine({ database })
      }

      for (const [n, { userMessage }] of turns.entries()) {
        const again = await later.send(id, userMessage.text, { idempotencyKey: userMessage.text })
        expect(await readBack(again)).toEqual({
          ...before[n],
          // The receipt of a turn that had ended before comes from the store.
          receipt: expect.objectContaining({ outcome: 'already-done' }) as unknown,
        })
      }

      expect(await later.listMessages(id)).toEqual(stored)
      expect(provider.requests).toHaveLength(asked)
      await engine.close()
    },
  )

  test('gives its last snapshot once to each reader, and nobody is made to await the reply', async () => {
    const { engine, id } = await endedChat()
    const [, cancelled] = await endings(engine, id)
    const again = await engine.send(id, 'stop', { idempotencyKey: 'stop' })
    const message = await engine.listMessages(id).then((all) => all[3])
    for (let n = 0; n < 2; n += 1) {
      const reader = again.snapshots()[Symbol.asyncIterator]()
      expect(await reader.next()).toMatchObject({
        value: { turnId: cancelled?.id, text: message?.text, status: 'cancelled' },
      })
      await expect(reader.next()).rejects.toMatchObject({ code: 'cancelled', partial: message })
      expect(await reader.next()).toMatchObject({ done: true })
    }
    await engine.close()
  })
})

describe('another input under a key that was used', () => {
  const conflict = { error: { code: 'idempotency-conflict' } }
  const result = { type: 'tool-result', toolCallId: 'c', toolName: 't', isError: false } as const

  test('is refused while the first is recorded, while it runs, and once it has ended', async () => {
    const { provider, engine, conversation } = await testChat()
    const gate = closedGate()
    provider.next(streamed(['Once'], { gate: gate.opened }))
    const sending = engine.send(conversation.id, 'hi', KEY)
    expect(await outcomeOf(engine.send(conversation.id, 'ho', KEY))).toMatchObject(conflict)
    const turn = await sending
    expect(await outcomeOf(engine.send(conversation.id, 'ho', KEY))).toMatchObject(conflict)
    gate.open()
    await turn.reply
    expect(await outcomeOf(engine.send(conversation.id, 'ho', KEY))).toMatchObject(conflict)
    expect(await engine.listMessages(conversation.id)).toHaveLength(2)
  })

  test.each<[string, string | readonly InputPart[], string | readonly InputPart[], boolean]>([
    ['text and the same as a part', 'hi', [{ type: 'text', text: 'hi' }], true],
    [
      'fields in another order',
      [{ type: 'text', text: 'hi', providerData: { a: 1, b: [2] } }],
      [{ providerData: { b: [2], a: 1 }, text: 'hi', type: 'text' }],
      true,
    ],
    [
      'fields that JSON leaves out',
      [{ type: 'text', text: 'hi', providerData: { a: undefined } }],
      [{ type: 'text', text: 'hi', providerData: {} }],
      true,
    ],
    ['a lone surrogate', 'hi \ud83d', 'hi \ud83d', true],
    ['text with a space more', 'hi', 'hi ', false],
    ['another output', [{ ...result, output: 1 }], [{ ...result, output: 2 }], false],
    ['another role', 'hi', [{ ...result, output: 'hi' }], false],
  ])('is told by what is stored: %s', async (_, first, second, isSame) => {
    const { engine } = await testChat()
    const call = { type: 'tool-call', toolCallId: 'c', toolName: 't', input: {}, inputText: '{}' }
    const { id } = await engine.startConversation({
      messages: [
        { role: 'user', content: 'a start' },
        { role: 'assistant', content: [call as Part] },
      ],
    })
    const turn = await engine.send(id, first, KEY)
    await outcomeOf(turn.reply)
    const again = await outcomeOf(engine.send(id, second, KEY))
    expect(again).toMatchObject(isSame ? { value: { id: turn.id } } : conflict)
  })
})

test('a turn says whether its send repeated a key', async () => {
  const database = await testDatabase()
  const { provider, engine, conversation } = await testChat({ database })
  const gate = closedGate()
  provider.next(streamed(['Once'], { gate: gate.opened }))
  const queue = (idempotencyKey: string) =>
    engine.send(conversation.id, 'hi', { idempotencyKey, sendPolicy: 'queue' })
  const [first, joined] = await Promise.all([queue('a'), queue('a')])
  const [queued, again] = [await queue('b'), await queue('b')]
  expect([first, joined, queued, again].map(({ isRepeat }) => isRepeat)).toEqual([
    false,
    true,
    false,
    true,
  ])
  gate.open()
  await queued.reply
  expect((await queue('a')).isRepeat).toBe(true)
  expect((await engine.send(conversation.id, 'hi')).isRepeat).toBe(false)
  expect((await engine.attachTurn(first.id)).isRepeat).toBe(false)
  await engine.close()

  const later = await testEngine({ database })
  expect((await later.send(conversation.id, 'hi', KEY_A)).isRepeat).toBe(true)
})

test.each([[''], ['k'.repeat(201)], [7 as never]])('refuses the key %j', async (idempotencyKey) => {
  const { engine, conversation } = await testChat()
  await expect(engine.send(conversation.id, 'hi', { idempotencyKey })).rejects.toMatchObject({
    code: 'invalid-option',
  })
})

test('a cancel in the tick of a send with a key finds it', async () => {
  const { provider, engine, conversation } = await testChat()
  const sending = outcomeOf(engine.send(conversation.id, 'hi', KEY))
  const receipt = await engine.cancel(conversation.id)
  expect(receipt).toMatchObject({ outcome: 'cancelled', from: 'recording' })
  // The write may have begun. Then the turn is stored as `cancelled`, and no request was made.
  const sent = await sending
  const turns = await engine.listTurns(conversation.id)
  if ('error' in sent) expect(sent.error).toMatchObject({ code: 'cancelled' })
  expect(turns.map(({ status }) => status)).toEqual('error' in sent ? [] : ['cancelled'])
  expect(provider.requests).toHaveLength(0)
})

test('of two sends in one tick the first is accepted, whichever has a key', async () => {
  for (const options of [
    [KEY, {}],
    [{}, KEY],
    [KEY, { idempotencyKey: 'other' }],
  ]) {
    const { engine, conversation } = await testChat()
    const [first, second] = options.map((each, n) =>
      outcomeOf(engine.send(conversation.id, `${n}`, each)),
    )
    expect(await first).toMatchObject({ value: { userMessage: { text: '0' } } })
    expect(await second).toMatchObject({ error: { code: 'turn-running' } })
  }
})

test('a key that another writer took after it was looked up gives the turn of that writer', async () => {
  const database = await testDatabase()
  const provider = await testProvider()
  let onId: (() => void) | undefined
  let ids = 0
  const engine = await testEngine({
    database,
    newId: () => {
      const act = onId
      onId = undefined
      act?.()
      return `id-${(ids += 1)}`
    },
  })
  await engine.putEndpoint('online', { url: provider.url, model: 'm' })
  await engine.startConversation({ id: 'c' })
  const other = foreignWriter(database)
  // The engine asks for an id when a turn begins. The store has just reported that the key is free.
  onId = () => {
    const insert = `insert into message (id, depth, position, role, parts, conversation_id, turn_id,
      status, created_at) values (?, ?, ?, ?, ?, 'c', 't', 'complete', 1)`
    other.run(insert, 'in', 1, 1, 'user', '[{"type":"text","text":"hi"}]')
    other.run(insert, 'out', 2, 2, 'assistant', '[{"type":"text","text":"there"}]')
    other.run(`insert into turn (id, conversation_id, position, input_message_id, status, epoch,
      reply_id, endpoint, model, attempts, started_at)
      values ('t', 'c', 1, 'in', 'done', 1, 'out', 'online', 'm', 1, 1)`)
    other.run(`insert into send_key (conversation_id, key, turn_id, message_id)
      values ('c', 'k', 't', 'in')`)
    other.run(`update conversation set messages = 2, turns = 1, head_message_id = 'out',
      head_depth = 2`)
  }

  const turn = await engine.send('c', 'hi', KEY)

  expect(turn.id).toBe('t')
  expect((await turn.reply).message.text).toBe('there')
  expect(await engine.listTurns('c')).toHaveLength(1)
  expect(provider.requests).toHaveLength(0)
})

test('whenever they come, sends under a key are one turn, asked once', async () => {
  const provider = await testProvider()
  const engine = await testEngine()
  await engine.putEndpoint('online', { url: provider.url, model: 'm' })
  const send = fc.record({
    key: fc.constantFrom('a', 'b', undefined),
    /** Turns of the event loop before this send. */
    wait: fc.constantFrom(0, 0, 1, 3, 20),
    isWithdrawn: fc.boolean(),
  })

  await fc.assert(
    fc.asyncProperty(fc.array(send, { minLength: 2, maxLength: 8 }), async (sends) => {
      const { id } = await engine.startConversation()
      const before = provider.requests.length
      const outcomes: ReturnType<typeof outcomeOf<Turn>>[] = []
      for (const { key, wait, isWithdrawn } of sends) {
        await ticks(wait)
        const abort = new AbortController()
        const options = { idempotencyKey: key, signal: abort.signal }
        outcomes.push(outcomeOf(engine.send(id, `input ${key}`, options)))
        if (isWithdrawn) abort.abort()
      }
      const settled = await Promise.all(outcomes)

      const turnsOf = new Map<string | undefined, Set<string>>()
      for (const [n, outcome] of settled.entries()) {
        if ('error' in outcome) {
          expect(outcome.error).toMatchObject({
            code: expect.stringMatching(/^(turn-running|cancelled)$/) as unknown,
          })
          continue
        }
        const { key } = sends[n] as (typeof sends)[number]
        turnsOf.set(key, (turnsOf.get(key) ?? new Set()).add(outcome.value.id))
        await outcomeOf(outcome.value.reply)
      }
      for (const key of ['a', 'b']) expect(turnsOf.get(key)?.size ?? 1).toBe(1)
      const turns = await engine.listTurns(id)
      expect(new Set(turns.map((turn) => turn.id))).toEqual(
        new Set([...turnsOf.values()].flatMap((ids) => [...ids])),
      )
      expect(provider.requests.length - before).toBeLessThanOrEqual(turns.length)
    }),
    { numRuns: 100 },
  )
}, 60_000)
