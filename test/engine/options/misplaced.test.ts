/** Options that other libraries have, or that belong to another call: refused, with their place. */
import { describe, expect, test } from 'vitest'
import { createEngine } from '../../../src/index.ts'
import type { Engine } from '../../../src/index.ts'
import { testChat } from '../../support/engine.ts'
import { outcomeOf } from '../../support/waiting.ts'

type Options = Record<string, unknown>

const CALLS: Readonly<Record<string, (engine: Engine, id: string, options: Options) => unknown>> = {
  createEngine: (_, __, options) => createEngine(options),
  putEndpoint: (engine, _, options) =>
    engine.putEndpoint('other', { url: 'http://127.0.0.1:1/v1', ...options }),
  send: (engine, id, options) => engine.send(id, 'hi', options),
  retry: (engine, id, options) => engine.retry(id, options),
  regenerate: (engine, _, options) => engine.regenerate('message', options),
  edit: (engine, _, options) => engine.edit('message', 'hi', options),
  fork: (engine, _, options) => engine.fork('message', options),
  listMessages: (engine, id, options) => engine.listMessages(id, options),
  startConversation: (engine, _, options) => engine.startConversation(options),
  updateConversation: (engine, id, options) => engine.updateConversation(id, options),
  listConversations: (engine, _, options) => engine.listConversations(options),
  complete: (engine, _, options) => engine.complete({ prompt: 'hi', ...options }),
  cancel: (engine, id, options) => engine.cancel(id, options),
}

/** The tool of a send with one unknown field. */
const tool = (options: Options): Options => ({
  tools: { look: { inputSchema: {}, ...options } },
})

