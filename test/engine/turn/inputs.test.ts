/** The parts of an input: which are taken, and what is said of those that are not. */
import * as fc from 'fast-check'
import { describe, expect, expectTypeOf, test } from 'vitest'
import type { Engine, InitialMessage, InputPart, Part, ToolResultPart } from '../../../src/index.ts'
import { testChat, testEngine } from '../../support/engine.ts'
import { chunk, streamed } from '../../support/scripts.ts'
import { outcomeOf } from '../../support/waiting.ts'

const CALL = { type: 'tool-call', toolName: 'look', input: {}, inputText: '{}' } as const

function result(toolCallId: string, output: unknown = 1): InputPart {
  return { type: 'tool-result', toolCallId, toolName: 'look', output }
}

/** A conversation whose last reply has calls with these ids. */
async function calledWith(engine: Engine, ...ids: readonly string[]): Promise<string> {
  const calls = ids.map((toolCallId): Part => ({ ...CALL, toolCallId }))
  const { id } = await engine.startConversation({
    messages: [
      { role: 'user', content: 'look' },
      { role: 'assistant', content: calls },
    ],
  })
  return id
}

describe('the type of an input', () => {
  test('has the parts that are taken and no others', () => {
    expectTypeOf<InputPart['type']>().toEqualTypeOf<'text' | 'file' | 'tool-result'>()
    expectTypeOf<ToolResultPart>().toExtend<InputPart>()
    expectTypeOf<readonly InputPart[]>().toExtend<Parameters<Engine['send']>[1]>()
    expectTypeOf<readonly Part[]>().not.toExtend<Parameters<Engine['send']>[1]>()
    expectTypeOf<{ role: 'tool'; content: readonly InputPart[] }>().toExtend<InitialMessage>()
  })

  const text = fc.record({ type: fc.constant('text' as const), text: fc.string({ minLength: 1 }) })
  const file = fc.record({
    type: fc.constant('file' as const),
    mediaType: fc.constantFrom('image/png', 'text/plain'),
    url: fc.constant('https://a.test/b'),
    providerData: fc.jsonValue({ maxDepth: 2 }),
  })
  const outcome = fc.record(
    {
      type: fc.constant('tool-result' as const),
      toolCallId: fc.constantFrom('c1', 'c2'),
      toolName: fc.constant('look'),
      output: fc.jsonValue({ maxDepth: 2 }),
      isError: fc.boolean(),
    },
    { requiredKeys: ['type', 'toolCallId', 'toolName', 'output'] },
  )

  test('has no value that is refused, but for results among others', async () => {
    const { engine, provider } = await testChat()
    provider.always(streamed(['Fine']))
    const inputs = fc.oneof(
      fc
        .array(fc.oneof(text, file), { minLength: 1, maxLength: 3 })
        .filter((parts) => parts.some((part) => part.type === 'file' || part.text.trim() !== '')),
      fc.array(outcome, { minLength: 1, maxLength: 3 }),
    )
    await fc.assert(
      fc.asyncProperty(inputs, async (input: readonly InputPart[]) => {
        const id = await calledWith(engine, 'c1', 'c2')
        const turn = await engine.send(id, input)
        await turn.reply
        const expected = input.map((part) =>
          part.type === 'tool-result' ? { ...part, isError: part.isError ?? false } : part,
        )
        expect(JSON.stringify(turn.userMessage.parts.map(sorted))).toBe(
          JSON.stringify(expected.map(sorted)),
        )
      }),
      { numRuns: 60 },
    )
  })

  /** The part with its fields in alphabetical order. */
  function sorted(part: object): object {
    return Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1)))
  }
})

