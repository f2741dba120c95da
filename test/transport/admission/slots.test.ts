/** Slots: the limit of concurrent replies of an endpoint. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { Slots } from '../../../src/transport/admission/slots.ts'
import { startProvider } from '../../support/provider.ts'
import type { Exchange, Provider } from '../../support/provider.ts'
import { chunk, endless, hang, json } from '../../support/scripts.ts'
import { ticks } from '../../support/waiting.ts'
import { ManualClock, NO_TIMEOUTS, ask, requestTo, targetAt, transportFor } from '../asking.ts'

/** A request with this text, to an endpoint with this limit of concurrent replies. */
function limited(provider: Provider, text: string, maxConcurrent = 1, isBackground = false) {
  return requestTo(provider.url, {
    target: targetAt(provider.url, { maxConcurrent }),
    messages: [{ role: 'user', parts: [{ type: 'text', text }] }],
    isBackground,
  })
}

const asked = ({ body }: Exchange): string => body.messages.at(-1).content as string

/** Answers a request when the test says so, by the request's text. */
function answering(provider: Provider) {
  const open = new Map<string, () => void>()
  let most = 0
  provider.always(async (exchange) => {
    exchange.open()
    const { promise, resolve } = Promise.withResolvers<void>()
    open.set(asked(exchange), resolve)
    most = Math.max(most, open.size)
    await promise
    open.delete(asked(exchange))
    exchange.done(chunk({ content: asked(exchange) }, { finish_reason: 'stop' }))
  })
  return {
    answer: (text: string) => open.get(text)?.(),
    get most() {
      return most
    },
  }
}

test('lets who waits in as they came, and titles after all chats', async () => {
  await using provider = await startProvider()
  await using transport = transportFor()
  const answers = answering(provider)
  const texts = ['a', 'title 1', 'b', 'title 2', 'c']

  const all = texts.map((text) =>
    ask(transport, limited(provider, text, 1, text.startsWith('title'))),
  )
  for (let n = 0; n < texts.length; n += 1) answers.answer(asked(await provider.request(n)))
  const replies = await Promise.all(all.map(({ ended }) => ended))

  expect(replies.map(({ text }) => text)).toEqual(texts)
  expect(provider.requests.map(asked)).toEqual(['a', 'b', 'c', 'title 1', 'title 2'])
  expect(answers.most).toBe(1)
})

test('asks for as many replies at once as it may', async () => {
  await using provider = await startProvider()
  await using transport = transportFor()
  const answers = answering(provider)
  const all = Array.from({ length: 12 }, (_, n) => ask(transport, limited(provider, `${n}`, 3)))

  for (let n = 0; n < all.length; n += 1) {
    await provider.request(Math.min(n + 2, all.length - 1))
    answers.answer(asked(await provider.request(n)))
  }
  await Promise.all(all.map(({ ended }) => ended))

  expect(answers.most).toBe(3)
})

test('sends nothing of a request that is aborted while it waits', async () => {
  await using provider = await startProvider()
  await using transport = transportFor()
  const answers = answering(provider)
  const first = ask(transport, limited(provider, 'first'))
  await provider.request(0)
  const second = ask(transport, limited(provider, 'second'))
  const third = ask(transport, limited(provider, 'third'))
  await ticks()

  expect(second.handle.abort()).toBe(false)
  answers.answer('first')
  await first.ended
  answers.answer(asked(await provider.request(1)))
  await third.ended

  expect(provider.requests.map(asked)).toEqual(['first', 'third'])
  expect(second.calls).toEqual([])
})

test.each(['an abort', 'a failure', 'a cut', 'a request that cannot be sent'])(
  'gives a place on after %s',
  async (how) => {
    await using provider = await startProvider()
    await using transport = transportFor()
    if (how === 'an abort') provider.next(endless())
    if (how === 'a failure') provider.next(json({ error: 'no' }, { status: 500 }))
    if (how === 'a cut') provider.next(({ response }) => void response.destroy())
    const bad = { ...limited(provider, 'a'), target: { ...limited(provider, 'a').target } }
    if (how === 'a request that cannot be sent') bad.target.apiKey = 'a\nb'

    const first = ask(transport, bad)
    const second = ask(transport, limited(provider, 'b'))
    if (how === 'an abort') {
      await first.chars(1)
      first.handle.abort()
    } else expect((await first.ended).error).toBeDefined()

    expect((await second.ended).text).toBe('Hello')
  },
)

