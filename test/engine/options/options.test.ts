/** Checks of all options, at the creation of an engine and at each call. */
import { describe, expect, test } from 'vitest'
import { createEngine } from '../../../src/index.ts'
import type { Engine } from '../../../src/index.ts'
import { testChat, testEngine } from '../../support/engine.ts'
import { outcomeOf } from '../../support/waiting.ts'

type Options = Record<string, unknown>

/** Expects `invalid-option`, with the option's name and a message that says what to do. */
async function expectRefused(call: () => Promise<unknown>, name: string) {
  const outcome = await outcomeOf(call())
  expect(outcome).toMatchObject({ error: { name: 'ColloquyError', code: 'invalid-option' } })
  const { message } = (outcome as { error: Error }).error
  expect(message).toContain(name)
  expect(message).toMatch(
    /is not a known option\. Remove it|has no effect|is not valid: expected|is missing/,
  )
}

describe('an option that does not exist is refused', () => {
  test.each<[string, Options]>([
    ['emitInterval', { emitInterval: 1 }],
    ['limits.lineBytes', { limits: { lineBytes: 1 } }],
    ['limits.eventBytes', { limits: { eventBytes: 0 } }],
    ['limits.replyBytes', { limits: { replyBytes: Infinity } }],
    ['limits.replyParts', { limits: { replyParts: 0 } }],
    ['retry.jitter', { retry: { jitter: false } }],
    ['retry.maxAttempts', { retry: { maxAttempts: 0 } }],
    ['retry.maxAttempts', { retry: { maxAttempts: 1.5 } }],
    ['retry.baseDelayMs', { retry: { baseDelayMs: -1 } }],
    ['retry.maxDelayMs', { retry: { maxDelayMs: Infinity } }],
    ['timeouts.usageMs', { timeouts: { usageMs: Infinity } }],
    ['checkpointMs', { checkpointMs: 0 }],
    ['checkpointMs', { checkpointMs: '1000' }],
    ['readOnly', { readOnly: 'yes' }],
    ['timeouts.totalMs', { timeouts: { totalMs: 1 } }],
    ['secrets.key', { secrets: { key: 'x' } }],
    ['emitIntervalMs', { emitIntervalMs: -1 }],
    ['emitIntervalMs', { emitIntervalMs: '100' }],
    ['timeouts.headersMs', { timeouts: { headersMs: 0 } }],
    ['durability', { durability: 'none' }],
    ['usageOnCancel', { usageOnCancel: 'guess' }],
    ['countTokens', { countTokens: 4 }],
    ['logger', { logger: { warn() {} } }],
    ['clock', { clock: {} }],
    ['database', { database: '' }],
    ['database', { database: 'a\0b.db' }],
    ['database', { database: 'a\0b.db', readOnly: true }],
    ['addressPolicy', { addressPolicy: 'private' }],
    ['dispatcher', { dispatcher: { fetch() {} } }],
    ['addressPolicy', { addressPolicy: 'public', dispatcher: { dispatch: () => true } }],
  ])('by createEngine: %s', async (name, options) => {
    await expectRefused(() => createEngine({ database: ':memory:', ...options }), name)
  })

  test.each<[string, Options]>([
    ['idempotencyKey', { idempotencyKey: '' }],
    ['maxTokens', { maxTokens: 1 }],
    ['settings.max_tokens', { settings: { max_tokens: 1 } }],
    ['settings.temperature', { settings: { temperature: 'hot' } }],
    ['settings.maxOutputTokens', { settings: { maxOutputTokens: 0.5 } }],
    ['tools.look.execute', { tools: { look: { inputSchema: {}, execute: 'run' } } }],
    ['tools.look.inputSchema', { tools: { look: { inputSchema: 'text' } } }],
    ['toolChoice', { toolChoice: 'any' }],
    ['limits.steps', { limits: { steps: 0 } }],
    ['tools', { tools: { 'a name with spaces': { inputSchema: {} } } }],
    ['headers', { headers: { 'x-a': 'b\r\nx-c: d' } }],
    ['signal', { signal: {} }],
    ['metadata', { metadata: () => 1 }],
  ])('by send: %s', async (name, options) => {
    const { engine, conversation, provider } = await testChat()
    await expectRefused(() => engine.send(conversation.id, 'hi', options), name)
    expect(await engine.listMessages(conversation.id)).toEqual([])
    expect(provider.requests).toEqual([])
  })

  test.each<[string, Options]>([
    ['systemPrompt', { systemPrompt: 'x' }],
    ['settings.top_p', { settings: { top_p: 1 } }],
    ['id', { id: '' }],
    ['id', { id: 'x'.repeat(201) }],
    ['messages', { messages: 'hi' }],
  ])('by startConversation: %s', async (name, options) => {
    const engine = await testEngine()
    await expectRefused(() => engine.startConversation(options), name)
    expect(await engine.listConversations()).toEqual([])
  })

  test.each<[string, Options]>([
    ['fallbacks', { fallbacks: 'other' }],
    ['key', { key: 'x' }],
    ['dialect', { dialect: 'nonsense' }],
    ['headers', { headers: { 'bad name': 'x' } }],
    ['url', { url: undefined }],
  ])('by putEndpoint: %s', async (name, options) => {
    const engine = await testEngine()
    const endpoint = { url: 'http://127.0.0.1:1/v1', model: 'm', ...options }
    await expectRefused(() => engine.putEndpoint('online', endpoint), name)
    expect(await engine.getEndpoint('online')).toBeUndefined()
  })

  test.each<[string, (engine: Engine, options: never) => Promise<unknown>]>([
    ['cancel', (engine, options) => engine.cancel('c', options)],
    ['close', (engine, options) => engine.close(options)],
    ['complete', (engine, options: object) => engine.complete({ prompt: 'hi', ...options })],
    ['listConversations', (engine, options) => engine.listConversations(options)],
    ['listModels', (engine, options) => engine.listModels('online', options)],
    ['updateConversation', (engine, options) => engine.updateConversation('c', options)],
  ])('by %s', async (name, call) => {
    const engine = await testEngine()
    await expectRefused(() => call(engine, { shiny: 1 } as never), 'shiny')
    await expectRefused(() => call(engine, { shiny: 1 } as never), name)
  })

  test('never with the value in the message, for it may be a key', async () => {
    const engine = await testEngine()
    const outcome = await outcomeOf(
      engine.putEndpoint('online', {
        url: 'http://127.0.0.1:1',
        model: 'm',
        apiKey: 5_550_123 as never,
      }),
    )
    expect(String((outcome as { error: unknown }).error)).not.toContain('5550123')
  })
})

