/** What a second window hears of settings and endpoints, and the list of endpoints. */
import { Observable } from 'rxjs'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Engine, SettingsChange } from '../../src/index.ts'
import { reset } from '../../src/testing.ts'
import { testChat, testDatabase, testEngine, testProvider } from '../support/engine.ts'
import { foreignWriter } from '../support/foreign-writer.ts'
import { endless, streamed } from '../support/scripts.ts'
import { outcomeOf, shown, ticks } from '../support/waiting.ts'

/** The changes from now on, without their times, and whether they are over. */
function changesOf(engine: Engine) {
  const changes: Omit<SettingsChange, 'at'>[] = []
  const log = { changes, times: [] as Date[], isComplete: false }
  engine.settingsChanges.subscribe({
    next: ({ at, ...change }) => {
      changes.push(change)
      log.times.push(at)
    },
    complete: () => (log.isComplete = true),
    error: () => expect.unreachable('settingsChanges must not error'),
  })
  return log
}

describe('changes of the settings', () => {
  test('are told once each, in their order, by the time their calls resolve', async () => {
    const { engine, provider } = await testChat()
    const log = changesOf(engine)
    expect(engine.settingsChanges).toBeInstanceOf(Observable)
    const steps: readonly [() => Promise<unknown>, Omit<SettingsChange, 'at'>][] = [
      [() => engine.putEndpoint('x', { url: provider.url }), { change: 'endpoint', name: 'x' }],
      [() => engine.putEndpoint('x', { url: provider.url }), { change: 'endpoint', name: 'x' }],
      [
        () => engine.setModelPreference('title', 't'),
        { change: 'model-preference', name: 'title' },
      ],
      [
        () => engine.setModelPreference('title', null),
        { change: 'model-preference', name: 'title' },
      ],
      [() => engine.setAirplaneMode(true), { change: 'airplane-mode' }],
      [() => engine.setAirplaneMode(false), { change: 'airplane-mode' }],
      [() => engine.deleteEndpoint('x'), { change: 'endpoint', name: 'x' }],
    ]
    for (const [n, [call, change]] of steps.entries()) {
      await call()
      expect(log.changes[n]).toEqual(change)
      expect(log.changes).toHaveLength(n + 1)
    }
    expect(log.times.every((at) => at instanceof Date)).toBe(true)
  })

  test('are none where nothing changed, or the call was refused', async () => {
    const database = await testDatabase()
    const { engine } = await testChat({ database })
    await engine.setModelPreference('chat', 'm')
    const log = changesOf(engine)
    await engine.setAirplaneMode(false)
    await engine.setModelPreference('chat', 'm')
    await engine.setModelPreference('title', null)
    foreignWriter(database).run(
      "create trigger refuse before insert on setting begin select raise(abort, 'no'); end",
    )
    await outcomeOf(engine.putEndpoint('x', { url: 'ftp://x' }))
    await outcomeOf(engine.deleteEndpoint('nowhere'))
    await outcomeOf(engine.setModelPreference('chat', 7 as never))
    expect(await outcomeOf(engine.setAirplaneMode(true))).toMatchObject({
      error: { code: 'database-failed' },
    })
    expect(log.changes).toEqual([])
  })

  test('can be read when they are told', async () => {
    const { engine } = await testChat()
    const seen: unknown[] = []
    engine.settingsChanges.subscribe(() => void engine.getSettings().then((now) => seen.push(now)))
    await engine.setAirplaneMode(true)
    await ticks(2)
    expect(seen).toMatchObject([{ airplaneMode: true }])
  })

  test('reach every subscriber in one order, also one that changes something itself', async () => {
    const { engine, provider } = await testChat()
    const first = changesOf(engine)
    engine.settingsChanges.subscribe(({ name }) => {
      if (name === 'a') void engine.putEndpoint('b', { url: provider.url })
    })
    const last = changesOf(engine)
    await engine.putEndpoint('a', { url: provider.url })
    await engine.putEndpoint('c', { url: provider.url })
    expect(first.changes.map(({ name }) => name)).toEqual(['a', 'b', 'c'])
    expect(last.changes).toEqual(first.changes)
  })

  test('are delivered after the event during whose delivery they happen, to all', async () => {
    const { engine, conversation } = await testChat()
    const order: string[] = []
    const both = (who: string) => {
      engine.events().subscribe(({ type }) => order.push(`${who} ${type}`))
      engine.settingsChanges.subscribe(({ change }) => order.push(`${who} ${change}`))
    }
    both('first')
    engine.events().subscribe(({ type }) => {
      if (type === 'turn.accepted') void engine.setModelPreference('chat', 'n')
    })
    both('last')
    await (
      await engine.send(conversation.id, 'hi')
    ).reply
    const of = (who: string) =>
      order.filter((entry) => entry.startsWith(who)).map((entry) => entry.slice(who.length))
    expect(of('first')).toEqual(of('last'))
    expect(of('first')).toContain(' model-preference')
  })

  test('a subscriber that throws keeps nothing from the others', async () => {
    const uncaught: unknown[] = []
    const note = (error: unknown) => uncaught.push(error)
    process.on('uncaughtException', note)
    onTestFinished(() => void process.off('uncaughtException', note))
    const { engine } = await testChat()
    const boom = new Error('a bad window')
    engine.settingsChanges.subscribe(() => {
      throw boom
    })
    const log = changesOf(engine)
    await engine.setAirplaneMode(true)
    await new Promise((resolve) => setTimeout(resolve))
    expect(log.changes).toEqual([{ change: 'airplane-mode' }])
    expect(uncaught).toEqual([boom])
  })

  test('end with the engine, for early and late subscribers, also where it only reads', async () => {
    const database = await testDatabase()
    const { engine } = await testChat({ database })
    const viewer = await testEngine({ database, readOnly: true })
    for (const each of [viewer, engine]) {
      const early = changesOf(each)
      expect(early.isComplete).toBe(false)
      await each.close()
      expect(early.isComplete).toBe(true)
      expect(changesOf(each).isComplete).toBe(true)
    }
  })
})

