/** Deltas say their part, its opening and its end: a subscriber can build the reply from them. */
import { readFile } from 'node:fs/promises'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ConversationEvent, Delta, Engine, Part } from '../../src/index.ts'
import { BuiltReply } from '../support/built-reply.ts'
import { testEngine, testProvider } from '../support/engine.ts'
import * as messages from '../support/messages-events.ts'
import type { Provider } from '../support/provider.ts'
import { ended, outputItem, responseEvent } from '../support/response-events.ts'
import { chunk } from '../support/scripts.ts'
import { outcomeOf, ticks } from '../support/waiting.ts'

type DialectName = 'chat-completions' | 'responses' | 'messages'

/** What a model says, in the order of the wire. Parallel calls come with alternating fragments. */
type Block =
  | { readonly type: 'text'; readonly pieces: readonly string[] }
  | { readonly type: 'reasoning'; readonly pieces: readonly string[] }
  | { readonly type: 'picture'; readonly data: string }
  | { readonly type: 'calls'; readonly inputs: readonly (readonly string[])[] }

const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAAB'

const piece = fc.string({ minLength: 1, maxLength: 5 })
const pieces = fc.array(piece, { minLength: 1, maxLength: 4 })

/** The fragments of the arguments of a call. */
const input = fc
  .tuple(piece, fc.array(fc.nat({ max: 20 }), { maxLength: 4 }))
  .map(([value, cuts]) => {
    const text = JSON.stringify({ value })
    const places = [...new Set([0, ...cuts, text.length])].filter((at) => at <= text.length)
    const ordered = places.toSorted((a, b) => a - b)
    return ordered.slice(1).map((end, n) => text.slice(ordered[n], end))
  })

const block: fc.Arbitrary<Block> = fc.oneof(
  fc.record({ type: fc.constant('text' as const), pieces }),
  fc.record({ type: fc.constant('reasoning' as const), pieces }),
  fc.record({
    type: fc.constant('picture' as const),
    data: fc.nat().map((n) => Buffer.from(`picture ${n} `).toString('base64')),
  }),
  fc.record({
    type: fc.constant('calls' as const),
    inputs: fc.array(input, { minLength: 1, maxLength: 3 }),
  }),
)

/** The items of lists in turns: the first of each, the second of each, and so on. */
function alternating<T>(lists: readonly (readonly T[])[]): T[] {
  const longest = Math.max(...lists.map(({ length }) => length))
  return Array.from({ length: longest }, (_, n) =>
    lists.flatMap((list) => list.slice(n, n + 1)),
  ).flat()
}

const WIRES: Readonly<Record<DialectName, (blocks: readonly Block[]) => object[]>> = {
  'chat-completions': (blocks) => {
    let index = -1
    const events = blocks.flatMap((each): object[] => {
      if (each.type === 'text') return each.pieces.map((content) => chunk({ content }))
      if (each.type === 'reasoning') {
        return each.pieces.map((text) => chunk({ reasoning_content: text }))
      }
      if (each.type === 'picture') {
        const image = {
          type: 'image_url',
          image_url: { url: `data:image/png;base64,${PNG}${each.data}` },
        }
        return [chunk({ images: [image] })]
      }
      return alternating(
        each.inputs.map((fragments) => {
          const at = (index += 1)
          return fragments.map((text, n) => {
            const named = n === 0 ? { id: `call_${at}`, type: 'function' } : {}
            const called = { ...(n === 0 && { name: 'look' }), arguments: text }
            return chunk({ tool_calls: [{ index: at, ...named, function: called }] })
          })
        }),
      )
    })
    return [...events, chunk({}, { finish_reason: 'stop' })]
  },
  messages: (blocks) => {
    let index = -1
    const events = blocks.flatMap((each): object[] => {
      if (each.type === 'text') return messages.textBlock((index += 1), ...each.pieces)
      if (each.type === 'reasoning') {
        return messages.thinkingBlock((index += 1), `signature ${index}`, ...each.pieces)
      }
      if (each.type === 'picture') {
        const source = { type: 'base64', media_type: 'image/png', data: PNG + each.data }
        return messages.block((index += 1), { type: 'image', source })
      }
      return alternating(
        each.inputs.map((fragments) => {
          const at = (index += 1)
          return messages.toolBlock(at, `toolu_${at}`, 'look', ...fragments)
        }),
      )
    })
    return [messages.started(), ...events, messages.ended('tool_use'), messages.stopped]
  },
  responses: (blocks) => {
    let index = -1
    /** An item with the events of its growth. */
    const item = (
      type: string,
      grow: (place: object) => object[],
      fields: object,
      whole: object,
    ) => {
      const at = (index += 1)
      const known = { type, id: `item_${at}`, ...fields }
      return [
        responseEvent('response.output_item.added', { output_index: at, item: known }),
        ...grow({ output_index: at, item_id: `item_${at}` }),
        responseEvent('response.output_item.done', {
          output_index: at,
          item: { ...known, ...whole },
        }),
      ]
    }
    const events = blocks.flatMap((each): object[] => {
      if (each.type === 'picture') {
        return item('image_generation_call', () => [], {}, { result: PNG + each.data })
      }
      if (each.type === 'calls') {
        return alternating(
          each.inputs.map((fragments) => {
            const whole = { arguments: fragments.join('') }
            const growth = (place: object) => [
              ...fragments.map((delta) =>
                responseEvent('response.function_call_arguments.delta', { ...place, delta }),
              ),
              responseEvent('response.function_call_arguments.done', { ...place, ...whole }),
            ]
            const named = { call_id: `call_${index + 1}`, name: 'look', arguments: '' }
            return item('function_call', growth, named, whole)
          }),
        )
      }
      const { type, pieces: texts } = each
      const isText = type === 'text'
      const kind = isText ? 'output_text' : 'reasoning_summary_text'
      const growth = (place: object) =>
        texts.map((delta) =>
          responseEvent(`response.${kind}.delta`, {
            ...place,
            [isText ? 'content_index' : 'summary_index']: 0,
            delta,
          }),
        )
      const whole = outputItem(
        isText
          ? { type: 'message', texts: [texts.join('')] }
          : { type, texts: [texts.join('')], encrypted: 'sealed' },
        `item_${index + 1}`,
      )
      return item(isText ? 'message' : type, growth, { content: [], summary: [] }, whole)
    })
    return [
      responseEvent('response.created', { response: { model: 'm', output: [] } }),
      ...events,
      ended('completed'),
    ]
  },
}

