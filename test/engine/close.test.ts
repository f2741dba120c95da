/** Closing an engine: its effect on turns that run, and the resources it frees. */
import { fork } from 'node:child_process'
import { getEventListeners, once } from 'node:events'
import { setTimeout as after } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createEngine } from '../../src/index.ts'
import { CountingClock } from '../support/counting-clock.ts'
import { testChat, testDatabase, testEngine, testProvider } from '../support/engine.ts'
import { foreignWriter } from '../support/foreign-writer.ts'
import { Inspection } from '../support/inspection.ts'
import { closedGate, endless, hang, streamed } from '../support/scripts.ts'
import { nextEvent, outcomeOf, shown, ticks } from '../support/waiting.ts'

/** The resources that keep this process alive, counted by kind. */
function resources(): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const kind of process.getActiveResourcesInfo()) counts[kind] = (counts[kind] ?? 0) + 1
  return counts
}

/**
 * Polls a condition until it is true, for at most 2,000 turns of the event loop: a socket that
 * closes may take as many.
 */
async function eventually(isSo: () => boolean): Promise<void> {
  for (let n = 0; n < 2_000 && !isSo(); n += 1) await ticks()
  expect(isSo()).toBe(true)
}

describe('after close', () => {
  test('no socket, timer, listener or actor is left', async () => {
    const warnings: Error[] = []
    const note = (warning: Error) => warnings.push(warning)
    process.on('warning', note)
    onTestFinished(() => void process.off('warning', note))
    const provider = await testProvider()
    await ticks(5)
    const before = resources()
    const listenersBefore = process.eventNames().map((name) => process.listenerCount(name))

    const clock = new CountingClock()
    const engine = await createEngine({
      database: await testDatabase(),
      clock,
      emitIntervalMs: 10,
    })
    const inspection = new Inspection(engine)
    await engine.putEndpoint('online', { url: provider.url, model: 'm' })
    const abort = new AbortController()
    const { signal } = abort
    provider.always(streamed(['Hello']))
    provider.next(...Array.from({ length: 20 }, () => endless()), hang())
    const turns = await Promise.all(
      Array.from({ length: 21 }, async () => {
        const { id } = await engine.startConversation()
        const turn = await engine.send(id, 'hi', { signal })
        turn.events.subscribe(() => {})
        return turn
      }),
    )
    expect(getEventListeners(signal, 'abort')).toHaveLength(21)
    await provider.request(20)
    const { id } = await engine.startConversation()
    await (
      await engine.send(id, 'hi', { signal })
    ).reply
    await engine.complete({ prompt: 'hi', signal })
    await engine.close()

    expect(clock.pending).toBe(0)
    expect(getEventListeners(signal, 'abort')).toEqual([])
    for (const turn of turns) {
      expect(await outcomeOf(turn.reply)).toMatchObject({ error: { code: 'cancelled' } })
    }
    expect(inspection.actors.length).toBeGreaterThan(40)
    const alive = inspection.actors.filter((actor) => actor.getSnapshot().status === 'active')
    expect(alive.map(({ id: name }) => name)).toEqual([])
    await eventually(() => provider.openSockets === 0)
    await ticks(5)
    for (const [kind, count] of Object.entries(resources())) {
      expect([kind, count]).toEqual([kind, Math.min(count, before[kind] ?? 0)])
    }
    expect(process.eventNames().map((name) => process.listenerCount(name))).toEqual(listenersBefore)
    expect(warnings).toEqual([])
    abort.abort()
  })

  test('observables are complete, and the file can be opened again at once', async () => {
    const database = await testDatabase()
    const { engine } = await testChat({ database })
    let completed = 0
    engine.events().subscribe({ complete: () => (completed += 1) })
    engine.events('some').subscribe({ complete: () => (completed += 1) })
    await engine.close()
    expect(completed).toBe(2)
    await testEngine({ database })
  })

  test.each(['ask', 'leave', 'withdraw'])(
    'the process of a host ends by itself (%s)',
    async (deed) => {
      const provider = await testProvider()
      if (deed === 'leave') provider.always(endless())
      const script = fileURLToPath(new URL('./children/closing-host.ts', import.meta.url))
      const host = fork(script, [provider.url, await testDatabase(), deed], {
        execArgv: [],
        stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      })
      onTestFinished(() => void host.kill('SIGKILL'))
      const exited = once(host, 'exit')
      await Promise.race([once(host, 'message'), exited])
      const late = new AbortController()
      const end = await Promise.race([exited, after(5_000, ['still running'], late)])
      late.abort()
      expect(end[0]).toBe(0)
    },
  )
})

