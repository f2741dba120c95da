/** Calls that are held back until they are clear, beside pictures, limits, cancels and fallbacks. */
import { expect, test } from 'vitest'
import type { Dialect, ErrorRecord, Message } from '../../../src/index.ts'
import { testChat, testEngine, testProvider } from '../../support/engine.ts'
import { message, toolBlock } from '../../support/messages-events.ts'
import type { Script } from '../../support/provider.ts'
import { ended, responseEvent } from '../../support/response-events.ts'
import { chunk, streamed } from '../../support/scripts.ts'
import { outcomeOf, shown } from '../../support/waiting.ts'

const call = (args: string): object =>
  chunk({ tool_calls: [{ index: 0, id: 't', function: { name: 'look', arguments: args } }] })
const picture = chunk({ images: [{ image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } }] })
const finish = chunk({}, { finish_reason: 'tool_calls' })

test.each(['', '{}', 'null'])('a cancel keeps no call that is held back, with %j', async (args) => {
  const { provider, engine, conversation } = await testChat()
  provider.next((exchange) => {
    exchange.write(chunk({ content: 'Wait' }))
    exchange.write(call(args))
    return exchange.closed
  })
  const turn = await engine.send(conversation.id, 'hi')
  await shown(turn, 4)

  expect(await turn.cancel()).toMatchObject({ outcome: 'cancelled', partialChars: 4 })

  const { error } = (await outcomeOf(turn.reply)) as { error: { partial: Message } }
  expect(error.partial.parts).toEqual([{ type: 'text', text: 'Wait' }])
  await (
    await engine.send(conversation.id, 'and?')
  ).reply
  const { body } = await provider.request(1)
  expect(body.messages).toEqual([
    { role: 'user', content: 'hi' },
    { role: 'assistant', content: 'Wait' },
    { role: 'user', content: 'and?' },
  ])
})

test('a call that is held back stands before the picture that came after it', async () => {
  const { provider, engine, conversation } = await testChat()
  provider.next((exchange) => exchange.done(call('{}'), picture, finish))

  const { message: reply } = await (await engine.send(conversation.id, 'hi')).reply

  expect(reply.parts).toMatchObject([
    { type: 'tool-call', toolCallId: 't', inputText: '{}', input: {} },
    { type: 'file', mediaType: 'image/png' },
  ])
  expect(reply.finishReason).toBe('tool-calls')
})

test('what is held back counts against limits.replyBytes', async () => {
  const { provider, engine, conversation } = await testChat({ limits: { replyBytes: 2000 } })
  provider.next((exchange) => exchange.done(call(`{${' '.repeat(5000)}`), call('}'), finish))

  const turn = await engine.send(conversation.id, 'hi')

  expect(await outcomeOf(turn.reply)).toMatchObject({ error: { code: 'reply-too-large' } })
})

test('a reply that is cut while its call is held back is asked of a fallback', async () => {
  const { provider, engine, conversation } = await testChat()
  const other = await testProvider()
  await engine.putEndpoint('other', { url: other.url, apiKey: 'k', model: 'b' })
  await engine.putEndpoint('online', {
    url: provider.url,
    model: 'm',
    fallbacks: [{ endpoint: 'other' }],
  })
  provider.next((exchange) => {
    exchange.write(call(''))
    exchange.response.end()
  })
  other.next(streamed(['From the other']))

  const { message: reply, turn } = await (await engine.send(conversation.id, 'hi')).reply

  expect(reply.parts).toEqual([{ type: 'text', text: 'From the other' }])
  const [failed] = turn.failedAttempts as readonly { error: ErrorRecord }[]
  expect(failed?.error.code).toBe('stream-truncated')
})

const CUSTOM: Readonly<Record<Dialect, (input: string) => Script>> = {
  'chat-completions': (input) => (exchange) =>
    exchange.done(
      chunk({
        tool_calls: [{ index: 0, id: 't', type: 'custom', custom: { name: 'look', input } }],
      }),
      finish,
    ),
  responses: (input) => (exchange) => {
    const item = { type: 'custom_tool_call', id: 'i', call_id: 't', name: 'look', input }
    exchange.write(
      responseEvent('response.output_item.done', { output_index: 0, item }),
      ended('completed'),
    )
    exchange.response.end()
  },
  messages: (input) => message(toolBlock(0, 't', 'look', input), 'tool_use'),
}

test.each(
  (Object.keys(CUSTOM) as Dialect[]).flatMap((dialect) =>
    [
      ['plain text', { input: 'plain text' }] as const,
      ['{"half": ', { input: '{"half": ' }] as const,
      ['[1]', { input: [1] }] as const,
    ].map(([input, sent]) => [dialect, input, sent] as const),
  ),
)('input that is no object goes back in one, in %s: %s', async (dialect, input, sent) => {
  const provider = await testProvider()
  const engine = await testEngine()
  await engine.putEndpoint('online', { url: provider.url, apiKey: 'k', model: 'm', dialect })
  const { id } = await engine.startConversation()
  provider.next(CUSTOM[dialect](input))
  const { message: reply } = await (await engine.send(id, 'hi')).reply
  expect(reply.parts).toMatchObject([{ type: 'tool-call', inputText: input }])

  const result = { type: 'tool-result', toolCallId: 't', toolName: 'look', output: 'seen' } as const
  // Another model: the one that made a custom call gets it as it came.
  await outcomeOf((await engine.send(id, [result], { model: 'other' })).reply)

  const { body } = await provider.request(1)
  const [, called] = (body.messages ?? body.input) as readonly Record<string, never>[]
  const written: unknown =
    dialect === 'chat-completions'
      ? JSON.parse(called?.['tool_calls']?.[0]?.['function']?.['arguments'] ?? '')
      : dialect === 'responses'
        ? JSON.parse(called?.['arguments'] ?? '')
        : called?.['content']?.[0]?.['input']
  expect(written).toEqual(sent)
})
