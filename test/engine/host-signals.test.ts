/** Signals that are no instances of our `AbortSignal`: of another realm, of jsdom, of polyfills. */
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { testChat } from '../support/engine.ts'
import { endless, hang } from '../support/scripts.ts'
import { outcomeOf, shown } from '../support/waiting.ts'

interface Foreign {
  readonly signal: AbortSignal
  readonly abort: () => void
}

/** A controller made of plain objects. Some polyfills have less than the standard asks for. */
function polyfill({ canRemove = true, isNoisy = false } = {}): Foreign {
  const listeners = new Set<() => void>()
  const signal = {
    aborted: false,
    addEventListener: (_: string, listener: () => void) => void listeners.add(listener),
    ...(canRemove && {
      removeEventListener: (_: string, listener: () => void) => void listeners.delete(listener),
    }),
  }
  const abort = (): void => {
    signal.aborted = true
    for (const listener of listeners) listener()
    if (isNoisy) for (const listener of listeners) listener()
  }
  return { signal: signal as unknown as AbortSignal, abort }
}

/** Made by code of another realm, with that realm's own classes. */
function otherRealm(): Foreign {
  const controller = runInNewContext(`
    class Signal {
      aborted = false
      listeners = []
      addEventListener(type, listener) { if (type === 'abort') this.listeners.push(listener) }
      removeEventListener(type, listener) {
        this.listeners = this.listeners.filter((known) => known !== listener)
      }
    }
    class Controller {
      signal = new Signal()
      abort() {
        this.signal.aborted = true
        for (const listener of this.signal.listeners) listener({ type: 'abort' })
      }
    }
    new Controller()
  `) as AbortController
  return { signal: controller.signal, abort: () => controller.abort() }
}

/** As jsdom has it: an EventTarget with `aborted`, and no AbortSignal. */
function eventTarget(): Foreign {
  const signal = Object.assign(new EventTarget(), { aborted: false })
  const abort = (): void => {
    signal.aborted = true
    signal.dispatchEvent(new Event('abort'))
  }
  return { signal: signal as unknown as AbortSignal, abort }
}

const KINDS: readonly (readonly [string, () => Foreign])[] = [
  ['of another realm', otherRealm],
  ['that is an EventTarget', eventTarget],
  ['of a polyfill', polyfill],
  ['without removeEventListener', () => polyfill({ canRemove: false })],
  ['that aborts twice', () => polyfill({ isNoisy: true })],
]

test.each(KINDS)('a signal %s cancels a send', async (_, made) => {
  const { engine, provider, conversation } = await testChat()
  provider.next(endless())
  const { signal, abort } = made()
  const turn = await engine.send(conversation.id, 'hi', { signal })
  await shown(turn, 1)

  abort()

  await expect(turn.reply).rejects.toMatchObject({ code: 'cancelled' })
  await provider.requests[0]?.closed
})

test.each(KINDS)('a signal %s cancels complete and listModels', async (_, made) => {
  const { engine, provider } = await testChat()
  provider.always(hang())
  provider.models(hang())
  const { signal, abort } = made()
  const asked = [
    engine.complete({ prompt: 'hi', signal }),
    engine.listModels('online', { signal }),
  ].map((promise) => outcomeOf<unknown>(promise))
  await provider.request(1)

  abort()

  for (const outcome of asked) expect(await outcome).toMatchObject({ error: { code: 'cancelled' } })
})

test.each(KINDS)('a signal %s that has aborted sends nothing', async (_, made) => {
  const { engine, provider, conversation } = await testChat()
  const { signal, abort } = made()
  abort()

  for (const asked of [
    engine.send(conversation.id, 'hi', { signal }),
    engine.complete({ prompt: 'hi', signal }),
    engine.listModels('online', { signal }),
  ]) {
    await expect(asked).rejects.toMatchObject({ code: 'cancelled' })
  }
  expect(provider.requests).toEqual([])
})

test.each(KINDS)('a signal %s that never aborts changes nothing', async (_, made) => {
  const { engine, conversation } = await testChat()
  const { signal, abort } = made()

  const { message } = await (await engine.send(conversation.id, 'hi', { signal })).reply
  const completion = await engine.complete({ prompt: 'hi', signal })
  abort()

  expect([message.text, completion.text]).toEqual(['Hello', 'Hello'])
  expect((await engine.listTurns(conversation.id)).map(({ status }) => status)).toEqual(['done'])
})

test.each<[string, unknown]>([
  ['a flag', true],
  ['null', null],
  ['an object without aborted', { addEventListener: () => {} }],
  ['an object without addEventListener', { aborted: false }],
  ['a controller', new AbortController()],
  [
    'an object whose getter throws',
    {
      get aborted() {
        throw new Error('no')
      },
    },
  ],
  [
    'an object that cannot be listened to',
    {
      aborted: false,
      addEventListener: () => {
        throw new Error('no')
      },
    },
  ],
])('%s is no signal, and changes nothing', async (_, value) => {
  const { engine, provider, conversation } = await testChat()
  const signal = value as AbortSignal

  for (const asked of [
    engine.send(conversation.id, 'hi', { signal }),
    engine.complete({ prompt: 'hi', signal }),
    engine.listModels('online', { signal }),
  ]) {
    await expect(asked).rejects.toMatchObject({
      code: 'invalid-option',
      message: expect.stringContaining('signal'),
    })
  }
  expect(provider.requests).toEqual([])
  expect(await engine.listTurns(conversation.id)).toEqual([])
  expect((await (await engine.send(conversation.id, 'hi')).reply).message.text).toBe('Hello')
})
