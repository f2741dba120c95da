/** The repair of a stored history: the result is a request that providers accept. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { sendableHistory } from '../../../src/engine/history/sendable-history.ts'
import type { Engine, InputPart, Message, Part } from '../../../src/index.ts'
import { chatCompletions } from '../../../src/transport/dialects/chat/read.ts'
import { providerFingerprint } from '../../../src/transport/dialects/provider-fingerprint.ts'
import { responses } from '../../../src/transport/dialects/responses/read.ts'
import { violations } from '../../support/chat-rules.ts'
import { testChat, testEngine, testProvider } from '../../support/engine.ts'
import type { Script } from '../../support/provider.ts'
import { violations as responsesViolations } from '../../support/responses-rules.ts'
import { chunk } from '../../support/scripts.ts'
import { outcomeOf } from '../../support/waiting.ts'

const ID = fc.constantFrom('c1', 'c2', 'c3')
const TEXT = fc.constantFrom('', ' ', '\n\n', 'Once', 'upon', 'cut \ud83d')
const text = TEXT.map((said): Part => ({ type: 'text', text: said }))
const TARGET = { endpoint: 'online', url: 'http://a.test', headers: {}, direct: false } as const
/** A signature as the dialect `responses` stores it, of the asked model or of another. */
const signature = fc
  .record({ model: fc.constantFrom('m', 'another'), id: fc.constantFrom('rs_1', 'rs_2') })
  .map(({ model, id }) => {
    const maker = providerFingerprint({ target: { ...TARGET, dialect: 'responses' }, model })
    return [{ type: 'reasoning', maker, id, encrypted_content: 'sealed', isOpen: false }]
  })
const reasoning = fc
  .tuple(TEXT, fc.option(signature, { nil: undefined }))
  .map(([said, providerData]): Part => {
    return { type: 'reasoning', text: said, ...(providerData && { providerData }) }
  })
const file = fc.constant<Part>({ type: 'file', mediaType: 'image/png', url: 'https://a.test/b' })
const call = fc
  .record({ toolCallId: ID, inputText: fc.constantFrom('{}', '{"a":1}', '', '{"a":', 'null') })
  .map(({ toolCallId, inputText }): Part => {
    const whole = { '{"a":': undefined, '': {}, null: null, '{}': {}, '{"a":1}': { a: 1 } }
    return { type: 'tool-call', toolCallId, toolName: 'look', inputText, input: whole[inputText] }
  })
const result = fc
  .record({ toolCallId: ID, output: fc.constantFrom('', 'blue', 7, null, {}) })
  .map(({ toolCallId, output }): Part => ({
    type: 'tool-result',
    toolCallId,
    toolName: 'look',
    output,
    isError: false,
  }))
const status = fc.constantFrom('complete', 'cancelled', 'failed', 'interrupted' as const)
const message = fc.oneof(
  fc.record({ role: fc.constant('user'), parts: fc.array(fc.oneof(text, file), { maxLength: 3 }) }),
  fc.record({
    role: fc.constant('assistant'),
    parts: fc.array(fc.oneof(text, call, call, reasoning, result), { maxLength: 5 }),
  }),
  fc.record({ role: fc.constant('tool'), parts: fc.array(result, { maxLength: 4 }) }),
)
const history = fc
  .array(fc.tuple(message, status), { maxLength: 10 })
  .map((all) => all.map(([each, was]) => ({ ...each, status: was }) as unknown as Message))

/** The messages of the request that is made from a history. */
function wire(messages: readonly Pick<Message, 'role' | 'parts' | 'status'>[]) {
  return chatCompletions.body({
    target: { ...TARGET, dialect: 'chat-completions' },
    model: 'm',
    messages: sendableHistory(messages),
    settings: {},
    stream: true,
  }) as { messages: { role: string; content: unknown; tool_calls?: { id: string }[] }[] }
}

/** Returns true if every dialect writes this part. */
function isSeen(part: Part): boolean {
  return part.type === 'text' ? part.text.trim() !== '' : part.type !== 'reasoning'
}

const QUESTION = {
  role: 'user',
  parts: [{ type: 'text', text: 'hi' }],
  status: 'complete',
} as const

