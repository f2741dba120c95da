/** Any schedule of a stream ends with the stored text, and no request breaks the handler. */
import * as fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import { createHandler, type Handler } from '../../src/http.ts'
import { ROUTES } from '../../src/http/routes/routes.ts'
import type { Engine } from '../../src/index.ts'
import { chatReply, steps } from '../../src/testing.ts'
import { testChat } from '../support/engine.ts'
import { ticks } from '../support/waiting.ts'
import { everyRoute } from './every-route.ts'
import { StreamReader } from './stream-reader.ts'
import { byHeader, loggerInto } from './web-host.ts'

/** A reader that reads when the test says so, from a stream without sockets in between. */
class ManualReader extends StreamReader {
  readonly #body: ReadableStreamDefaultReader<Uint8Array>
  #reading: Promise<void> | undefined

  private constructor(response: Response) {
    super()
    this.status = response.status
    this.#body = (response.body as ReadableStream<Uint8Array>).getReader()
  }

  static async join(handler: Handler, id: string, from?: ManualReader, by?: 'have' | 'id') {
    const have = from === undefined || by !== 'have' ? '' : `?have=${encodeURIComponent(from.have)}`
    const headers = {
      'x-user': 'ada',
      ...(by === 'id' && from?.lastId !== undefined && { 'last-event-id': from.lastId }),
    }
    const url = `http://localhost/api/conversations/${id}/events${have}`
    const reader = new ManualReader(await handler(new Request(url, { headers })))
    if (from !== undefined && by !== undefined) reader.continueFrom(from)
    return reader
  }

  /** Reads one piece, or waits for it with the next call. */
  async pump(): Promise<void> {
    this.#reading ??= this.#body.read().then(({ done, value }) => {
      this.#reading = undefined
      if (done) this.isOver = true
      else this.feed(value)
    })
    await Promise.race([this.#reading, ticks(2)])
  }

  async pumpUntil(holds: () => boolean): Promise<void> {
    while (!holds() && !this.isOver) {
      await this.pump()
      await this.#reading
    }
  }

  async cut(): Promise<void> {
    await this.#body.cancel()
    this.isOver = true
  }
}

const isEnd = ({ event }: { event: string }) => /^turn\.(done|cancelled)$/.test(event)

type Move =
  | { readonly type: 'delta' }
  | { readonly type: 'join' }
  | { readonly type: 'rejoin'; readonly of: number; readonly by: 'have' | 'id' }
  | { readonly type: 'cut'; readonly of: number }
  | { readonly type: 'read'; readonly of: number; readonly times: number }