describe('an option is refused by the name it has, with the place where it belongs', () => {
  test.each<[string, Options, string]>([
    ['send', { temperature: 1 }, 'give settings.temperature.'],
    ['send', { maxTokens: 1 }, 'give settings.maxOutputTokens.'],
    ['send', { max_tokens: 1 }, 'give settings.maxOutputTokens.'],
    ['send', { max_completion_tokens: 1 }, 'give settings.maxOutputTokens.'],
    ['send', { settings: { max_tokens: 1 } }, 'give settings.maxOutputTokens.'],
    ['send', { settings: { top_p: 1 } }, 'give settings.topP.'],
    ['send', { top_p: 1 }, 'give settings.topP.'],
    ['send', { stop_sequences: [] }, 'give settings.stop.'],
    ['send', { seed: 1 }, 'give settings.seed.'],
    ['send', { settings: { topK: 1 } }, 'give extraBody.'],
    ['send', { reasoning_effort: 'low' }, 'give extraBody.'],
    ['send', { response_format: {} }, 'give extraBody.'],
    ['send', { systemPrompt: 'x' }, 'give system.'],
    ['send', { instructions: 'x' }, 'give system.'],
    ['send', { messages: [] }, 'give earlier messages to startConversation as messages'],
    ['send', { prompt: 'x' }, 'give the input as the second argument.'],
    ['send', { content: 'x' }, 'give the input as the second argument.'],
    ['send', { parentMessageId: 'x' }, 'give parentId.'],
    ['send', { clientMessageId: 'x' }, 'give clientId.'],
    ['edit', { content: 'x' }, 'give the input as the second argument.'],
    ['edit', { parentId: 'x' }, 'give parentId to send.'],
    ['regenerate', { startWith: {} }, 'give startWith to send.'],
    ['regenerate', { temperature: 1 }, 'give settings.temperature.'],
    ['fork', { userId: 'x' }, 'give ownerId.'],
    ['listMessages', { cursor: 'x' }, 'give after.'],
    ['listMessages', { pageSize: 9 }, 'give limit.'],
    ['send', { stream: true }, 'read the reply as it grows with turn.snapshots().'],
    ['send', { onToken: () => {} }, 'subscribe to turn.events.'],
    ['send', { abortSignal: new AbortController().signal }, 'give signal.'],
    ['send', { idempotency_key: 'k' }, 'give idempotencyKey.'],
    ['send', { extra_body: {} }, 'give extraBody.'],
    ['send', { functions: [] }, 'give tools.'],
    ['send', { apiKey: 'k' }, 'give apiKey to putEndpoint.'],
    ['send', { baseURL: 'x' }, 'give url to putEndpoint.'],
    ['send', { maxRetries: 1 }, 'give retry.maxAttempts to createEngine.'],
    ['send', { timeout: 1 }, 'give timeouts to createEngine.'],
    ['send', { provider: 'x' }, 'give endpoint.'],
    ['send', tool({ run: () => 1 }), 'give execute, or answer the call yourself.'],
    ['send', tool({ handler: () => 1 }), 'answer the call yourself'],
    ['send', tool({ parameters: {} }), 'give inputSchema.'],
    ['send', tool({ input_schema: {} }), 'give inputSchema.'],
    ['send', tool({ type: 'function' }), 'give the tool under its name'],
    ['retry', { temperature: 1 }, 'give settings.temperature.'],
    ['retry', { stream: true }, 'turn.snapshots().'],
    ['startConversation', { systemPrompt: 'x' }, 'give system.'],
    ['startConversation', { system_prompt: 'x' }, 'give system.'],
    ['startConversation', { temperature: 1 }, 'give settings.temperature.'],
    ['startConversation', { userId: 'u' }, 'give ownerId.'],
    ['startConversation', { history: [] }, 'give messages.'],
    ['startConversation', { apiKey: 'k' }, 'give apiKey to putEndpoint.'],
    ['updateConversation', { instructions: 'x' }, 'give system.'],
    ['updateConversation', { messages: [] }, 'give messages to startConversation.'],
    ['listConversations', { user_id: 'u' }, 'give ownerId.'],
    ['complete', { messages: [] }, 'give prompt.'],
    ['complete', { max_tokens: 1 }, 'give settings.maxOutputTokens.'],
    ['complete', { stream: true }, 'complete never streams: send does.'],
    ['complete', { tools: {} }, 'give tools to send.'],
    ['putEndpoint', { baseURL: 'x' }, 'give url.'],
    ['putEndpoint', { baseUrl: 'x' }, 'give url.'],
    ['putEndpoint', { base_url: 'x' }, 'give url.'],
    ['putEndpoint', { api_key: 'k' }, 'give apiKey.'],
    ['putEndpoint', { 'api-key': 'k' }, 'give apiKey.'],
    ['putEndpoint', { key: 'k' }, 'give apiKey.'],
    ['putEndpoint', { token: 'k' }, 'give apiKey.'],
    ['putEndpoint', { defaultHeaders: {} }, 'give headers.'],
    ['putEndpoint', { temperature: 1 }, 'give settings.temperature to send.'],
    ['putEndpoint', { system: 'x' }, 'give system to startConversation.'],
    ['putEndpoint', { concurrency: 1 }, 'give maxConcurrent.'],
    ['putEndpoint', { timeout: 1 }, 'give timeouts to createEngine.'],
    ['createEngine', { apiKey: 'k' }, 'give apiKey to putEndpoint.'],
    ['createEngine', { baseUrl: 'x' }, 'give url to putEndpoint.'],
    ['createEngine', { db: 'x' }, 'give database.'],
    ['createEngine', { maxRetries: 1 }, 'give retry.maxAttempts.'],
    ['createEngine', { retry: { maxRetries: 1 } }, 'give retry.maxAttempts.'],
    ['createEngine', { timeouts: { totalMs: 1 } }, 'give timeouts.turnMs.'],
    ['createEngine', { encryption_key: 'k' }, 'give secrets.encryptionKey.'],
    ['createEngine', { model: 'm' }, 'give model to send.'],
  ])('%s: %j', async (call, options, advice) => {
    const { engine, conversation, provider } = await testChat()

    const outcome = await outcomeOf(
      Promise.resolve().then(() => CALLS[call]?.(engine, conversation.id, options)),
    )

    expect(outcome).toMatchObject({ error: { name: 'ColloquyError', code: 'invalid-option' } })
    const { message } = (outcome as { error: Error }).error
    expect(message.startsWith(call)).toBe(true)
    expect(message).toContain('is not a known option. Remove it, ')
    expect(message).toContain(advice)
    expect(provider.requests).toEqual([])
  })
})

test.each([
  [{ role: 'user', parts: [] }, 'and give text or parts as content.'],
  [{ role: 'user', text: 'hi' }, 'and give text or parts as content.'],
  [{ author: 'user', content: 'hi' }, 'and give role.'],
])('a message to start with says where its fields belong: %j', async (message, advice) => {
  const { engine } = await testChat()

  const outcome = await outcomeOf(engine.startConversation({ messages: [message as never] }))

  expect(outcome).toMatchObject({ error: { code: 'invalid-input' } })
  expect((outcome as { error: Error }).error.message).toContain(advice)
})

test.each<[string, Options]>([
  ['send', { shiny: 1 }],
  ['send', { tools: { look: { inputSchema: {}, shiny: 1 } } }],
  ['createEngine', { secrets: { key: 'x' } }],
  ['cancel', { constructor: 1 }],
])('a name that nobody knows is refused without a place: %s %j', async (call, options) => {
  const { engine, conversation } = await testChat()
  await expect(
    Promise.resolve().then(() => CALLS[call]?.(engine, conversation.id, options)),
  ).rejects.toThrow('is not a known option. Remove it, or correct its name.')
})
