/** What an engine tells its log: codes and ids, never texts or secrets, and no warning twice for a cause. */
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Engine, EngineOptions, Logger } from '../../src/index.ts'
import { testChat, testDatabase, testEngine } from '../support/engine.ts'
import { foreignWriter } from '../support/foreign-writer.ts'
import type { Script } from '../support/provider.ts'
import { endless, json, streamed } from '../support/scripts.ts'
import { nextEvent, outcomeOf, shown } from '../support/waiting.ts'

interface Entry {
  readonly level: keyof Logger
  readonly details: object
  readonly message: string
}

/** A logger that keeps its entries. */
function logbook() {
  const entries: Entry[] = []
  const keep = (level: keyof Logger) => (details: object, message: string) =>
    void entries.push({ level, details, message })
  return {
    logger: { debug: keep('debug'), info: keep('info'), warn: keep('warn'), error: keep('error') },
    entries,
    of: (level: keyof Logger) => entries.filter((entry) => entry.level === level),
  }
}

async function loggedChat(options: EngineOptions = {}) {
  const log = logbook()
  return { ...(await testChat({ logger: log.logger, ...options })), log }
}

async function ask(engine: Engine, id: string, input = 'hi') {
  return outcomeOf((await engine.send(id, input)).reply)
}

const busy = json({ error: { message: 'the secret of the provider' } }, { status: 503 })

describe('a warning', () => {
  test('tells of each failed turn, with its code and ids', async () => {
    const { provider, engine, conversation, log } = await loggedChat()
    const failures: readonly [string, Script][] = [
      ['overloaded', busy],
      ['bad-key', json({ error: { message: 'no' } }, { status: 401 })],
      ['overloaded', busy],
      ['stream-truncated', streamed(['Half'], { finishReason: null, done: false })],
    ]
    for (const [code, script] of failures) {
      provider.next(script)
      const turn = await engine.send(conversation.id, 'hi')
      await outcomeOf(turn.reply)
      expect(log.of('warn').at(-1)).toMatchObject({
        details: {
          turnId: turn.id,
          conversationId: conversation.id,
          endpoint: 'online',
          model: 'm',
          attempts: 1,
          code,
        },
        message: `A turn failed: ${code}.`,
      })
    }
    expect(log.of('warn')).toHaveLength(failures.length)
  })

  test('tells of each retry, also of a one-shot', async () => {
    const { provider, engine, conversation, log } = await loggedChat({
      retry: { maxAttempts: 3, baseDelayMs: 0 },
    })
    provider.next(busy, busy)
    const turn = await engine.send(conversation.id, 'hi')
    await turn.reply
    expect(log.of('warn').map(({ details }) => details)).toMatchObject([
      {
        turnId: turn.id,
        attempt: 1,
        code: 'overloaded',
        endpoint: 'online',
        nextEndpoint: 'online',
      },
      { turnId: turn.id, attempt: 2, code: 'overloaded', retryInMs: 0 },
    ])
    provider.next(busy, json({ choices: [{ index: 0, message: { content: 'Yes' } }] }))
    await engine.complete({ prompt: 'hi' })
    expect(log.of('warn')).toHaveLength(3)
    expect(log.of('warn').at(-1)?.details).toMatchObject({ code: 'overloaded', endpoint: 'online' })
  })

  test('is said once for a fallback that is left out, and anew when it was well in between', async () => {
    const { provider, engine, conversation, log } = await loggedChat()
    const { url } = provider
    await engine.putEndpoint('online', { url, model: 'm', fallbacks: ['spare', 'other'] })
    for (let n = 0; n < 3; n += 1) await ask(engine, conversation.id)
    expect(log.of('warn').map(({ details }) => details)).toEqual([
      { endpoint: 'spare', code: 'endpoint-not-found' },
      { endpoint: 'other', code: 'endpoint-not-found' },
    ])
    await engine.putEndpoint('spare', { url, model: 'm' })
    for (let n = 0; n < 2; n += 1) await ask(engine, conversation.id)
    await engine.deleteEndpoint('spare')
    for (let n = 0; n < 2; n += 1) await ask(engine, conversation.id)
    expect(log.of('warn').map(({ details }) => (details as { endpoint: string }).endpoint)).toEqual(
      ['spare', 'other', 'spare'],
    )
  })

  test('is said once for an observer, a tokenizer and a disk that stay broken', async () => {
    const database = await testDatabase()
    const { provider, engine, conversation, log } = await loggedChat({
      database,
      countTokens: () => {
        throw new Error('no tokens')
      },
    })
    const observed = engine.inspect(() => {
      throw new Error('no eyes')
    })
    for (let n = 0; n < 2; n += 1) {
      provider.next(endless())
      const turn = await engine.send(conversation.id, 'hi')
      await shown(turn, 1)
      await turn.cancel()
    }
    observed.unsubscribe()
    foreignWriter(database).run(
      "create trigger refuse before update of ended_at on turn begin select raise(abort, 'no'); end",
    )
    const turn = await engine.send(conversation.id, 'hi')
    const failed = () => nextEvent(turn.events, 'turn.save-failed')
    await failed()
    await failed()
    foreignWriter(database).run('drop trigger refuse')
    await turn.reply

    const messages = log.of('warn').map(({ message }) => message)
    expect(messages).toHaveLength(3)
    expect(new Set(messages).size).toBe(3)
  })
})

