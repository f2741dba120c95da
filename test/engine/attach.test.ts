/** The handle of a turn by its id, while it runs and after its end. */
import { lastValueFrom, toArray } from 'rxjs'
import { describe, expect, test } from 'vitest'
import { createEngine, type Engine, type Turn } from '../../src/index.ts'
import { testChat, testDatabase, testEngine, testProvider } from '../support/engine.ts'
import { foreignWriter } from '../support/foreign-writer.ts'
import type { Script } from '../support/provider.ts'
import { closedGate, endless, json, streamed } from '../support/scripts.ts'
import { outcomeOf, shown } from '../support/waiting.ts'

/** All that a handle gives of a turn that has ended. */
async function readBack(turn: Turn) {
  const texts: string[] = []
  const loop = await outcomeOf(
    (async () => {
      for await (const { text } of turn.snapshots()) texts.push(text)
    })(),
  )
  return {
    id: turn.id,
    conversationId: turn.conversationId,
    replyId: turn.replyId,
    userMessage: turn.userMessage,
    reply: await outcomeOf(turn.reply),
    loop,
    texts,
    current: turn.current(),
    phase: turn.phase,
    events: (await lastValueFrom(turn.events.pipe(toArray()))).map((event) => ({
      type: event.type,
      seq: event.seq,
      ...(event.type === 'reply.snapshot' && { snapshot: event.snapshot }),
    })),
    receipt: (await turn.cancel()).outcome,
  }
}

describe('a running turn', () => {
  test('is followed from where it is, by as many handles as wanted', async () => {
    const { provider, engine, conversation } = await testChat()
    const gate = closedGate()
    provider.next(streamed(['Once', ' upon'], { gate: (n) => (n === 1 ? gate.opened : undefined) }))
    const turn = await engine.send(conversation.id, 'hi')
    await shown(turn, 4)

    const attached = await Promise.all([1, 2].map(() => engine.attachTurn(turn.id)))
    const logs = attached.map(({ events }) => lastValueFrom(events.pipe(toArray())))
    gate.open()

    for (const [n, each] of attached.entries()) {
      expect(await each.reply).toBe(await turn.reply)
      expect(each.userMessage).toEqual(turn.userMessage)
      const [phase, first, ...rest] = (await logs[n]) ?? []
      expect(phase).toMatchObject({ type: 'turn.phase', phase: 'receiving' })
      expect(first).toMatchObject({ type: 'reply.snapshot', snapshot: { text: 'Once' } })
      expect(rest.at(-1)?.type).toBe('turn.done')
    }
  })

  test('is cancelled by any of its handles', async () => {
    const { provider, engine, conversation } = await testChat()
    provider.next(endless())
    const turn = await engine.send(conversation.id, 'hi')
    await shown(turn, 1)
    const attached = await engine.attachTurn(turn.id)

    expect(await attached.cancel()).toMatchObject({ outcome: 'cancelled', upstreamAborted: true })
    await expect(turn.reply).rejects.toMatchObject({ code: 'cancelled' })
  })

  test('is found before its input is on disk, where the host makes the ids', async () => {
    let n = 0
    const { engine, conversation } = await testChat({ newId: () => `id-${(n += 1)}` })
    const sending = engine.send(conversation.id, 'hi')
    const attached = await engine.attachTurn(`id-${n - 1}`)
    const turn = await sending
    expect(attached.id).toBe(turn.id)
    expect(await attached.reply).toBe(await turn.reply)
  })
})