describe('a tool result without a call', () => {
  test.each<[string, readonly string[], readonly InputPart[], string]>([
    ['alone', [], [result('made-up')], 'made-up'],
    ['beside one that has a call', ['c1'], [result('c1'), result('call_9')], 'call_9'],
    ['before one that has a call', ['c1'], [result('C1'), result('c1')], 'C1'],
    ['twice', ['c1'], [result('c2'), result('c2')], 'c2'],
    ['with an odd id', ['c1'], [result('__proto__')], '__proto__'],
    ['with an id like another', ['c1'], [result('c1 ')], 'c1 '],
    ['with a very long id', ['c1'], [result('x'.repeat(9_000))], 'x'.repeat(100)],
  ])('is refused by its id, and nothing is stored: %s', async (_, calls, input, named) => {
    const { engine, provider } = await testChat()
    const id = await calledWith(engine, ...calls)
    const before = await engine.listMessages(id)

    const outcome = await outcomeOf(engine.send(id, input, { idempotencyKey: 'k' }))

    expect(outcome).toMatchObject({ error: { name: 'ColloquyError', code: 'invalid-input' } })
    const { message } = (outcome as { error: Error }).error
    expect(message).toContain(JSON.stringify(named))
    expect(message.length).toBeLessThan(400)
    expect(await engine.listMessages(id)).toEqual(before)
    expect(await engine.listTurns(id)).toEqual([])
    expect(provider.requests).toEqual([])
    // The key is unused, and the conversation takes the next input.
    const next = await engine.send(id, 'never mind', { idempotencyKey: 'k' })
    expect((await next.reply).message.text).toBe('Hello')
  })

  test('is refused in an empty conversation, and in one that another has the call of', async () => {
    const { engine, conversation } = await testChat()
    await calledWith(engine, 'c1')

    await expect(engine.send(conversation.id, [result('c1')])).rejects.toMatchObject({
      code: 'invalid-input',
    })
  })

  test('is refused although the text of a message has its id', async () => {
    const { engine } = await testChat()
    const { id } = await engine.startConversation({
      messages: [
        { role: 'assistant', content: '{"type":"tool-call","toolCallId":"c1"}' },
        { role: 'tool', content: [result('c1')] },
      ],
    })

    await expect(engine.send(id, [result('c1')])).rejects.toMatchObject({ code: 'invalid-input' })
  })

  test('does not fail the sends that are written with it', async () => {
    const { engine } = await testChat()
    const ids = await Promise.all([1, 2, 3, 4].map(() => calledWith(engine, 'c1')))

    const outcomes = await Promise.all(
      ids.map((id, at) => outcomeOf(engine.send(id, [result(at === 1 ? 'none' : 'c1')]))),
    )

    expect(outcomes.map((outcome) => 'value' in outcome)).toEqual([true, false, true, true])
  })

  test('is left out where a conversation starts with it: its beginning may be elsewhere', async () => {
    const { engine, provider } = await testChat()
    const { id } = await engine.startConversation({
      messages: [
        { role: 'tool', content: [result('gone')] },
        { role: 'assistant', content: 'It is blue.' },
      ],
    })

    await (
      await engine.send(id, 'why?')
    ).reply

    expect(JSON.stringify(provider.requests[0]?.body)).not.toContain('gone')
  })
})

describe('a tool result with a call is taken', () => {
  test('from the reply before, with all its neighbours, in any order', async () => {
    const { engine, provider } = await testChat()
    const id = await calledWith(engine, 'c1', 'c2', 'c3')

    const turn = await engine.send(id, [result('c3'), result('c1'), result('c2')])
    await turn.reply

    expect(provider.requests[0]?.body.messages.slice(2)).toMatchObject(
      ['c1', 'c2', 'c3'].map((called) => ({ role: 'tool', tool_call_id: called })),
    )
  })

  test('one after the other, and again, and after other turns', async () => {
    const { engine } = await testChat()
    const id = await calledWith(engine, 'c1', 'c2')

    for (const input of [[result('c1')], [result('c2')], 'and now?', [result('c1', 2)]]) {
      await (
        await engine.send(id, input)
      ).reply
    }

    expect(await engine.listMessages(id)).toHaveLength(10)
  })

  test('of a reply that was stopped', async () => {
    const { engine, conversation, provider } = await testChat()
    provider.next(async (exchange) => {
      const call = { index: 0, id: 'cut', function: { name: 'look', arguments: '{"at' } }
      exchange.write(chunk({ tool_calls: [call] }))
      await exchange.closed
    })
    const stopped = await engine.send(conversation.id, 'look')
    for await (const { parts } of stopped.snapshots()) if (parts.length > 0) break
    await stopped.cancel()

    const turn = await engine.send(conversation.id, [result('cut')])

    expect(turn.userMessage.role).toBe('tool')
  })

  test('of a reply long ago, behind hundreds of others', async () => {
    const { engine } = await testChat()
    const later = Array.from({ length: 300 }, (_, at): InitialMessage[] => [
      { role: 'user', content: `${at}` },
      { role: 'assistant', content: 'yes' },
    ])
    const { id } = await engine.startConversation({
      messages: [{ role: 'assistant', content: [{ ...CALL, toolCallId: 'old' }] }, ...later.flat()],
    })

    await expect(engine.send(id, [result('older')])).rejects.toMatchObject({
      code: 'invalid-input',
    })
    expect((await engine.send(id, [result('old')])).userMessage.role).toBe('tool')
  })
})

