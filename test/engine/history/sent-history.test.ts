/** What a provider is sent of a history that a strict server would refuse, in every dialect. */
import { describe, expect, test } from 'vitest'
import type { Dialect, Engine, InitialMessage, InputPart, Part } from '../../../src/index.ts'
import { violations as chatViolations } from '../../support/chat-rules.ts'
import { testEngine, testProvider } from '../../support/engine.ts'
import { message as messagesReply, textBlock, toolBlock } from '../../support/messages-events.ts'
import type { Provider, Script } from '../../support/provider.ts'
import { responded } from '../../support/response-events.ts'
import { violations as responsesViolations } from '../../support/responses-rules.ts'
import { chunk, json } from '../../support/scripts.ts'
import { outcomeOf } from '../../support/waiting.ts'
import { violations as messagesViolations } from '../../transport/dialects/messages/rules.ts'

const DIALECTS = ['chat-completions', 'responses', 'messages'] as const

const violations = {
  'chat-completions': chatViolations,
  responses: responsesViolations,
  messages: messagesViolations,
} as Readonly<Record<Dialect, (body: never, ownIds?: ReadonlySet<unknown>) => readonly string[]>>

/** A reply of one text. */
const says = (text: string): Readonly<Record<Dialect, Script>> => ({
  'chat-completions': (exchange) =>
    exchange.done(chunk({ content: text }, { finish_reason: 'stop' })),
  responses: responded([{ type: 'message', texts: [text] }]),
  messages: messagesReply(textBlock(0, text)),
})

/** A reply that calls a tool. */
const calls = (id: string, name: string, args: string): Readonly<Record<Dialect, Script>> => ({
  'chat-completions': (exchange) =>
    exchange.done(
      chunk({ tool_calls: [{ index: 0, id, function: { name, arguments: args } }] }),
      chunk({}, { finish_reason: 'tool_calls' }),
    ),
  responses: responded([{ type: 'function_call', callId: id, name, arguments: args }]),
  messages: messagesReply(toolBlock(0, id, name, args), 'tool_use'),
})

interface Chat {
  readonly provider: Provider
  readonly engine: Engine
  readonly id: string
  /** Sends an input, and returns the body of its request. */
  readonly asked: (input: string | readonly InputPart[]) => Promise<Record<string, unknown>>
}

async function chat(
  dialect: Dialect,
  options: { system?: string; messages?: readonly InitialMessage[] } = {},
): Promise<Chat> {
  const provider = await testProvider()
  const engine = await testEngine()
  await engine.putEndpoint('online', { url: provider.url, apiKey: 'k', model: 'm', dialect })
  provider.always(says('Hello.')[dialect])
  const { id } = await engine.startConversation(options)
  const asked = async (input: string | readonly InputPart[]) => {
    const before = provider.requests.length
    await outcomeOf((await engine.send(id, input)).reply)
    return (await provider.request(before)).body as Record<string, unknown>
  }
  return { provider, engine, id, asked }
}

const said = (text: string): InputPart => ({ type: 'text', text })
const call = (toolCallId: string, toolName: string, inputText = '{}'): Part =>
  ({ type: 'tool-call', toolCallId, toolName, inputText }) as unknown as Part
const result = (toolCallId: string, output: unknown, isError = false): InputPart => {
  return { type: 'tool-result', toolCallId, toolName: 'look', output, isError }
}