const move: fc.Arbitrary<Move> = fc.oneof(
  { weight: 8, arbitrary: fc.record({ type: fc.constant('delta' as const) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('join' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('rejoin' as const),
      of: fc.nat(3),
      by: fc.constantFrom('have' as const, 'id' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('cut' as const), of: fc.nat(3) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('read' as const),
      of: fc.nat(3),
      times: fc.integer({ min: 1, max: 12 }),
    }),
  },
)

const piece = fc.oneof(
  fc.string({ minLength: 1, maxLength: 20, unit: 'binary' }),
  fc.constantFrom('\n\ndata: x\n\n', '\u2028', '\u0000', 'x'.repeat(400), '👍', '\r'),
)

/** One turn of a schedule. */
interface Act {
  readonly texts: readonly string[]
  readonly moves: readonly Move[]
  readonly stops: boolean
}

/** Plays a turn to readers, some of whom come, leave or read slowly. All that stay go on to the next. */
async function play(
  engine: Engine,
  handler: Handler,
  id: string,
  readers: ManualReader[],
  { texts, moves, stops }: Act,
  step: (n?: number) => void,
) {
  const turn = await engine.as('ada').send(id, 'hi')
  const at = (n: number) => readers[n % readers.length]
  let given = 0
  const soFar = () => texts.slice(0, given).join('')
  for (const each of moves) {
    const reader = 'of' in each ? at(each.of) : undefined
    // The last one ends the reply.
    if (each.type === 'delta' && given < texts.length - 1) {
      given += 1
      step(1)
      for await (const { text } of turn.snapshots()) if (text.length >= soFar().length) break
    } else if (each.type === 'join') readers.push(await ManualReader.join(handler, id))
    else if (each.type === 'rejoin' && reader !== undefined) {
      readers.push(await ManualReader.join(handler, id, reader, each.by))
    } else if (each.type === 'cut' && reader?.isOver === false) await reader.cut()
    else if (each.type === 'read' && reader?.isOver === false) {
      for (let n = 0; n < each.times; n += 1) await reader.pump()
      const isOfTurn = reader.turnId === turn.id
      if (isOfTurn) expect(soFar().toWellFormed().startsWith(reader.text)).toBe(true)
    }
  }
  readers.push(await ManualReader.join(handler, id))
  const open = () => readers.filter(({ isOver }) => !isOver)
  // Before the end: what came is there, by deltas alone, however slowly it was read.
  const shown = turn.current()?.text ?? ''
  for (const reader of open()) {
    expect(reader.status).toBe(200)
    await reader.pumpUntil(() => reader.turnId === turn.id && reader.text === shown)
    expect([reader.text, reader.hasHole]).toEqual([shown, false])
  }
  if (stops) await engine.as('ada').cancel(id)
  step(texts.length + 1)
  await turn.reply.catch(() => undefined)
  const line = await engine.as('ada').listMessages(id)
  const stored = line.findLast((message) => message.turnId === turn.id && message.role !== 'user')
  for (const reader of open()) {
    await reader.pumpUntil(() =>
      reader.events.some((each) => isEnd(each) && each.data.turnId === turn.id),
    )
    expect(reader.hasHole).toBe(false)
    // What came as deltas alone, before the last event brought the whole message.
    expect((stored?.text ?? '').startsWith(reader.built)).toBe(true)
    expect(reader.text).toBe(stored?.text ?? '')
    expect(reader.events.every(({ event }) => event !== 'message')).toBe(true)
  }
  // One that comes after the end is told by the state that there is a line to load.
  const late = await ManualReader.join(handler, id, at(0), 'have')
  await late.pumpUntil(() => late.events.length > 0)
  expect(late.events[0]?.data).toMatchObject({ head: line.at(-1)?.id })
  expect(late.events[0]?.data).not.toHaveProperty('reply')
  await late.cut()
}

test('whatever happens on the way, every reader has what came, and ends with the stored text', async () => {
  const { provider, engine } = await testChat({ emitIntervalMs: 0 })
  // Nearly everybody is behind, nearly always.
  const handler = createHandler(engine, {
    authorize: byHeader,
    frameMs: 0,
    limits: { readerBytes: 100 },
  })
  onTestFinished(() => handler.close())
  const act = fc.record({
    texts: fc.array(piece, { minLength: 1, maxLength: 8 }),
    moves: fc.array(move, { maxLength: 30 }),
    stops: fc.boolean(),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(act, { minLength: 1, maxLength: 2 }), async (acts) => {
      const { id } = await engine.as('ada').startConversation()
      const readers: ManualReader[] = []
      for (const each of acts) {
        const { gate, step } = steps()
        // A turn that is stopped early never asks: its script must not be that of the next one.
        provider.always(chatReply(each.texts, { gate }))
        await play(engine, handler, id, readers, each, step)
      }
      for (const reader of readers) if (!reader.isOver) await reader.cut()
    }),
    { numRuns: 50 },
  )
}, 60_000)

test('no request at all gives a 500, or a byte of another owner', async () => {
  const log: string[] = []
  const { provider, engine } = await testChat()
  provider.always(chatReply(['canary-reply']))
  const handler = createHandler(engine, { authorize: byHeader, logger: loggerInto(log) })
  onTestFinished(() => handler.close())
  const turn = await engine
    .as('ada')
    .send('canary-conversation-1', 'canary-input', { startWith: { title: 'canary-title' } })
  const { message } = await turn.reply
  const ids = { conversation: 'canary-conversation-1', message: message.id, turn: turn.id }
  const routes = everyRoute(ids)
  const text = fc.oneof(
    fc.string({ maxLength: 30 }),
    fc.constantFrom(...Object.values(ids), '', '..', '%00', '\r\n', '__proto__'),
  )
  const field = fc.constantFrom(
    'constructor',
    ...new Set(ROUTES.flatMap(({ fields = [] }) => fields)),
  )
  const body = fc.oneof(
    fc
      .dictionary(
        field,
        fc.oneof(text, fc.jsonValue(), fc.constant([{ type: 'text', text: 'x' }])),
        { maxKeys: 4 },
      )
      .map((value) => JSON.stringify(value)),
    fc.json(),
    fc.string({ unit: 'binary' }),
  )
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...routes),
      fc.constantFrom('GET', 'POST', 'PATCH', 'PUT', 'DELETE', 'OPTIONS', undefined),
      body,
      fc.dictionary(
        fc.constantFrom(
          'limit',
          'after',
          'before',
          'archived',
          'have',
          'conversation',
          'owner',
          'x',
        ),
        text,
      ),
      fc.dictionary(
        fc.constantFrom(
          'last-event-id',
          'idempotency-key',
          'accept',
          'if-none-match',
          'content-encoding',
          'content-type',
          'content-length',
          'origin',
          'sec-fetch-site',
          'host',
          'x-forwarded-host',
          'cookie',
          'x-http-method-override',
          'x-original-url',
        ),
        fc.string({ unit: fc.constantFrom('a', '~', '1', '"', ',', ';', '/', '*'), maxLength: 30 }),
      ),
      fc.option(text),
      async (route, other, sent, query, headers, tail) => {
        const method = other ?? route.method
        const path =
          tail === null ? route.path : `${route.path}/${encodeURIComponent(tail.toWellFormed())}`
        const search = new URLSearchParams(query).toString()
        const response = await handler(
          new Request(`http://localhost/api${path}?${search}`, {
            method,
            headers: { 'content-type': 'application/json', ...headers, 'x-user': 'bob' },
            ...(method !== 'GET' && { body: sent }),
          }),
        )
        expect([method, path, response.status]).not.toEqual([method, path, 500])
        if (response.headers.get('content-type')?.includes('event-stream') === true) {
          const { value } = (await response.body?.getReader().read()) ?? {}
          expect(new TextDecoder().decode(value)).not.toContain('canary')
          await response.body?.cancel().catch(() => undefined)
        } else expect(await response.text()).not.toContain('canary')
      },
    ),
    { numRuns: 400 },
  )
  expect(await engine.as('ada').listMessages(ids.conversation)).toHaveLength(2)
  expect(log.filter((line) => line.startsWith('A request failed'))).toEqual([])
})