test('what the engine stored may begin another conversation, as it is', async () => {
  const { engine, conversation, provider } = await testChat()
  const call = (id: string, text: string) => ({
    tool_calls: [{ index: 0, id, function: { name: 'look', arguments: text } }],
  })
  provider.next(
    (exchange) =>
      exchange.done(
        chunk({ reasoning_content: 'Hm' }),
        chunk({ content: 'I look.' }),
        chunk(call('c1', '{"a":1}'), { finish_reason: 'tool_calls' }),
      ),
    streamed(['Blue']),
  )
  await (
    await engine.send(conversation.id, 'look')
  ).reply
  await (
    await engine.send(conversation.id, [result('c1', { colour: 'blue' })])
  ).reply
  const stored = await engine.listMessages(conversation.id)

  const copy = await engine.startConversation({
    messages: stored.map(({ role, parts }) => ({ role, content: parts })),
  })

  const copied = await engine.listMessages(copy.id)
  expect(copied.map(({ role, parts }) => [role, parts])).toEqual(
    stored.map(({ role, parts }) => [role, parts]),
  )
})

test('a reply of several steps may begin a conversation, with the results inside', async () => {
  const engine = await testEngine()
  const content: Part[] = [
    { ...CALL, toolCallId: 'c1' },
    { type: 'tool-result', toolCallId: 'c1', toolName: 'look', output: 1, isError: false },
    { type: 'text', text: 'One.' },
  ]

  const { id } = await engine.startConversation({ messages: [{ role: 'assistant', content }] })

  expect((await engine.listMessages(id))[0]?.parts).toEqual(content)
})

describe('an input in the words of another library is refused, with what to do', () => {
  test.each<[string, unknown, RegExp]>([
    ['a message', { role: 'user', content: 'hi' }, /give only the new input/],
    ['messages', [{ role: 'user', content: 'hi' }], /earlier messages to startConversation/],
    ['a system message', [{ role: 'system', content: 'Be brief' }], /system prompt as system/],
    ['a body', { messages: [], model: 'm' }, /give only the new input/],
    ['a message with parts', { role: 'user', parts: [{ type: 'text', text: 'a' }] }, /new input/],
    [
      'results among text',
      [{ type: 'text', text: 'hi' }, result('c1')],
      /results must be an input of their own, not mixed with text or files/,
    ],
    [
      'results among files',
      [result('c1'), { type: 'file', mediaType: 'image/png', url: 'data:image/png;base64,AA==' }],
      /not mixed with text or files/,
    ],
    [
      'a file with its data',
      [{ type: 'file', mediaType: 'image/png', url: 'x', data: 'AA==' }],
      /0\.data is not a known option\. Remove it, and give the url of a file part as url\./,
    ],
    [
      'a text with content',
      [{ type: 'text', text: 'a', content: 'hi' }],
      /Remove it, and give the text of a text part as text\./,
    ],
    [
      'a result with a tool_use_id',
      [{ ...result('c'), tool_use_id: 'c' }],
      /Remove it, and give toolCallId\./,
    ],
    ['a part', { type: 'text', text: 'hi' }, /must be text or a list of parts/],
    ['nothing', null, /must be text or a list of parts/],
    ['a list of texts', ['hi'], /0/],
  ])('%s', async (_, input, words) => {
    const { engine, conversation } = await testChat()
    const outcome = await outcomeOf(engine.send(conversation.id, input as never))
    expect(outcome).toMatchObject({ error: { code: 'invalid-input' } })
    expect((outcome as { error: Error }).error.message).toMatch(words)
    expect(await engine.listMessages(conversation.id)).toEqual([])
  })

  test.each(['system', 'developer'])('a first message of the role %s', async (role) => {
    const engine = await testEngine()
    const message = { role, content: 'Be brief.' } as never
    await expect(engine.startConversation({ messages: [message] })).rejects.toThrow(
      `no message has the role ${role}. Remove it, and give its text as system.`,
    )
    expect(await engine.listConversations()).toEqual([])
  })
})
