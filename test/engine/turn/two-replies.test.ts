/** Streams that hold two replies: a gateway asked again behind them. */
import { describe, expect, test } from 'vitest'
import type { Dialect } from '../../../src/index.ts'
import { testEngine, testProvider } from '../../support/engine.ts'
import {
  ended,
  started,
  stopped,
  textBlock,
  thinkingBlock,
  written,
} from '../../support/messages-events.ts'
import type { Script } from '../../support/provider.ts'
import { responseEvent } from '../../support/response-events.ts'
import { chunk, json, streamed } from '../../support/scripts.ts'
import { outcomeOf } from '../../support/waiting.ts'

function sending(...events: readonly object[]): Script {
  return (exchange) => {
    exchange.write(...events.map(written))
    exchange.response.end()
  }
}

/** A chat in this dialect, whose endpoint has a fallback that answers `From the spare`. */
async function chatIn(dialect: Dialect) {
  const [provider, spare] = [await testProvider(), await testProvider()]
  const engine = await testEngine({ retry: { maxAttempts: 3, baseDelayMs: 0 } })
  const put = { apiKey: 'sk-test-key', model: 'm' }
  await engine.putEndpoint('online', { ...put, url: provider.url, dialect, fallbacks: ['spare'] })
  await engine.putEndpoint('spare', { ...put, url: spare.url })
  spare.always(streamed(['From', ' the spare']))
  const { id } = await engine.startConversation()
  const ask = async () => outcomeOf((await engine.send(id, 'hi')).reply)
  return { provider, spare, engine, ask }
}

const created = (id?: string): object =>
  responseEvent('response.created', { response: { ...(id && { id }), status: 'in_progress' } })
const said = (delta: string, index = 0): object =>
  responseEvent('response.output_text.delta', { output_index: index, content_index: 0, delta })
const completed = responseEvent('response.completed', { response: { status: 'completed' } })

/** Two replies in one stream: before the second begins, the first has said `Once`. */
const TWO: readonly (readonly [string, Dialect, readonly object[]])[] = [
  [
    'a message inside an open block',
    'messages',
    [
      started(),
      ...textBlock(0, 'Once').slice(0, 2),
      started({ id: 'msg_2' }),
      ...textBlock(0, 'Twice'),
      ended(),
      stopped,
    ],
  ],
  [
    'a message under the same id',
    'messages',
    [started(), ...textBlock(0, 'Once'), started(), ...textBlock(0, 'Once upon'), ended(), stopped],
  ],
  [
    'a message after a stop reason without message_stop',
    'messages',
    [
      started(),
      ...textBlock(0, 'Once'),
      ended(),
      started(),
      ...textBlock(0, 'x'),
      ended(),
      stopped,
    ],
  ],
  [
    'a message that thinks first',
    'messages',
    [
      started(),
      ...textBlock(0, 'Once'),
      started(),
      ...thinkingBlock(0, 's', 'Hm'),
      ended(),
      stopped,
    ],
  ],
  [
    'a response with another id',
    'responses',
    [created('resp_1'), said('Once'), created('resp_2'), said('Twice'), completed],
  ],
  [
    'a response of two without ids',
    'responses',
    [created(), said('Once'), created(), said('Twice'), completed],
  ],
]

describe.each(TWO)('a stream with %s', (_, dialect, events) => {
  test('fails with the text of the first reply, and nobody else is asked', async () => {
    const { provider, spare, ask } = await chatIn(dialect)
    provider.next(sending(...events))

    expect(await ask()).toMatchObject({
      error: {
        code: 'invalid-response',
        message: expect.stringContaining('two replies') as string,
        partial: { text: 'Once', status: 'failed' },
      },
    })
    expect([provider.requests.length, spare.requests.length]).toEqual([1, 0])
  })
})

test.each<[Dialect, readonly object[]]>([
  ['messages', [started(), { type: 'ping' }, started({ id: 'msg_2' }), ...textBlock(0, 'Twice')]],
  ['responses', [created('resp_1'), created('resp_2'), said('Twice'), completed]],
])(
  'a fallback is asked in %s if nothing was shown, and never the same endpoint',
  async (dialect, events) => {
    const { provider, spare, ask } = await chatIn(dialect)
    provider.always(sending(...events))

    expect(await ask()).toMatchObject({
      value: {
        message: { text: 'From the spare' },
        turn: { failedAttempts: [{ endpoint: 'online', error: { code: 'invalid-response' } }] },
      },
    })
    expect([provider.requests.length, spare.requests.length]).toEqual([1, 1])
  },
)

test.each<[string, Dialect, readonly object[]]>([
  [
    'a message after message_stop',
    'messages',
    [
      started(),
      ...textBlock(0, 'Once'),
      ended(),
      stopped,
      started(),
      ...textBlock(0, 'x'),
      stopped,
    ],
  ],
  [
    'a response that is announced again under its id',
    'responses',
    [created('resp_1'), created('resp_1'), said('On'), created('resp_1'), said('ce'), completed],
  ],
  ['a response that is announced late', 'responses', [said('Once'), created('resp_1'), completed]],
  [
    'a response after the end of the first',
    'responses',
    [created('resp_1'), said('Once'), completed, created('resp_2'), said('x')],
  ],
  [
    'chunks that change their id',
    'chat-completions',
    [
      chunk({ role: 'assistant', content: 'On' }, { id: 'chatcmpl-1' }),
      chunk({ role: 'assistant', content: 'ce' }, { id: 'chatcmpl-2', created: 2 }),
      chunk({}, { id: 'chatcmpl-3', finish_reason: 'stop' }),
    ],
  ],
])('%s is no second reply', async (_, dialect, events) => {
  const { provider, ask } = await chatIn(dialect)
  provider.next(sending(...events))

  expect(await ask()).toMatchObject({ value: { message: { text: 'Once', status: 'complete' } } })
})

test('an error between two replies stays the error', async () => {
  const { provider, ask } = await chatIn('messages')
  const error = { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } }
  provider.next(sending(started(), ...textBlock(0, 'Once'), error, started()))

  expect(await ask()).toMatchObject({ error: { code: 'overloaded', partial: { text: 'Once' } } })
})

test('one JSON answer is one reply, whatever it holds', async () => {
  const { provider, ask } = await chatIn('messages')
  provider.next(json({ type: 'message', content: [{ type: 'text', text: 'Once' }] }))

  expect(await ask()).toMatchObject({ value: { message: { text: 'Once' } } })
})
