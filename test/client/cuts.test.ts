/** Clients whose connections are cut, at any byte: `colloquy/client` and the package `eventsource`. */
import { once } from 'node:events'
import { EventSource } from 'eventsource'
import * as fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import { createClient } from '../../src/client.ts'
import type { Engine } from '../../src/index.ts'
import { chatReply, steps } from '../../src/testing.ts'
import { cuttingProxy } from '../support/cutting-proxy.ts'
import { shown } from '../support/waiting.ts'
import { testHost } from '../http/web-host.ts'

const headers = () => ({ 'x-user': 'ada' })

/** A client that does not wait as long as it would. */
const hasty = {
  now: () => Date.now(),
  setTimeout: (fn: () => void, ms: number) => setTimeout(fn, ms > 30_000 ? ms : ms / 500),
  clearTimeout: (id: unknown) => clearTimeout(id as NodeJS.Timeout),
}

const texts = fc.array(fc.string({ minLength: 1, maxLength: 400, unit: 'grapheme' }), {
  minLength: 1,
  maxLength: 6,
})
const cuts = fc.array(fc.integer({ min: 1, max: 2_500 }), { maxLength: 12 })

test('wherever its connections are cut, the client sends once and ends with the stored line', async () => {
  const host = await testHost({ frameMs: 0 })
  const proxy = await cuttingProxy(host.origin)
  await fc.assert(
    fc.asyncProperty(texts, cuts, async (pieces, bytes) => {
      const { gate, step } = steps()
      host.provider.next(chatReply(pieces, { gate }))
      const id = await host.conversation()
      // A connection for each request, so that requests meet the cuts in any order.
      const client = createClient({
        baseUrl: `${proxy.origin}/api`,
        headers: () => ({ ...headers(), connection: 'close' }),
        clock: hasty,
      })
      const chat = client.conversation(id)
      proxy.cutAfter(bytes)
      const seen: string[] = []
      const leave = chat.subscribe(() => {
        if (chat.state.reply !== undefined) seen.push(chat.state.reply.text)
      })
      try {
        const accepted = chat.send('hi', { clientId: 'c' }).catch((error: unknown) => error)
        const turn = await host.engine.attachTurn(await acceptedTurn(host.engine, id))
        for (let n = 1; n <= pieces.length; n += 1) {
          step(1)
          await shown(turn, pieces.slice(0, n).join('').length)
        }
        step(1)
        const { message } = await turn.reply
        await accepted
        const line = await host.engine.listMessages(id)
        expect(line.map(({ role }) => role)).toEqual(['user', 'assistant'])
        for await (const state of chat.states()) {
          if (state.messages.length === 2 && state.turn === undefined) break
        }
        expect(chat.state.messages.map((each) => each.text)).toEqual(['hi', message.text])
        expect(chat.state.messages.map((each) => each.id)).toEqual(line.map((each) => each.id))
        for (const text of seen) expect(message.text.startsWith(text)).toBe(true)
      } finally {
        proxy.cutAfter([])
        leave()
      }
    }),
    { numRuns: 25 },
  )
  expect(proxy.cuts).toBeGreaterThan(10)
}, 60_000)

/** The id of the turn that runs, or of the next one. */
function acceptedTurn(engine: Engine, id: string): Promise<string> {
  return new Promise((resolve) => {
    const running = engine.runningTurn(id)
    if (running !== undefined) return resolve(running.id)
    const watch = engine.events({ conversationId: id, content: false }).subscribe((event) => {
      if (event.type !== 'turn.accepted' || event.turnId === undefined) return
      resolve(event.turnId)
      queueMicrotask(() => watch.unsubscribe())
    })
  })
}

test('wherever its connections are cut, EventSource ends with the stored text', async () => {
  const host = await testHost({ frameMs: 0 })
  // Its wait is that of the first bytes: a millisecond here.
  const proxy = await cuttingProxy(host.origin, (bytes) =>
    Buffer.from(bytes.toString('latin1').replace('retry: 1000', 'retry: 0001'), 'latin1'),
  )
  await fc.assert(
    fc.asyncProperty(texts, cuts, async (pieces, bytes) => {
      const { gate, step } = steps()
      host.provider.next(chatReply(pieces, { gate }))
      const id = await host.conversation()
      // The first answer is whole up to its `retry:`.
      proxy.cutAfter(bytes.map((each) => each + 500))
      const source = new EventSource(`${proxy.origin}/api/conversations/${id}/events`, {
        fetch: (address, request) =>
          fetch(address, {
            ...request,
            headers: { ...request.headers, ...headers(), connection: 'close' },
          }),
      })
      onTestFinished(() => source.close())
      const heads: (string | null)[] = []
      const ended = new Promise<string | null>((resolve) => {
        source.addEventListener('turn.done', ({ data }) => {
          resolve((JSON.parse(data) as { message: { id: string } }).message.id)
        })
        // A reader that was away at the end is told by the head of the line.
        source.addEventListener('state', ({ data }) => {
          const { head, turn } = JSON.parse(data) as { head: string | null; turn?: object }
          heads.push(head)
          if (turn === undefined && head !== null) resolve(head)
        })
      })
      await once(source as unknown as EventTarget, 'state')
      const turn = await host.engine.as('ada').send(id, 'hi')
      step(pieces.length + 1)
      const { message } = await turn.reply

      expect(await ended).toBe(message.id)
      expect(heads[0]).toBe(null)
      source.close()
      proxy.cutAfter([])
    }),
    { numRuns: 15 },
  )
  expect(proxy.cuts).toBeGreaterThan(5)
})
