/** Whatever is stored, the request in every dialect keeps the rules of the strictest servers. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { sendableHistory } from '../../../src/engine/history/sendable-history.ts'
import type { Dialect, Message, Part } from '../../../src/index.ts'
import { chatCompletions } from '../../../src/transport/dialects/chat/read.ts'
import type { WireDialect } from '../../../src/transport/dialects/dialect.ts'
import { messages } from '../../../src/transport/dialects/messages/read.ts'
import { providerFingerprint } from '../../../src/transport/dialects/provider-fingerprint.ts'
import { responses } from '../../../src/transport/dialects/responses/read.ts'
import { wellFormedJson } from '../../../src/transport/well-formed-json.ts'
import { violations as chatViolations } from '../../support/chat-rules.ts'
import { violations as responsesViolations } from '../../support/responses-rules.ts'
import { violations as messagesViolations } from '../../transport/dialects/messages/rules.ts'

const TARGET = { endpoint: 'online', url: 'http://a.test', headers: {}, direct: false } as const

const text = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.constantFrom('', ' ', '\n\n', 'a', '\ud83d', '\ude00b'),
)
const id = fc.oneof(
  fc.constantFrom('a', 'b', 'a_1', 'functions.look:0', 'functions_look_0', 'x'.repeat(41)),
  fc.constantFrom('x'.repeat(95), `${'x'.repeat(95)}y`, 'ü', '\ud83d', ' '),
  fc.string({ minLength: 1, maxLength: 90 }),
)
const name = fc.oneof(
  fc.constantFrom('look', 'functions.look', 'x'.repeat(90), 'für alle', '\ud83d'),
  fc.string({ minLength: 1, maxLength: 90 }),
)
const inputText = fc.oneof(
  text,
  fc.jsonValue().map((value) => JSON.stringify(value)),
  fc.constantFrom('{"a":', '[1]', 'null', String.raw`{"a":"\ud83d"}`, '{}{}', ' {"a":1}'),
)
const maker = fc.constantFrom('itself', 'another', 'nobody' as const)
const mediaType = fc.constantFrom('image/jpg', 'IMAGE/PNG', 'image/webp', 'application/x-pdf')

/** Blocks of tools that ran at a provider. Few ids, so that results meet their calls. */
const providerBlock = fc.oneof(
  fc
    .constantFrom('s1', 's2')
    .map((key) => ({ type: 'server_tool_use', id: key, name: 'web_search', input: {} })),
  fc
    .constantFrom('s1', 's2')
    .map((key) => ({ type: 'web_search_tool_result', tool_use_id: key, content: [] })),
  fc.constantFrom(
    { type: 'web_search_call', id: 'ws_1', status: 'completed', action: { type: 'search' } },
    { type: 'tool_use', id: 'forged', name: 'look', input: {} },
    { type: 7 },
    'no block',
  ),
)

/** The data of a maker, by what it is called. */
type Made = readonly [by: 'itself' | 'another' | 'nobody', fields: object]

function madeIn(dialect: Dialect, [by, fields]: Made): { providerData?: unknown } {
  if (by === 'nobody') return {}
  const target = { ...TARGET, dialect }
  const fingerprint = providerFingerprint({ target, model: by === 'itself' ? 'm' : 'other' })
  return { providerData: { ...fields, maker: fingerprint, dialect } }
}