describe('whatever is stored, what is sent', () => {
  test('is accepted by the rules of chat completions', () => {
    fc.assert(
      fc.property(history, (messages) => {
        expect(violations(wire([...messages, QUESTION]) as never)).toEqual([])
        for (const { parts } of sendableHistory(messages)) expect(parts.some(isSeen)).toBe(true)
      }),
      { numRuns: 3_000 },
    )
  })

  test('is accepted by the rules of Responses', () => {
    fc.assert(
      fc.property(history, (messages) => {
        const body = responses.body({
          target: { ...TARGET, dialect: 'responses' },
          model: 'm',
          messages: sendableHistory([...messages, QUESTION]),
          settings: {},
          stream: true,
        })
        expect(responsesViolations(body as never)).toEqual([])
      }),
      { numRuns: 3_000 },
    )
  })

  test('has all that was asked and said, in its order', () => {
    const saidBy = (role: string, messages: readonly Message[]) =>
      messages
        .filter((each) => each.role === role)
        .flatMap(({ parts }) => parts.flatMap((part) => (part.type === 'text' ? part.text : [])))
        .join('')
        .toWellFormed()
    const sentBy = (role: string, messages: readonly { role: string; content: unknown }[]) =>
      messages
        .filter((each) => each.role === role)
        .flatMap(({ content }) =>
          Array.isArray(content)
            ? content.map((part: { text?: string }) => part.text ?? '')
            : ((content as string | null) ?? ''),
        )
        .join('')
    fc.assert(
      fc.property(history, (messages) => {
        const { messages: sent } = wire(messages)
        // Blanks alone are not sent, and blank lines stand between messages that are joined.
        const words = (said: string) => said.replaceAll(/\s+/g, '')
        const asked = sentBy('user', sent).replace(/^Begin\./, '')
        expect(words(asked)).toBe(words(saidBy('user', messages)))
        expect(words(sentBy('assistant', sent))).toBe(words(saidBy('assistant', messages)))
      }),
      { numRuns: 1_000 },
    )
  })

  test('has every whole call that was answered, with the first answer to it', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(ID, { minLength: 1 }),
        fc.array(result, { maxLength: 4 }),
        status,
        (ids, results, was) => {
          const calls = ids.map((toolCallId): Part => {
            return { type: 'tool-call', toolCallId, toolName: 'look', input: {}, inputText: '{}' }
          })
          const { messages: sent } = wire([
            QUESTION,
            { role: 'assistant', parts: calls, status: was },
            { role: 'tool', parts: results, status: 'complete' },
          ])
          const answered = ids.filter((id) =>
            results.some((each) => each.type === 'tool-result' && each.toolCallId === id),
          )
          expect(sent[1]?.tool_calls?.map(({ id }) => id) ?? []).toEqual(answered)
          expect(sent.slice(2)).toHaveLength(answered.length)
        },
      ),
    )
  })

  test('keeps whole thoughts for dialects that want them, and none that were cut', () => {
    const reply: Part[] = [
      { type: 'reasoning', text: 'Hm' },
      { type: 'text', text: 'It.' },
    ]
    for (const was of ['complete', 'cancelled', 'failed', 'interrupted'] as const) {
      const [, sent] = sendableHistory([QUESTION, { role: 'assistant', parts: reply, status: was }])
      expect(sent?.parts).toEqual(was === 'complete' ? reply : reply.slice(1))
    }
  })

  test('has the results of several steps each after its own calls', () => {
    const look = (toolCallId: string): Part => {
      return { type: 'tool-call', toolCallId, toolName: 'look', input: {}, inputText: '{}' }
    }
    const seen = (toolCallId: string, output: string): Part => {
      return { type: 'tool-result', toolCallId, toolName: 'look', output, isError: false }
    }
    const parts = [look('c1'), seen('c1', 'a'), { type: 'text', text: 'So' } as const, look('c1')]
    const { messages } = wire([
      QUESTION,
      { role: 'assistant', parts, status: 'cancelled' },
      { role: 'tool', parts: [seen('c1', 'b')], status: 'complete' },
      QUESTION,
    ])
    expect(messages.map(({ role, content }) => [role, content])).toEqual([
      ['user', 'hi'],
      ['assistant', null],
      ['tool', 'a'],
      ['assistant', 'So'],
      ['tool', 'b'],
      ['user', 'hi'],
    ])
  })
})

/** A reply of several pieces, cut off after some of them. */
function cutAfter(
  pieces: readonly object[],
  count: number,
  how: 'ends' | 'breaks' | 'stays',
): Script {
  return async (exchange) => {
    exchange.write(chunk({ role: 'assistant', content: '' }), ...pieces.slice(0, count))
    if (how === 'stays') return exchange.closed
    if (how === 'breaks') exchange.response.destroy()
    else exchange.done(chunk({}, { finish_reason: 'stop' }))
    return undefined
  }
}

