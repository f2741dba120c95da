/** Calls of custom tools, whose input is text: what their maker and others are sent of them. */
import { expect, test } from 'vitest'
import type { Dialect, InputPart } from '../../../src/index.ts'
import { testEngine, testProvider } from '../../support/engine.ts'
import type { Script } from '../../support/provider.ts'
import { chunk, json } from '../../support/scripts.ts'

const INPUT = 'plain "text" \ud83d'
const SENT = 'plain "text" \ufffd'
const RESULT: InputPart = { type: 'tool-result', toolCallId: 'c1', toolName: 'code', output: 'ran' }

const entry = { index: 0, id: 'c1', type: 'custom', custom: { name: 'code', input: INPUT } }
const item = { type: 'custom_tool_call', id: 'i1', call_id: 'c1', name: 'code', input: INPUT }
const asFunction = { name: 'code', arguments: JSON.stringify({ input: SENT }) }

type Sent = Readonly<Record<string, unknown>>

/** What a request holds of the call and its result. */
function callIn(body: unknown): readonly unknown[] {
  const { messages = [], input = [] } = body as { messages?: Sent[]; input?: Sent[] }
  const inMessages = messages.flatMap(({ tool_calls: calls, tool_call_id: id, content }) => [
    ...((calls ?? []) as unknown[]),
    ...(id === undefined ? [] : [{ tool_call_id: id, content }]),
  ])
  return [...inMessages, ...input.filter(({ role }) => role === undefined)]
}

test.each<[string, Dialect, Script, readonly unknown[], readonly unknown[]]>([
  [
    'a stream of chat completions',
    'chat-completions',
    (exchange) =>
      exchange.done(chunk({ tool_calls: [entry] }), chunk({}, { finish_reason: 'tool_calls' })),
    [
      { id: 'c1', type: 'custom', custom: { name: 'code', input: SENT } },
      { tool_call_id: 'c1', content: 'ran' },
    ],
    [
      { id: 'c1', type: 'function', function: asFunction },
      { tool_call_id: 'c1', content: 'ran' },
    ],
  ],
  [
    'an answer of chat completions',
    'chat-completions',
    json({ choices: [{ message: { tool_calls: [entry] }, finish_reason: 'tool_calls' }] }),
    [
      { id: 'c1', type: 'custom', custom: { name: 'code', input: SENT } },
      { tool_call_id: 'c1', content: 'ran' },
    ],
    [
      { id: 'c1', type: 'function', function: asFunction },
      { tool_call_id: 'c1', content: 'ran' },
    ],
  ],
  [
    'Responses',
    'responses',
    json({ status: 'completed', output: [item] }),
    [
      { type: 'custom_tool_call', call_id: 'c1', name: 'code', input: SENT },
      { type: 'custom_tool_call_output', call_id: 'c1', output: 'ran' },
    ],
    [
      { type: 'function_call', call_id: 'c1', ...asFunction },
      { type: 'function_call_output', call_id: 'c1', output: 'ran' },
    ],
  ],
])('a call of %s goes back to its maker as it came', async (_, dialect, reply, own, others) => {
  const provider = await testProvider()
  const engine = await testEngine()
  await engine.putEndpoint('online', { url: provider.url, model: 'm', dialect })
  const { id } = await engine.startConversation()
  provider.next(reply)
  await (
    await engine.send(id, 'hi')
  ).reply

  await (
    await engine.send(id, [RESULT])
  ).reply
  await (
    await engine.send(id, 'and?', { model: 'other' })
  ).reply

  const [, toMaker, toOther] = provider.requests
  expect(callIn(toMaker?.body)).toEqual(own)
  expect(callIn(toOther?.body)).toEqual(others)
})