describe('an ended turn', () => {
  const SCRIPTS: Readonly<Record<string, Script>> = {
    done: streamed(['Once', ' upon']),
    cancelled: endless('Stop '),
    'cancelled without text': ({ closed }) => closed,
    failed: json({ error: { message: 'no' } }, { status: 400 }),
    'failed with text': streamed(['Half'], { finishReason: null, done: false }),
  }

  async function endings(engine: Engine, id: string): Promise<readonly Turn[]> {
    const turns: Turn[] = []
    for (const name of Object.keys(SCRIPTS)) {
      const turn = await engine.send(id, name)
      turns.push(turn)
      if (name === 'cancelled') await shown(turn, 1)
      if (name.startsWith('cancelled')) await turn.cancel()
      await outcomeOf(turn.reply)
    }
    const retried = await engine.retry(id)
    await outcomeOf(retried.reply)
    turns.push(retried)
    return turns
  }

  test.each(['the same engine', 'another engine after a restart', 'an engine that only reads'])(
    'is as it was, in %s',
    async (where) => {
      const provider = await testProvider()
      provider.always((exchange) => {
        const { messages } = exchange.body as { messages: { content: string }[] }
        return (SCRIPTS[messages.at(-1)?.content.split('\n').at(-1) ?? ''] as Script)(exchange)
      })
      const database = await testDatabase()
      const engine = await createEngine({
        database,
        autoTitle: false,
        retry: { maxAttempts: 1 },
      })
      await engine.putEndpoint('online', { url: provider.url, model: 'm' })
      const { id } = await engine.startConversation()
      const turns = await endings(engine, id)
      const before = await Promise.all(turns.map(readBack))
      const asked = provider.requests.length
      let later = engine
      if (where !== 'the same engine') {
        await engine.close()
        later = await testEngine({ database, readOnly: where.includes('only reads') })
      }

      for (const [n, { id: turnId }] of turns.entries()) {
        const attached = await later.attachTurn(turnId)
        if (where.includes('only reads')) {
          await expect(attached.cancel()).rejects.toMatchObject({ code: 'read-only' })
          Object.assign(attached, { cancel: async () => ({ outcome: 'already-done' }) })
        }
        expect(await readBack(attached)).toEqual({ ...before[n], receipt: 'already-done' })
      }
      expect(provider.requests).toHaveLength(asked)
      await engine.close()
    },
  )

  test('that a crash ended is interrupted, with its checkpointed text', async () => {
    const database = await testDatabase()
    const { provider, engine, conversation } = await testChat({ database })
    const turn = await engine.send(conversation.id, 'hi')
    await turn.reply
    await engine.close()
    foreignWriter(database).run("update turn set status = 'streaming', ended_at = null")
    const later = await testEngine({ database })

    const attached = await later.attachTurn(turn.id)

    await expect(attached.reply).rejects.toMatchObject({ code: 'interrupted' })
    expect((await lastValueFrom(attached.events)).type).toBe('turn.interrupted')
    expect(provider.requests).toHaveLength(1)
  })
})

test('a turn that runs in another engine cannot be followed by one that only reads, and says so', async () => {
  const database = await testDatabase()
  const { provider, engine, conversation } = await testChat({ database })
  const gate = closedGate()
  provider.next(streamed(['Once'], { gate: gate.opened }))
  const turn = await engine.send(conversation.id, 'hi')
  const viewer = await testEngine({ database, readOnly: true })

  const attached = await viewer.attachTurn(turn.id)
  expect(attached.userMessage.text).toBe('hi')
  await expect(attached.reply).rejects.toMatchObject({ code: 'turn-running' })
  expect(await lastValueFrom(attached.events.pipe(toArray()))).toEqual([])
  gate.open()
  await turn.reply

  const later = await viewer.attachTurn(turn.id)
  expect((await later.reply).message.text).toBe('Once')
})

describe('no turn', () => {
  const notFound = { code: 'turn-not-found' }

  test('is under an id that was never given, or of a refused send', async () => {
    let last = ''
    const { engine, conversation } = await testChat({ newId: () => (last = crypto.randomUUID()) })
    await expect(engine.attachTurn('')).rejects.toMatchObject(notFound)
    await expect(engine.attachTurn(conversation.id)).rejects.toMatchObject(notFound)
    await expect(engine.attachTurn('__proto__')).rejects.toMatchObject(notFound)
    const sending = engine.send(conversation.id, 'hi', { endpoint: 'nowhere' })
    const attaching = engine.attachTurn(last)
    await expect(sending).rejects.toMatchObject({ code: 'endpoint-not-found' })
    await expect(attaching).rejects.toMatchObject(notFound)
  })

  test('is left of a deleted conversation', async () => {
    const { engine, conversation } = await testChat()
    const turn = await engine.send(conversation.id, 'hi')
    await turn.reply
    await engine.deleteConversation(conversation.id)
    await expect(engine.attachTurn(turn.id)).rejects.toMatchObject(notFound)
  })

  test('is given for what is no id, or by a closed engine', async () => {
    const { engine } = await testChat()
    await expect(engine.attachTurn(7 as never)).rejects.toMatchObject({ code: 'invalid-option' })
    await engine.close()
    await expect(engine.attachTurn('t')).rejects.toMatchObject({ code: 'engine-closed' })
  })
})