describe('an option that is undefined', () => {
  test('is as good as absent, everywhere and inside groups', async () => {
    const { provider } = await testChat()
    const engine = await testEngine({
      emitIntervalMs: undefined,
      autoTitle: false,
      timeouts: {
        headersMs: undefined,
        firstDeltaMs: undefined,
        idleMs: undefined,
        turnMs: undefined,
        usageMs: undefined,
      },
      retry: { maxAttempts: undefined, baseDelayMs: undefined, maxDelayMs: undefined },
      limits: { eventBytes: undefined, replyBytes: undefined, replyParts: undefined },
      durability: undefined,
      checkpointMs: undefined,
      readOnly: undefined,
      secrets: { encryptionKey: undefined },
      logger: undefined,
      prepare: undefined,
      clock: undefined,
      random: undefined,
      newId: undefined,
    })
    await engine.putEndpoint('online', {
      url: provider.url,
      model: 'm',
      apiKey: undefined,
      headers: undefined,
      dialect: undefined,
      local: undefined,
      fallbacks: undefined,
    })
    const conversation = await engine.startConversation({
      id: undefined,
      title: undefined,
      model: undefined,
      endpoint: undefined,
      system: undefined,
      settings: { temperature: undefined, stop: undefined },
      ownerId: undefined,
      metadata: undefined,
      messages: undefined,
    })
    await engine.updateConversation(conversation.id, { title: undefined, metadata: undefined })
    const turn = await engine.send(conversation.id, 'hi', {
      signal: undefined,
      model: undefined,
      system: undefined,
      endpoint: undefined,
      settings: {
        temperature: undefined,
        topP: undefined,
        maxOutputTokens: undefined,
        stop: undefined,
        seed: undefined,
      },
      extraBody: undefined,
      headers: undefined,
      metadata: undefined,
      tools: undefined,
    })
    await turn.reply
    await engine.cancel(conversation.id, { turnId: undefined, queued: undefined })
    await engine.listConversations({ ownerId: undefined, limit: undefined })
    await engine.listModels(undefined, { signal: undefined } as never)
    await engine.complete({
      prompt: 'hi',
      system: undefined,
      purpose: undefined,
      endpoint: undefined,
      model: undefined,
      settings: undefined,
      signal: undefined,
    })
    await engine.close({ running: undefined, timeoutMs: undefined })

    expect(Object.keys(provider.requests[0]?.body as object).toSorted()).toEqual([
      'messages',
      'model',
      'stream',
      'stream_options',
    ])
  })

  test('is so also in place of all options', async () => {
    const { engine, conversation } = await testChat()
    await engine.startConversation(undefined)
    await (
      await engine.send(conversation.id, 'hi', undefined)
    ).reply
    await engine.cancel(conversation.id, undefined)
    await engine.listConversations(undefined)
    await engine.close(undefined)
  })
})

test.each([
  'cancel',
  'listMessages',
  'listTurns',
  'deleteConversation',
  'send',
  'getConversation',
] as const)(
  '%s with something that is no id rejects with a coded error or finds nothing',
  async (name) => {
    const engine = await testEngine()
    for (const id of [undefined, null, 42, {}, '']) {
      const call = engine[name].bind(engine) as (id: unknown, text?: string) => Promise<unknown>
      const outcome = await outcomeOf(call(id, name === 'send' ? 'hi' : undefined))
      if ('value' in outcome) expect(outcome.value).toBeUndefined()
      else expect(outcome.error).toMatchObject({ name: 'ColloquyError' })
    }
  },
)