describe.each(DIALECTS)('a request in %s', (dialect) => {
  const accepted = (body: unknown): void => expect(violations[dialect](body as never)).toEqual([])

  test('has one message of the user after a turn that failed without a reply', async () => {
    const { provider, asked } = await chat(dialect)
    provider.next(json({ error: { message: 'no' } }, { status: 400 }))
    await asked('first')

    const body = await asked('second')

    accepted(body)
    expect(JSON.stringify(body)).toMatch(/first.*second/)
  })

  test.each([
    ['its end', 'cut here: \ud83d'],
    ['its beginning', '\ude00 cut'],
    ['its middle', 'a \ud83d b'],
  ])('has whole characters only, of a text that was cut at %s', async (_, text) => {
    const { asked } = await chat(dialect, { system: `system ${text}` })

    const body = await asked(text)

    accepted(body)
    expect(JSON.stringify(body)).toContain(text.toWellFormed())
    expect(JSON.stringify(body)).toContain(`system ${text.toWellFormed()}`)
  })

  test('has whole characters only in descriptions of tools and in fields of the host', async () => {
    const { provider, engine, id } = await chat(dialect)
    const tools = { look: { description: 'Looks \ud83d', inputSchema: { title: '\ude00' } } }
    await (
      await engine.send(id, 'hi', {
        tools,
        extraBody: { user: 'a\ud83d', path: String.raw`C:\ud83d` },
      })
    ).reply

    const { body } = await provider.request(0)
    expect(body).toMatchObject({ user: 'a\ufffd', path: String.raw`C:\ud83d` })
    expect(JSON.stringify(body)).toContain('Looks \ufffd')
    expect(JSON.stringify(body)).not.toMatch(/(?<!\\)\\ud/)
  })

  test.each([
    ['a text that was cut', 'cut \ud83d'],
    ['an object with a text that was cut', { text: 'cut \ud83d', '\ude00': 1 }],
    ['blanks', ' \n'],
  ])('has a result that is %s', async (_, output) => {
    const { provider, asked } = await chat(dialect)
    provider.next(calls('c1', 'look', '{}')[dialect])
    await asked('hi')

    const body = await asked([result('c1', output)])

    accepted(body)
    expect(JSON.stringify(body)).not.toMatch(/ud83d|ude00/)
  })

  test.each(['\n\n', ' ', '\t \u00a0'])('has no message of blanks, like %j', async (blank) => {
    const { provider, asked } = await chat(dialect)
    provider.next(says(blank)[dialect])
    await asked('first')

    accepted(await asked('second'))
  })

  test('has no blank message that a host began the conversation with', async () => {
    const { asked } = await chat(dialect, {
      messages: [
        { role: 'assistant', content: 'Welcome!' },
        { role: 'user', content: [said(' '), said('\n')] },
        { role: 'assistant', content: ' ' },
        { role: 'user', content: 'one' },
        { role: 'assistant', content: 'a' },
        { role: 'assistant', content: 'b' },
      ],
    })

    const body = await asked('two')

    accepted(body)
    expect(JSON.stringify(body)).toMatch(/Begin\..*Welcome!.*one.*a.*b.*two/)
  })

  test.each(['', ' ', '\n'])('has no system prompt of blanks, like %j', async (system) => {
    const { asked } = await chat(dialect, { system })

    const body = await asked('hi')

    accepted(body)
    expect(body).not.toHaveProperty('system')
    expect(body).not.toHaveProperty('instructions')
    expect(JSON.stringify(body)).not.toContain('"role":"system"')
  })

  test.each([
    'functions.weather',
    'weather:0',
    'wetter für morgen',
    '\ud83d',
    'x'.repeat(90),
    'a b/c',
  ])('has an allowed name for a call of %j', async (name) => {
    const { provider, asked } = await chat(dialect)
    provider.next(calls('c1', name, '{}')[dialect])
    await asked('hi')

    const body = await asked([result('c1', 'There is no such tool.', true)])

    accepted(body)
    expect(JSON.stringify(body)).toContain('There is no such tool.')
  })

  test('has ids within the limits for calls that were made elsewhere, always the same', async () => {
    const ids = [
      'x'.repeat(95),
      `${'x'.repeat(94)}y`,
      'functions.look:0',
      'functions_look_0',
      'ü',
      `call_${'0'.repeat(36)}`,
    ]
    const { asked } = await chat(dialect, {
      messages: [
        { role: 'user', content: 'hi' },
        { role: 'assistant', content: ids.map((id) => call(id, 'look')) },
        { role: 'tool', content: ids.map((id, n) => result(id, `result ${n}`)) },
      ],
    })

    const first = await asked('and?')
    const second = await asked('and?')

    accepted(first)
    accepted(second)
    expect(idsOf(first)).toHaveLength(ids.length)
    expect(idsOf(first).slice(0, 1)).not.toEqual([ids[0]])
    expect(idsOf(second)).toEqual(idsOf(first))
    for (const n of ids.keys()) expect(resultOf(first, idsOf(first)[n])).toBe(`result ${n}`)
  })

  test.each([
    ['long', `call_${'a'.repeat(200)}__data__${'b'.repeat(900)}`],
    ['of other characters', 'functions.look:0'],
  ])('has an id that is %s just as the asked model made it', async (_, callId) => {
    const { provider, engine, id, asked } = await chat(dialect)
    provider.next(calls(callId, 'look', '{}')[dialect])
    await asked('hi')

    const body = await asked([result(callId, 'seen')])

    expect(violations[dialect](body as never, new Set([callId]))).toEqual([])
    expect(idsOf(body)).toEqual([callId])
    expect(resultOf(body, callId)).toBe('seen')

    // Another model of the same provider, then another provider.
    const model = await engine.send(id, 'and?', { model: 'other' })
    await outcomeOf(model.reply)
    const { body: ofModel } = await provider.request(2)
    const other = await testProvider()
    other.always(says('Yes.')[dialect])
    await engine.putEndpoint('online', { url: other.url, apiKey: 'k', model: 'm', dialect })
    await (
      await engine.send(id, 'and?')
    ).reply
    const { body: ofOther } = await other.request(0)
    for (const elsewhere of [ofModel, ofOther]) {
      accepted(elsewhere)
      expect(idsOf(elsewhere)).toEqual(idsOf(ofModel))
      expect(resultOf(elsewhere, idsOf(elsewhere)[0])).toBe('seen')
    }
  })

  test.each([
    ['cut', '{"city":"Ber', { input: '{"city":"Ber' }],
    ['no JSON at all', 'city=Berlin', { input: 'city=Berlin' }],
    ['a list', '["Berlin"]', { input: ['Berlin'] }],
    ['a text', '"Berlin"', { input: 'Berlin' }],
    ['null', 'null', { input: null }],
    ['an object and more', '{"a":1} x', { input: '{"a":1} x' }],
    ['an object with half a character', String.raw`{"a":"\ud83d"}`, { a: '\ufffd' }],
    ['an object with a whole one', String.raw`{"a":"\ud83d\ude00"}`, { a: '\u{1f600}' }],
  ])('has a call with its result whose arguments are %s', async (_, args, sent) => {
    const { provider, asked } = await chat(dialect)
    provider.next(calls('c1', 'look', args)[dialect])
    await asked('hi')

    const body = await asked([result('c1', 'The arguments are no JSON object.', true)])

    accepted(body)
    expect(argumentsOf(body)).toEqual([sent])
    expect(resultOf(body, 'c1')).toBe('The arguments are no JSON object.')
  })

  test.each([
    ['image/jpg', 'image/jpeg'],
    ['image/pjpeg', 'image/jpeg'],
    ['IMAGE/PNG', 'image/png'],
    ['image/x-png', 'image/png'],
    ['Image/WebP', 'image/webp'],
    ['application/x-pdf', 'application/pdf'],
  ])('has a file of %s as %s', async (mediaType, registered) => {
    const { asked } = await chat(dialect)
    const url = `data:${mediaType};BASE64,AAAA`

    const body = await asked([said('See'), { type: 'file', mediaType, url }])

    accepted(body)
    expect(JSON.stringify(body)).toContain(registered)
    expect(JSON.stringify(body)).toContain('AAAA')
    expect(JSON.stringify(body)).not.toContain(mediaType)
  })

  test('has a text for a tool that failed without a word', async () => {
    const { provider, asked } = await chat(dialect)
    provider.next(calls('c1', 'look', '{}')[dialect])
    await asked('hi')

    const body = await asked([result('c1', '\n', true)])

    accepted(body)
    expect(resultOf(body, 'c1')).toBe('The tool failed.')
  })
})