const partIn = (dialect: Dialect): fc.Arbitrary<Part> =>
  fc.oneof(
    text.map((said): Part => ({ type: 'text', text: said })),
    fc.tuple(text, maker).map(([said, by]): Part => {
      const details = { reasoning_details: [{ type: 'reasoning.encrypted', data: 'd' }] }
      return { type: 'reasoning', text: said, ...madeIn(dialect, [by, details]) }
    }),
    fc
      .tuple(id, name, inputText, fc.constantFrom('another', 'nobody' as const))
      .map(([toolCallId, toolName, args, by]): Part => ({
        type: 'tool-call',
        toolCallId,
        toolName,
        input: parsed(args),
        inputText: args,
        ...madeIn(dialect, [
          by,
          { extra_content: { a: 1 }, reasoningField: 'reasoning', isCustom: true },
        ]),
      })),
    fc.tuple(providerBlock, maker).map(([block, by]): Part => ({
      type: 'provider-tool',
      toolName: 'web_search',
      providerData: undefined,
      ...madeIn(dialect, [by, { block }]),
    })),
    fc.tuple(mediaType, maker).map(([type, by]): Part => ({
      type: 'file',
      mediaType: type,
      url: `data:${type};base64,AAAA`,
      ...madeIn(dialect, [by, {}]),
    })),
  )
const resultPart = fc
  .tuple(id, fc.oneof(text, fc.jsonValue()), fc.boolean())
  .map(([toolCallId, output, isError]): Part => {
    return { type: 'tool-result', toolCallId, toolName: 'look', output, isError }
  })
const userPart = fc.oneof(
  text.map((said): Part => ({ type: 'text', text: said })),
  mediaType.map((type): Part => {
    return { type: 'file', mediaType: type, url: `data:${type};base64,AAAA` }
  }),
)

/** A reply, and results for all of its calls and perhaps some more. */
const replied = (dialect: Dialect) =>
  fc
    .tuple(
      fc.array(partIn(dialect), { maxLength: 6 }),
      fc.constantFrom('complete', 'complete', 'cancelled', 'failed', 'interrupted' as const),
      fc.array(resultPart, { maxLength: 2 }),
      fc.boolean(),
    )
    .map(([parts, status, more, isAnswered]) => {
      const answers = parts.flatMap((part): Part[] =>
        part.type === 'tool-call' && isAnswered
          ? [{ ...part, type: 'tool-result', output: 'seen', isError: false }]
          : [],
      )
      const results = { role: 'tool', parts: [...answers, ...more], status: 'complete' }
      return [{ role: 'assistant', parts, status }, results]
    })

const historyIn = (dialect: Dialect) =>
  fc
    .array(
      fc.oneof(
        replied(dialect),
        fc
          .array(userPart, { maxLength: 3 })
          .map((parts) => [{ role: 'user', parts, status: 'complete' }]),
      ),
      { maxLength: 6 },
    )
    .map((all) => all.flat() as unknown as readonly Message[])

const QUESTION = {
  role: 'user',
  parts: [{ type: 'text', text: 'and now?' }],
  status: 'complete',
} as const

const CASES: readonly (readonly [Dialect, WireDialect, (body: never) => readonly string[]])[] = [
  ['chat-completions', chatCompletions, chatViolations],
  ['responses', responses, responsesViolations],
  ['messages', messages, messagesViolations],
]

test.each(CASES)('a request in %s is accepted', (dialect, wire, violations) => {
  fc.assert(
    fc.property(historyIn(dialect), fc.option(text, { nil: undefined }), (stored, system) => {
      const sendable = sendableHistory([...stored, QUESTION])
      const body = wire.body({
        target: { ...TARGET, dialect },
        model: 'm',
        system,
        messages: sendable,
        settings: {},
        stream: true,
      })
      const sent = wellFormedJson(body)

      expect(violations(JSON.parse(sent) as never)).toEqual([])
      // Each call is there with its result.
      const calls = sendable.flatMap(({ parts }) =>
        parts.filter(({ type }) => type === 'tool-call'),
      )
      const count = (kind: RegExp) => sent.match(kind)?.length ?? 0
      expect(count(/"type":"(?:function|function_call|tool_use)"/g)).toBe(calls.length)
      expect(count(/"(?:tool_call_id|output)":|"type":"tool_result"/g)).toBe(calls.length)
    }),
    { numRuns: 1_000 },
  )
})

function parsed(json: string): unknown {
  if (json.trim() === '') return {}
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}