describe('close during a running turn', () => {
  test('cancels it, and the partial is in the file', async () => {
    const database = await testDatabase()
    const { provider, engine, conversation } = await testChat({ database })
    provider.next(endless())
    const turn = await engine.send(conversation.id, 'hi')
    await shown(turn, 10)
    const ended = nextEvent(turn.events, 'turn.cancelled')
    await engine.close()
    await (
      await provider.request(0)
    ).closed

    const { message } = await ended
    expect(await outcomeOf(turn.reply)).toMatchObject({
      error: { code: 'cancelled', partial: message },
    })
    const again = await testEngine({ database })
    expect((await again.listMessages(conversation.id))[1]).toEqual(message)
    expect(await again.getTurn(turn.id)).toMatchObject({ status: 'cancelled' })
  })

  test('rejects a send that is not accepted yet, and stores nothing of it', async () => {
    const database = await testDatabase()
    const { provider, engine, conversation } = await testChat({ database })
    const sending = outcomeOf(engine.send(conversation.id, 'hi'))
    await engine.close()
    expect(await sending).toMatchObject({ error: { code: 'cancelled' } })
    expect(provider.requests).toEqual([])
    const again = await testEngine({ database })
    expect(await again.listMessages(conversation.id)).toEqual([])
  })

  test('can wait for it, and accepts no other meanwhile', async () => {
    const database = await testDatabase()
    const { provider, engine, conversation } = await testChat({ database })
    const gate = closedGate()
    provider.next(streamed(['Once'], { gate: gate.opened }))
    const turn = await engine.send(conversation.id, 'hi')
    const closing = engine.close({ running: 'wait' })
    await provider.request(0)
    await expect(engine.send(conversation.id, 'two')).rejects.toMatchObject({
      code: 'engine-closed',
    })
    gate.open()
    await closing
    expect((await turn.reply).message.text).toBe('Once')
    const again = await testEngine({ database })
    expect((await again.listMessages(conversation.id))[1]?.status).toBe('complete')
  })

  test('waits no longer than it is told to, then cancels', async () => {
    const { provider, engine, conversation } = await testChat()
    provider.next(endless())
    const turn = await engine.send(conversation.id, 'hi')
    await shown(turn, 5)
    await engine.close({ running: 'wait', timeoutMs: 50 })
    const outcome = await outcomeOf(turn.reply)
    expect(outcome).toMatchObject({ error: { partial: { status: 'cancelled' } } })
    await (
      await provider.request(0)
    ).closed
  })

  test('gives up what a locked database does not take: the text is on the error', async () => {
    const database = await testDatabase()
    const logger = { debug() {}, info() {}, warn() {}, error() {} }
    const { provider, engine, conversation } = await testChat({ database, logger })
    provider.next(endless())
    const turn = await engine.send(conversation.id, 'hi')
    const { text } = await shown(turn, 10)
    const other = foreignWriter(database)
    other.lock()
    const failed = nextEvent(turn.events, 'turn.failed')
    await engine.close({ timeoutMs: 100 })

    const outcome = await outcomeOf(turn.reply)
    expect(outcome).toMatchObject({ error: { code: 'save-failed' } })
    const { partial, message } = (
      outcome as { error: { partial?: { text: string }; message: string } }
    ).error
    expect(partial?.text.startsWith(text)).toBe(true)
    expect(message).toContain('Its text is on this error.')
    expect((await failed).message).toEqual(partial)
    other.unlock()

    const again = await testEngine({ database })
    expect(await again.getTurn(turn.id)).toMatchObject({ status: 'interrupted' })
  })

  test('of a reader that reads on gives it the last snapshot, then the error', async () => {
    const { provider, engine, conversation } = await testChat()
    provider.next(endless())
    const turn = await engine.send(conversation.id, 'hi')
    await shown(turn, 5)
    const texts: string[] = []
    const reading = outcomeOf(
      (async () => {
        for await (const snapshot of turn.snapshots()) texts.push(snapshot.text)
      })(),
    )
    await engine.close()
    expect(await reading).toMatchObject({
      error: { code: 'cancelled', partial: { text: texts.at(-1) } },
    })
  })
})

describe('close', () => {
  test('twice, or at once, or by `await using`, is one close', async () => {
    const { engine } = await testChat()
    const [first, second] = [engine.close(), engine.close({ running: 'wait' })]
    await Promise.all([first, second, engine[Symbol.asyncDispose]()])
    await engine.close()
  })

  test('with an option that it does not know closes nothing', async () => {
    const { engine, conversation } = await testChat()
    await expect(engine.close({ now: true } as never)).rejects.toMatchObject({
      code: 'invalid-option',
    })
    await (
      await engine.send(conversation.id, 'hi')
    ).reply
  })

  test('aborts one-shots and model lists that are under way', async () => {
    const { provider, engine } = await testChat()
    provider.always(hang())
    provider.models(hang())
    const asked = [outcomeOf(engine.complete({ prompt: 'hi' })), outcomeOf(engine.listModels())]
    const exchanges = [await provider.request(0), await provider.request(1)]
    await engine.close()
    for (const outcome of await Promise.all(asked)) {
      expect(outcome).toMatchObject({ error: { name: 'ColloquyError' } })
    }
    await Promise.all(exchanges.map(({ closed }) => closed))
  })
})