interface Scenario {
  readonly blocks: readonly Block[]
  /** How many events each write has, in turns. */
  readonly writes: readonly number[]
  /** Where the stream is cut, as a share of its events. 1 = it is whole. */
  readonly cut: number
  /** The events during whose delivery other subscribers come: told what they missed, or asking. */
  readonly joins: readonly number[]
  /** Which earlier events are given again after each event. */
  readonly repeats: readonly number[]
}

const scenario: fc.Arbitrary<Scenario> = fc.record({
  blocks: fc.array(block, { minLength: 1, maxLength: 5 }),
  writes: fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 4 }),
  cut: fc.oneof(fc.constant(1), fc.double({ min: 0, max: 1, noNaN: true })),
  joins: fc.array(fc.integer({ min: 1, max: 25 }), { maxLength: 3 }),
  repeats: fc.array(fc.nat({ max: 6 }), { minLength: 1, maxLength: 3 }),
})

/** Plays a reply. Returns what each subscriber was told, and what is stored. */
async function play(
  provider: Provider,
  emitIntervalMs: number,
  dialect: DialectName,
  of: Scenario,
) {
  await using engine = await testEngine({ emitIntervalMs })
  await engine.putEndpoint('online', { url: provider.url, apiKey: 'sk-test', model: 'm', dialect })
  const { id } = await engine.startConversation()
  const all = WIRES[dialect](of.blocks).map((event): object | string =>
    dialect === 'messages' ? messages.written(event) : event,
  )
  const events = of.cut === 1 ? all : all.slice(0, Math.floor(of.cut * all.length))
  provider.next(async (exchange) => {
    for (let at = 0, n = 0; at < events.length; n += 1) {
      const size = of.writes[n % of.writes.length] as number
      exchange.write(...events.slice(at, at + size))
      at += size
      await ticks(2)
    }
    exchange.response.end()
  })
  const logs: ConversationEvent[][] = [[]]
  const first = logs[0] as ConversationEvent[]
  engine.events(id).subscribe((event) => {
    first.push(event)
    if (event.turnId === undefined || !of.joins.includes(first.length)) return
    const log: ConversationEvent[] = []
    logs.push(log)
    const source = first.length % 2 === 0 ? engine.events() : engine.events(id)
    source.subscribe((later) => log.push(later))
    logs.push(fromCurrent(engine, id))
  })
  const turn = await engine.send(id, 'hi')
  await outcomeOf(turn.reply)
  const stored = (await engine.listMessages(id)).find(({ role }) => role === 'assistant')
  return { logs, parts: stored?.parts ?? [], replyId: turn.replyId, messageId: stored?.id }
}