describe('endpoints', () => {
  test('are listed by name, without secrets, by engines of both kinds', async () => {
    const database = await testDatabase()
    const { engine, provider } = await testChat({ database })
    for (const name of ['zebra', 'Ant', 'airplane', '__proto__', 'é']) {
      await engine.putEndpoint(name, { url: provider.url, apiKey: `sk-${name}` })
    }
    const list = await engine.listEndpoints()
    expect(list.map(({ name }) => name)).toEqual([
      'Ant',
      '__proto__',
      'airplane',
      'online',
      'zebra',
      'é',
    ])
    for (const record of list) expect(record).toEqual(await engine.getEndpoint(record.name))
    expect(JSON.stringify(list)).not.toContain('sk-')
    const viewer = await testEngine({ database, readOnly: true })
    expect((await viewer.listEndpoints()).map(({ name }) => name)).toEqual(
      list.map(({ name }) => name),
    )
    await expect(viewer.deleteEndpoint('zebra')).rejects.toMatchObject({ code: 'read-only' })
    expect(await (await testEngine()).listEndpoints()).toEqual([])
  })

  test('are deleted with their sealed keys, and stay away after a restart', async () => {
    const database = await testDatabase()
    const secrets = { encryptionKey: 'a passphrase' }
    const { engine, provider } = await testChat({ database, secrets })
    await engine.putEndpoint('airplane', { url: provider.url, apiKey: 'sk-a' })
    for (const name of ['online', 'airplane']) await engine.deleteEndpoint(name)
    expect(await engine.listEndpoints()).toEqual([])
    expect(await engine.getEndpoint('online')).toBeUndefined()
    await engine.putEndpoint('online', { url: provider.url, model: 'm' })
    expect(await engine.getEndpoint('online')).toMatchObject({ hasApiKey: false })
    await engine.deleteEndpoint('online')
    await engine.close()
    const later = await testEngine({ database, secrets })
    expect(await later.listEndpoints()).toEqual([])
  })

  test('that do not exist cannot be deleted, and nor can what is no name', async () => {
    const { engine } = await testChat()
    await expect(engine.deleteEndpoint('nowhere')).rejects.toMatchObject({
      code: 'endpoint-not-found',
      message: expect.stringContaining('"nowhere"') as unknown,
    })
    for (const name of ['', 7, null, undefined]) {
      await expect(engine.deleteEndpoint(name as never)).rejects.toMatchObject({
        code: 'invalid-option',
      })
    }
    await engine.deleteEndpoint('online')
    await expect(engine.deleteEndpoint('online')).rejects.toMatchObject({
      code: 'endpoint-not-found',
    })
  })

  test('that turns are bound to let them end: a stream, a retry, and one that waits for a slot', async () => {
    const provider = await testProvider()
    const engine = await testEngine({ retry: { maxAttempts: 2, baseDelayMs: 0 } })
    await engine.putEndpoint('online', {
      url: provider.url,
      model: 'm',
      apiKey: 'sk-kept',
      maxConcurrent: 1,
    })
    provider.next(endless(), reset(), streamed(['Later']))
    const running = await engine.send((await engine.startConversation()).id, 'hi')
    await shown(running, 1)
    const { id } = await engine.startConversation()
    const waiting = await engine.send(id, 'hi')

    await engine.deleteEndpoint('online')
    await running.cancel()

    expect((await waiting.reply).message.text).toBe('Later')
    expect(provider.requests.map(({ headers }) => headers['authorization'])).toEqual(
      Array.from({ length: 3 }, () => 'Bearer sk-kept'),
    )
    expect(await engine.getTurn(waiting.id)).toMatchObject({ endpoint: 'online', attempts: 2 })
    await expect(engine.send(id, 'more')).rejects.toMatchObject({ code: 'endpoint-not-found' })
    await expect(engine.listModels()).rejects.toMatchObject({ code: 'endpoint-not-found' })
    await engine.putEndpoint('online', { url: provider.url, model: 'm' })
    expect((await (await engine.send(id, 'more')).reply).message.text).toBe('Hello')
  })

  test('are put and deleted in the order of the calls', async () => {
    const { engine, provider } = await testChat()
    const put = () => engine.putEndpoint('x', { url: provider.url, apiKey: 'sk-x' })
    await Promise.all([put(), engine.deleteEndpoint('x')])
    expect(await engine.getEndpoint('x')).toBeUndefined()
    await Promise.all([put(), engine.deleteEndpoint('x'), put()])
    expect(await engine.getEndpoint('x')).toMatchObject({ hasApiKey: true })
  })
})
