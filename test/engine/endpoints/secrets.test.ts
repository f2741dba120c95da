/** No secret appears in anything that a host can see, or on disk. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect } from 'node:util'
import { beforeAll, expect, test } from 'vitest'
import type { InspectionEvent } from 'xstate'
import {
  ColloquyError,
  createEngine,
  type Engine,
  type Logger,
  type Turn,
} from '../../../src/index.ts'
import {
  canaries,
  canariesIn,
  canariesReachableFrom,
  canariesShownBy,
} from '../../support/canaries.ts'
import { bytesOnDisk } from '../../support/database-file.ts'
import { type Exchange, type Script, startProvider } from '../../support/provider.ts'
import { chunk, closedGate, json, streamed } from '../../support/scripts.ts'

/** The secrets in a request that the provider received. */
function toldBy({ headers }: Exchange) {
  return {
    key: String(headers.authorization),
    tenant: String(headers['x-tenant']),
    trace: String(headers['x-trace']),
  }
}

/** All secrets of a request in one line. */
function echo(exchange: Exchange): string {
  const { key, tenant, trace } = toldBy(exchange)
  return `got ${key}, ${tenant} and ${trace}`
}

/** Providers that repeat the secrets they received, each in another place of its answer. */
const echoes: Readonly<Record<string, Script>> = {
  'a 401 as JSON': (exchange) =>
    json(
      {
        error: {
          message: `Incorrect API key provided: ${echo(exchange)}`,
          type: `invalid ${toldBy(exchange).tenant}`,
          code: exchange.headers.authorization,
        },
      },
      { status: 401 },
    )(exchange),
  'a 500 as text': (exchange) => {
    exchange.response.writeHead(500, { 'content-type': 'text/plain' })
    exchange.response.end(`Internal error: ${echo(exchange)}`)
  },
  'a 500 as JSON within JSON': (exchange) =>
    json(
      {
        error: {
          message: 'Upstream failed',
          metadata: { raw: JSON.stringify({ error: { message: echo(exchange) } }) },
        },
      },
      { status: 500 },
    )(exchange),
  'a 422 as a list of details': (exchange) =>
    json(
      { detail: [{ loc: ['header', exchange.headers['x-trace']], msg: echo(exchange) }] },
      { status: 422 },
    )(exchange),
  'a 500 that is cut in the middle of the key': (exchange) => {
    const { response } = exchange
    const { key, tenant } = toldBy(exchange)
    response.writeHead(500, { 'content-type': 'application/json' })
    response.end(`{"error":{"message":"for ${key} and \\"${tenant}`)
  },
  'the status text': (exchange) => {
    const { response } = exchange
    const { key, tenant } = toldBy(exchange)
    response.writeHead(418, `No tea for ${key} ${tenant}`, { 'x-echo': key })
    response.end()
  },
  'a redirect': (exchange) => {
    const { key, tenant } = toldBy(exchange)
    exchange.response.writeHead(302, { location: `http://${tenant}.example/${key.slice(7)}` })
    exchange.response.end()
  },
  'an error in mid-stream': (exchange) => {
    exchange.write(chunk({ content: 'Once' }))
    exchange.done({ error: { message: echo(exchange), code: exchange.headers.authorization } })
  },
  'an error event in mid-stream': (exchange) => {
    exchange.write(chunk({ content: 'Once' }))
    const error = { message: echo(exchange), type: exchange.headers['x-trace'] }
    exchange.done(`event: error\ndata: ${JSON.stringify({ error })}\n\n`)
  },
  'a 200 that holds an error': (exchange) =>
    json({ error: { message: echo(exchange), code: exchange.headers['x-trace'] } })(exchange),
  'a 200 that is no answer': (exchange) => {
    exchange.response.writeHead(200, { 'content-type': 'text/html' })
    exchange.response.end(`<p>${echo(exchange)}</p>`)
  },
}

/**
 * The values that a host saw while providers echoed secrets: a count, and the values that leaked.
 */
const seen = {
  events: nothing(),
  errors: nothing(),
  inspection: nothing(),
  log: nothing(),
  values: nothing(),
}
const disk: Buffer[] = []
/** The errors that the host received. */
const errors: ColloquyError[] = []
let whatWasSent = ''

beforeAll(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'colloquy-'))
  await using provider = await startProvider()
  const database = join(folder, 'chat.db')
  const engine = await createEngine({
    database,
    emitIntervalMs: 0,
    secrets: { encryptionKey: 'correct horse battery staple' },
    logger: everyLine(),
    retry: { maxAttempts: 2, baseDelayMs: 1 },
  })
  engine.events().subscribe((event) => look('events', event))
  engine.inspect((record) => look('inspection', record))
  await engine.putEndpoint('online', {
    url: provider.url,
    apiKey: canaries.key,
    headers: { 'X-Tenant': canaries.header },
    model: 'm',
  })

  for (const [name, script] of Object.entries(echoes)) {
    provider.always(script)
    provider.models(script)
    await ask(engine, name)
    await engine.complete({ prompt: 'hello' }).catch(keep)
    await engine.listModels().catch(keep)
  }
  await askInPeace(engine, (script) => provider.always(script))

  disk.push(bytesOnDisk(database))
  whatWasSent = provider.requests.map(({ headers }) => JSON.stringify(headers)).join('\n')
  await engine.close()
  disk.push(bytesOnDisk(database))
  await rm(folder, { recursive: true })
})