test('info tells of openings, recoveries and migrations, and debug of the rest', async () => {
  const database = await testDatabase()
  const first = logbook()
  const { engine, conversation } = await testChat({ database, logger: first.logger })
  await ask(engine, conversation.id)
  await engine.close()
  foreignWriter(database).run("update turn set status = 'streaming', ended_at = null")
  expect(first.of('info').map(({ details }) => details)).toMatchObject([
    { migrations: expect.arrayContaining([expect.any(String)]) as unknown },
    { database, readOnly: false, epoch: 1 },
  ])
  expect(first.of('debug').map(({ message }) => message)).toEqual([
    'An endpoint was put.',
    'A turn was accepted.',
    'A turn ended.',
    'The engine is closing.',
  ])

  const second = logbook()
  await testEngine({ database, logger: second.logger })
  expect(second.of('info').map(({ details }) => details)).toMatchObject([
    { interrupted: 1 },
    { database, epoch: 2 },
  ])
  const third = logbook()
  await testEngine({ database, readOnly: true, logger: third.logger })
  expect(third.of('info').map(({ details }) => details)).toMatchObject([
    { database, readOnly: true },
  ])
  expect([...first.entries, ...second.entries, ...third.entries]).not.toContainEqual(
    expect.objectContaining({ level: 'warn' }),
  )
})

test('no entry holds a text or a secret, however a turn goes', async () => {
  const { provider, engine, log } = await loggedChat({
    autoTitle: true,
    retry: { maxAttempts: 2, baseDelayMs: 0 },
  })
  const { id } = await engine.startConversation({
    system: 'canary-system',
    metadata: 'canary-meta',
  })
  const echo = json({ error: { message: 'canary-refusal sk-test-key' } }, { status: 400 })
  provider.next(busy, streamed(['canary-reply']), json({ error: 'canary-title' }), echo)
  await ask(engine, id, 'canary-input')
  await ask(engine, id, 'canary-input')
  await outcomeOf(
    engine.send(id, 'canary-input', { headers: { 'x-key': 'canary-header' }, endpoint: 'nowhere' }),
  )
  await outcomeOf(engine.complete({ prompt: 'canary-prompt' }))
  provider.next(endless('canary-word '))
  const turn = await engine.send(id, 'canary-input')
  await shown(turn, 1)
  await engine.setAirplaneMode(true)
  await engine.deleteConversation(id)
  await engine.close()

  expect(log.entries.length).toBeGreaterThan(8)
  const said = JSON.stringify(log.entries)
  for (const secret of ['canary', 'sk-test-key', 'secret of the provider']) {
    expect(said).not.toContain(secret)
  }
})

test('the default logger keeps silent about single turns, which their callers hear of', async () => {
  const written: string[] = []
  const write = process.stderr.write.bind(process.stderr)
  process.stderr.write = (text: string) => written.push(text) > 0
  onTestFinished(() => void (process.stderr.write = write))
  const { provider, engine, conversation } = await testChat({
    retry: { maxAttempts: 2, baseDelayMs: 0 },
  })
  const { url } = provider
  await engine.putEndpoint('online', { url, model: 'm', fallbacks: ['missing'] })
  provider.always(busy)
  for (let n = 0; n < 2; n += 1) await ask(engine, conversation.id)
  await outcomeOf(engine.complete({ prompt: 'hi' }))
  expect(written).toEqual([
    expect.stringMatching(/^colloquy: The fallback endpoint "missing" is left out/),
  ])
})