test('a reader that stops reading gets what it missed in one piece, and slows nobody', async () => {
  const { provider, engine } = await testChat({ emitIntervalMs: 0 })
  const handler = createHandler(engine, {
    authorize: byHeader,
    frameMs: 0,
    limits: { readerBytes: 100 },
  })
  onTestFinished(() => handler.close())
  const texts = Array.from({ length: 12 }, (_, n) => `${n}`.repeat(300))
  const { gate, step } = steps()
  provider.next(chatReply(texts, { gate }))
  const { id } = await engine.as('ada').startConversation()
  const turn = await engine.as('ada').send(id, 'hi')
  const shown = async (count: number) => {
    const wanted = texts.slice(0, count).join('').length
    for await (const { text } of turn.snapshots()) if (text.length >= wanted) break
  }
  const slow = await ManualReader.join(handler, id)
  const fast = await ManualReader.join(handler, id)
  await slow.pumpUntil(() => slow.events.length > 0)
  await fast.pumpUntil(() => fast.events.length > 0)
  for (let count = 1; count <= 10; count += 1) {
    step(1)
    await shown(count)
    await fast.pumpUntil(() => fast.text === texts.slice(0, count).join(''))
  }
  await slow.pumpUntil(() => slow.text === texts.slice(0, 10).join(''))

  expect(slow.hasHole).toBe(false)
  const deltas = slow.events.filter(({ event }) => event === 'reply.delta').length
  expect(deltas).toBeLessThan(5)
  expect(fast.events.filter(({ event }) => event === 'reply.delta').length).toBeGreaterThan(5)
  step(2)
  await slow.pumpUntil(() => slow.events.some(isEnd))
  expect(slow.text).toBe(texts.join(''))
})

test('a reader that stays behind is cut', async () => {
  const { provider, engine } = await testChat({ emitIntervalMs: 0 })
  const limits = { readerBytes: 100, behindMs: 50 }
  const handler = createHandler(engine, { authorize: byHeader, frameMs: 0, limits })
  onTestFinished(() => handler.close())
  provider.next(chatReply(['x'.repeat(500), 'y'.repeat(500), 'z']))
  const { id } = await engine.as('ada').startConversation()
  const url = `http://localhost/api/conversations/${id}/events`
  const response = await handler(new Request(url, { headers: { 'x-user': 'ada' } }))
  const turn = await engine.as('ada').send(id, 'hi')
  await turn.reply
  const body = (response.body as ReadableStream<Uint8Array>).getReader()
  const cut = await body.closed.catch((error: unknown) => error)

  expect(cut).toMatchObject({ name: 'AbortError' })
})