test('counts the time for headers from when the request is sent', async () => {
  await using provider = await startProvider()
  const clock = new ManualClock()
  await using transport = transportFor({ clock, timeouts: { ...NO_TIMEOUTS, headersMs: 1000 } })
  provider.next(endless(), hang())
  const first = ask(transport, limited(provider, 'first'))
  const second = ask(transport, limited(provider, 'second'))
  await first.chars(1)

  clock.advance(60_000)
  expect(second.calls).toEqual([])
  first.handle.abort()
  await provider.request(1)
  clock.advance(999)
  expect(second.calls).toEqual([])
  clock.advance(1)

  expect((await second.ended).error?.code).toBe('timeout-headers')
})

test('lists models whatever waits, and counts each endpoint for itself', async () => {
  await using provider = await startProvider()
  await using transport = transportFor()
  provider.next(endless())
  const first = ask(transport, limited(provider, 'first'))
  await first.chars(1)
  const waiting = ask(transport, limited(provider, 'second'))
  const { target } = limited(provider, 'x')
  const other = ask(transport, requestTo('', { target: { ...target, endpoint: 'other' } }))

  expect(await transport.listModels(target)).toEqual(['scripted-1', 'scripted-2'])
  expect((await other.ended).text).toBe('Hello')
  expect(waiting.calls).toEqual([])
  first.handle.abort()
  expect((await waiting.ended).text).toBe('Hello')
})

test('lets more in where the limit is raised', async () => {
  await using provider = await startProvider()
  await using transport = transportFor()
  const answers = answering(provider)
  const all = ['a', 'b', 'c'].map((text) => ask(transport, limited(provider, text, 1)))
  await provider.request(0)

  all.push(ask(transport, limited(provider, 'd', 3)))

  await provider.request(2)
  for (const text of ['a', 'b', 'c']) answers.answer(text)
  answers.answer(asked(await provider.request(3)))
  await Promise.all(all.map(({ ended }) => ended))
  expect(provider.requests.map(asked)).toEqual(['a', 'b', 'c', 'd'])
})

test('fails what waits when it is closed, however much that is', async () => {
  await using provider = await startProvider()
  const transport = transportFor()
  provider.next(endless())
  const first = ask(transport, limited(provider, 'first'))
  await first.chars(1)
  const waiting = Array.from({ length: 20_000 }, () => ask(transport, limited(provider, 'x')))
  await ticks()

  await transport.close()
  const late = ask(transport, limited(provider, 'late'))

  const errors = await Promise.all([first, ...waiting, late].map(({ ended }) => ended))
  expect(new Set(errors.map(({ error }) => error?.code))).toEqual(new Set(['engine-closed']))
  expect(provider.requests.length).toBe(1)
})

test('lets in one after the other, however many leave at once', () => {
  const slots = new Slots()
  let entered = 0
  const first = slots.acquire('e', 1, false, () => {})
  for (let n = 0; n < 20_000; n += 1) {
    const leave = slots.acquire('e', 1, false, () => {
      entered += 1
      leave()
    })
  }

  first()

  expect(entered).toBe(20_000)
})

test('never has more in than it may, and leaves nobody waiting beside a place', () => {
  const step = fc.oneof(
    fc.record({ take: fc.constantFrom('chat', 'title'), limit: fc.integer({ min: 1, max: 3 }) }),
    fc.record({ leave: fc.nat(30) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const slots = new Slots()
      const all: { leave: () => void; isIn: boolean; hasLeft: boolean; kind: 'chat' | 'title' }[] =
        []
      const entered: typeof all = []
      let limit = Infinity
      for (const each of steps) {
        if ('take' in each) {
          limit = each.limit
          const one = { leave: () => {}, isIn: false, hasLeft: false, kind: each.take }
          all.push(one)
          one.leave = slots.acquire('e', limit, each.take === 'title', () => {
            const isFirst = (other: typeof one): boolean =>
              !other.isIn && !other.hasLeft && (other.kind === one.kind || one.kind === 'title')
            expect(all.find((other) => isFirst(other) && other.kind === one.kind)).toBe(one)
            if (one.kind === 'title') {
              expect(all.some((other) => isFirst(other) && other.kind === 'chat')).toBe(false)
            }
            one.isIn = true
            entered.push(one)
            expect(entered.filter((other) => !other.hasLeft).length).toBeLessThanOrEqual(limit)
          })
        } else {
          const one = all[each.leave % Math.max(all.length, 1)]
          if (one === undefined) continue
          one.hasLeft = true
          one.leave()
        }
        const inside = all.filter((one) => one.isIn && !one.hasLeft).length
        const waiting = all.filter((one) => !one.isIn && !one.hasLeft).length
        expect(waiting === 0 || inside >= limit).toBe(true)
      }
    }),
  )
})