/** What a subscriber has that takes `current()` of the turn, and then only later deltas. */
function fromCurrent(engine: Engine, id: string): ConversationEvent[] {
  const turn = engine.runningTurn(id)
  const snapshot = turn?.current()
  if (turn === undefined || snapshot === undefined) return []
  const { turnId, seq } = snapshot
  const at = new Date()
  const log: ConversationEvent[] = [
    { type: 'reply.snapshot', conversationId: id, turnId, seq, at, snapshot },
  ]
  turn.events.subscribe((event) => {
    if (isDeltas(event) && event.seq > seq) log.push(event)
  })
  return log
}

const isReply = ({ type }: ConversationEvent): boolean =>
  type === 'reply.delta' || type === 'reply.snapshot'

const isDeltas = ({ type }: ConversationEvent): boolean => type === 'reply.delta'

function built(events: readonly ConversationEvent[], repeats: readonly number[]): readonly Part[] {
  const reply = new BuiltReply()
  for (const [n, event] of events.entries()) {
    reply.take(event)
    const back = repeats[n % repeats.length] as number
    for (const again of events.slice(Math.max(0, n - back), n + 1)) reply.take(again)
  }
  return reply.parts
}

/** Deltas do not read the arguments of calls: their `inputText` is compared. */
function unread(parts: readonly Part[]): readonly Part[] {
  return parts.map((part) => (part.type === 'tool-call' ? { ...part, input: undefined } : part))
}

/** Checks the places of all deltas of a reply, from its first one on. */
function checkPlaces(deltas: readonly Delta[], parts: readonly Part[], dialect: DialectName): void {
  const inputs = new Map<number, string>()
  const closed = new Set<number>()
  let open = 0
  for (const placed of deltas) {
    if (placed.type === 'step') continue
    const { part, opens, closes, ...delta } = placed
    expect(opens).toBe(part === open ? true : undefined)
    if (part === open) open += 1
    expect(part).toBeLessThan(open)
    if (delta.type === 'text' || delta.type === 'file') expect(closed).not.toContain(part)
    if (delta.type === 'file') expect(closes).toBe(true)
    if (delta.type === 'tool-call') {
      if (closed.has(part)) expect(delta.inputText).toBe('')
      inputs.set(part, (inputs.get(part) ?? '') + delta.inputText)
    }
    if (closes !== true) continue
    closed.add(part)
    if (delta.type !== 'tool-call') continue
    expect(dialect).not.toBe('chat-completions')
    expect(parts[part]).toMatchObject({ inputText: inputs.get(part) })
  }
  expect(open).toBe(parts.length)
}

test.each<[DialectName, number]>([
  ['chat-completions', 0],
  ['chat-completions', 1],
  ['responses', 0],
  ['responses', 1],
  ['messages', 0],
  ['messages', 1],
])(
  'a subscriber that builds a reply of %s ends with what is stored, at %i ms',
  { timeout: 60_000 },
  async (dialect, emitIntervalMs) => {
    const provider = await testProvider()
    await fc.assert(
      fc.asyncProperty(scenario, async (given) => {
        const played = await play(provider, emitIntervalMs, dialect, given)
        const { logs, parts, replyId, messageId } = played
        expect(messageId ?? replyId).toBe(replyId)
        const [first = []] = logs
        checkPlaces(
          first.flatMap((event) => (event.type === 'reply.delta' ? event.deltas : [])),
          parts,
          dialect,
        )
        for (const log of logs) {
          const told = log.filter(isReply)
          for (const event of told) {
            if (event.type === 'reply.snapshot') expect(event.snapshot.messageId).toBe(replyId)
          }
          // A subscriber of the conversation that comes while the turn ends is not shown it.
          if (log !== first && told.length === 0) continue
          // From the first event on that the subscriber got, and from deltas after one snapshot.
          expect(unread(built(told, given.repeats))).toEqual(unread(parts))
          const rest = told.filter((event, n) => n === 0 || isDeltas(event))
          expect(unread(built(rest, given.repeats))).toEqual(unread(parts))
        }
        // From any snapshot on.
        const told = first.filter(isReply)
        for (const [n, event] of told.entries()) {
          if (event.type !== 'reply.snapshot') continue
          expect(unread(built(told.slice(n), given.repeats))).toEqual(unread(parts))
          if (emitIntervalMs === 0) continue
          const deltas = told.slice(n + 1).filter(isDeltas)
          expect(unread(built([event, ...deltas], given.repeats))).toEqual(unread(parts))
        }
      }),
      { numRuns: 25 },
    )
  },
)

test('docs/events.md shows the builder that these tests run', async () => {
  const page = await readFile(new URL('../../docs/events.md', import.meta.url), 'utf8')
  const source = await readFile(new URL('../support/built-reply.ts', import.meta.url), 'utf8')
  const code = source.slice(source.indexOf('export class'))

  expect(code).toContain('class BuiltReply')
  expect(page).toContain(code.replace('export class', 'class'))
})