const fragment = (index: number, id: string | undefined, args: string) =>
  chunk({
    tool_calls: [
      {
        index,
        ...(id && { id, type: 'function' }),
        function: { ...(id && { name: 'look' }), arguments: args },
      },
    ],
  })

const PIECES = [
  chunk({ reasoning_content: 'Hm' }),
  chunk({ content: 'Let me ' }),
  chunk({ content: 'look.' }),
  fragment(0, 'c1', '{"a"'),
  fragment(0, undefined, ':1}'),
  fragment(1, 'c2', ''),
]

test('whatever is cut off where, the next request is accepted', async () => {
  const provider = await testProvider()
  const engine: Engine = await testEngine()
  await engine.putEndpoint('online', { url: provider.url, model: 'm' })
  const turn = fc.record({
    cut: fc.integer({ min: 0, max: PIECES.length }),
    how: fc.constantFrom('ends', 'breaks', 'stays' as const),
    input: fc.constantFrom('text', 'results', 'retry', 'some results' as const),
  })

  await fc.assert(
    fc.asyncProperty(fc.array(turn, { minLength: 2, maxLength: 6 }), async (turns) => {
      const { id } = await engine.startConversation()
      const before = provider.requests.length
      provider.always(cutAfter(PIECES, PIECES.length, 'ends'))
      await (
        await engine.send(id, 'hi')
      ).reply
      for (const { cut, how, input } of turns) {
        provider.always(cutAfter(PIECES, cut, how))
        const results = (input === 'results' ? ['c1', 'c2'] : ['c2']).map(
          (toolCallId): InputPart => {
            return {
              type: 'tool-result',
              toolCallId,
              toolName: 'look',
              output: 'sky',
              isError: false,
            }
          },
        )
        const asked = provider.requests.length
        const starting =
          input === 'retry'
            ? engine.retry(id)
            : engine.send(id, input === 'text' ? 'and?' : results)
        const outcome = await outcomeOf(starting)
        if ('error' in outcome) {
          // A retry was cut before the calls that these results answer.
          expect(input).toContain('results')
          expect(outcome.error).toMatchObject({ code: 'invalid-input' })
          continue
        }
        const started = outcome.value
        if (how === 'stays') {
          if (cut === 0) await provider.request(asked)
          else for await (const { parts } of started.snapshots()) if (parts.length > 0) break
          await started.cancel()
        }
        await outcomeOf(started.reply)
      }
      for (const { body } of provider.requests.slice(before)) expect(violations(body)).toEqual([])
    }),
    { numRuns: 100 },
  )
}, 60_000)

test('fails a turn of which nothing can be sent, and asks nobody', async () => {
  const { provider, engine, conversation } = await testChat({ prepare: () => [] })
  const turn = await engine.send(conversation.id, 'hi')
  await expect(turn.reply).rejects.toMatchObject({ code: 'invalid-input' })
  expect(provider.requests).toHaveLength(0)
})

test.each<[string, object, object | undefined]>([
  ['a value', { input: { a: 1 } }, { a: 1 }],
  ['a text', { inputText: '{"a":1}' }, { a: 1 }],
  ['neither', {}, {}],
  ['a text that was cut, and a value', { inputText: '{"a"', input: { a: 1 } }, { a: 1 }],
  ['a text that was cut', { inputText: '{"a"' }, { input: '{"a"' }],
  ['a text that is no object', { inputText: '[1]' }, { input: [1] }],
])('a conversation may start with a call whose arguments are %s', async (_, given, input) => {
  const { provider, engine } = await testChat()
  const named = { toolCallId: 'c', toolName: 'look' }
  const { id } = await engine.startConversation({
    messages: [
      { role: 'user', content: 'hi' },
      { role: 'assistant', content: [{ type: 'tool-call', ...named, ...given } as Part] },
    ],
  })
  await (
    await engine.send(id, [{ type: 'tool-result', ...named, output: 7, isError: false }])
  ).reply
  const { body } = await provider.request(0)
  const { messages } = body as {
    messages: { tool_calls?: { function: { arguments: string } }[] }[]
  }
  expect(violations(body as never)).toEqual([])
  const sent = messages[1]?.tool_calls?.[0]?.function.arguments
  expect(sent && JSON.parse(sent)).toEqual(input)
})