test('a call that came without an id gets one of at most 40 characters', async () => {
  const { provider, engine, id, asked } = await chat('chat-completions')
  provider.next((exchange) =>
    exchange.done(
      chunk({ tool_calls: [{ index: 0, function: { name: 'look', arguments: '{}' } }] }),
      chunk({}, { finish_reason: 'tool_calls' }),
    ),
  )
  await asked('hi')
  const [, reply] = await engine.listMessages(id)
  const [part] = reply?.parts ?? []
  const callId = part?.type === 'tool-call' ? part.toolCallId : ''

  const body = await asked([result(callId, 'seen')])

  expect(callId).toMatch(/^call_[\da-f]{32}$/)
  expect(idsOf(body)).toEqual([callId])
  expect(chatViolations(body as never)).toEqual([])
})

test('a one-shot is sent as whole characters', async () => {
  const { provider, engine } = await chat('chat-completions')
  provider.always(json({ choices: [{ message: { content: 'a' }, finish_reason: 'stop' }] }))

  await engine.complete({ prompt: 'cut \ud83d', system: 'x \ude00' })

  const { body } = await provider.request(0)
  expect(body.messages).toEqual([
    { role: 'system', content: 'x \ufffd' },
    { role: 'user', content: 'cut \ufffd' },
  ])
})

type Field = Readonly<Record<string, never>>

/** The blocks, items or calls of a body, whatever its dialect. */
function pieces(body: Record<string, unknown>): readonly Field[] {
  const messages = (body['messages'] ?? body['input']) as readonly Record<string, unknown>[]
  return messages.flatMap((message) => {
    const { content, tool_calls: made } = message
    const blocks = Array.isArray(content) ? (content as Field[]) : []
    return [message as Field, ...blocks, ...((made ?? []) as Field[])]
  })
}

function idsOf(body: Record<string, unknown>): readonly string[] {
  return callsOf(body).map((made) => String(made['call_id'] ?? made['id']))
}

function argumentsOf(body: Record<string, unknown>): readonly unknown[] {
  return callsOf(body).map((made) => {
    const called = (made['function'] ?? made) as { arguments?: string; input?: unknown }
    return called.arguments === undefined ? called.input : JSON.parse(called.arguments)
  })
}

function callsOf(body: Record<string, unknown>): readonly Field[] {
  const kinds = new Set<unknown>(['function', 'function_call', 'tool_use'])
  return pieces(body).filter(({ type }) => kinds.has(type))
}

function resultOf(body: Record<string, unknown>, callId: string | undefined): unknown {
  const found = pieces(body).find(
    (piece) =>
      piece['tool_call_id'] === callId ||
      piece['tool_use_id'] === callId ||
      (piece['type'] === 'function_call_output' && piece['call_id'] === callId),
  )
  return found?.['output'] ?? found?.['content']
}