/** Leaks are searched at once, since the objects behind an inspection record change later. */
function nothing() {
  return { count: 0, leaks: [] as unknown[] }
}

function look(place: keyof typeof seen, value: unknown): void {
  const leaks =
    place === 'inspection' ? canariesInRecord(value as InspectionEvent) : canariesShownBy(value)
  seen[place].count += 1
  if (leaks.length > 0) seen[place].leaks.push({ leaks, value })
}

function canariesInRecord(record: InspectionEvent): readonly string[] {
  const printed = [
    JSON.stringify(record),
    JSON.stringify(record.actorRef.getSnapshot()),
    inspect(record, { depth: 2, showHidden: true }),
  ]
  return [
    ...printed.flatMap(canariesIn),
    // Excluded: definitions, which are equal in all records, and the system and the parent, whose
    // actors have records of their own.
    ...canariesReachableFrom(record, ['logic', 'machine', 'system', '_parent']),
  ]
}

function everyLine(): Logger {
  const line = (details: object, message: string) => look('log', { details, message })
  return { debug: line, info: line, warn: line, error: line }
}

function keep(error: unknown): void {
  errors.push(error as ColloquyError)
  for (let each = error; each !== undefined; each = (each as Error).cause) look('errors', each)
}

async function ask(engine: Engine, title: string): Promise<Turn> {
  const { id } = await engine.startConversation({ title })
  const turn = await engine.send(id, 'hello', { headers: { 'x-trace': canaries.sendHeader } })
  turn.events.subscribe((event) => look('events', event))
  try {
    for await (const snapshot of turn.snapshots()) look('values', snapshot)
  } catch (error) {
    keep(error)
  }
  await turn.reply.catch(keep)
  await lookAround(engine, turn)
  return turn
}

/** A turn that succeeds, inspected in its middle. Then a turn that is cancelled. */
async function askInPeace(engine: Engine, answer: (script: Script) => void): Promise<void> {
  for (const isCancelled of [false, true]) {
    const gate = closedGate()
    answer(streamed(['Once', ' upon'], { gate: (n) => (n === 1 ? gate.opened : undefined) }))
    const { id } = await engine.startConversation()
    const turn = await engine.send(id, 'hello', { headers: { 'x-trace': canaries.sendHeader } })
    for await (const snapshot of turn.snapshots()) if (snapshot.text === 'Once') break
    // A new observer is told of the actors that live already.
    const observer = engine.inspect((record) => look('inspection', record))
    await lookAround(engine, turn)
    await lookAround(engine, engine.runningTurn(id) as Turn)
    if (isCancelled) look('values', await turn.cancel())
    gate.open()
    await turn.reply.catch(keep)
    observer.unsubscribe()
    await lookAround(engine, turn)
  }
}

/** Searches everything that a host can get hold of. */
async function lookAround(engine: Engine, turn: Turn): Promise<void> {
  const { conversationId } = turn
  const values = [
    engine,
    engine.events(),
    engine.events(conversationId),
    turn,
    turn.events,
    turn.reply,
    turn.snapshots(),
    turn.snapshots()[Symbol.asyncIterator](),
    await engine.getEndpoint('online'),
    await engine.getSettings(),
    await engine.getConversation(conversationId),
    await engine.listMessages(conversationId),
    await engine.getTurn(turn.id),
    await engine.listTurns(conversationId),
    await engine.cancel(conversationId, { turnId: 'another' }),
  ]
  for (const value of values) look('values', value)
}

test('the provider is sent every secret', () => {
  expect(canariesIn(whatWasSent)).toEqual(Object.values(canaries))
})

test.each(Object.entries(seen))('no secret is in the %s', (_, { count, leaks }) => {
  expect(count).toBeGreaterThan(0)
  expect(leaks).toEqual([])
})

test('no secret is in the database, its log or what lies beside it', () => {
  const contents = Buffer.concat(disk)

  expect(contents.includes('sealed_secrets')).toBe(true)
  expect(canariesIn(contents)).toEqual([])
})

test('says what a provider said, with the secrets struck out', () => {
  const messages = errors.map(({ message }) => message)

  expect(messages.some((message) => message.includes('Incorrect API key provided'))).toBe(true)
  expect(messages.filter((message) => message.includes('[redacted]')).length).toBeGreaterThan(10)
  expect(errors.every((error) => error instanceof ColloquyError)).toBe(true)
  expect(new Set(errors.map(({ code }) => code))).toContain('bad-key')
})
