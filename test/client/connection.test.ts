/** When a stream of the client is made again, let go and given up, by a clock that a test moves. */
import { createServer, type ServerResponse } from 'node:http'
import { expect, onTestFinished, test, vi } from 'vitest'
import { type Chat, type ChatState, createClient } from '../../src/client.ts'
import { listening, originOf } from '../http/web-host.ts'
import { ManualClock } from './manual-clock.ts'

const ID = 'a-conversation-of-ada'
const STATE = `event: state\ndata: ${JSON.stringify({ conversation: { id: ID, head: null }, head: null })}\n\n`

/** A server whose streams a test writes by hand, and a chat that reads them. */
async function handmade({ refusal }: { refusal?: (response: ServerResponse) => void } = {}) {
  const streams: ServerResponse[] = []
  let wake: () => void = () => undefined
  const server = await listening(
    createServer((_request, response) => {
      streams.push(response)
      wake()
      if (refusal !== undefined) return refusal(response)
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(`retry: 1000\n\n${STATE}`)
    }),
  )
  const clock = new ManualClock()
  const chat = createClient({ baseUrl: originOf(server), clock }).conversation(ID)
  const until = async (count: number) => {
    while (streams.length < count) await new Promise<void>((resolve) => (wake = resolve))
  }
  return { server, clock, chat, streams, until }
}

/** Waits for a state that came after this call, or that is there. */
async function status(chat: Chat, wanted: ChatState['connection']['status']): Promise<ChatState> {
  return stateOf(chat, ({ connection }) => connection.status === wanted)
}

async function stateOf(chat: Chat, fits: (state: ChatState) => boolean): Promise<ChatState> {
  for await (const state of chat.states()) if (fits(state)) return state
  throw new Error('The states ended.')
}

const isJoined = ({ conversation, connection }: ChatState) =>
  conversation !== undefined && connection.status === 'live'

/** The part of a page that tells whether it is seen and online. */
function page() {
  const document = Object.assign(new EventTarget(), { visibilityState: 'visible' })
  const window = new EventTarget()
  vi.stubGlobal('document', document)
  vi.stubGlobal('addEventListener', window.addEventListener.bind(window))
  vi.stubGlobal('removeEventListener', window.removeEventListener.bind(window))
  onTestFinished(() => void vi.unstubAllGlobals())
  return {
    show: (visibilityState: 'visible' | 'hidden') => {
      document.visibilityState = visibilityState
      document.dispatchEvent(new Event('visibilitychange'))
    },
    online: () => window.dispatchEvent(new Event('online')),
  }
}

/** The part of a random wait: nearly all of it. */
function longWaits(): void {
  const random = vi.spyOn(Math, 'random').mockReturnValue(1)
  onTestFinished(() => random.mockRestore())
}

test('takes a stream for dead after 45 seconds without a byte, and connects again', async () => {
  const { clock, chat, streams, until } = await handmade()
  onTestFinished(chat.subscribe(() => undefined))
  await stateOf(chat, isJoined)
  clock.advance(44_000)
  const byte = clock.nextTimer()
  streams[0]?.write(': \n\n')
  await byte
  clock.advance(44_999)
  expect(chat.state.connection.status).toBe('live')
  clock.advance(1)
  expect(chat.state.connection.status).toBe('waiting')

  clock.advance(30_000)
  await until(2)
  await status(chat, 'live')
  expect(clock.rests).toEqual([45_000])
})

test('takes a server that never answers for dead after 45 seconds', async () => {
  const { clock, chat, until } = await handmade({ refusal: () => undefined })
  longWaits()
  onTestFinished(chat.subscribe(() => undefined))
  for (const wait of [500, 1_000, 2_000]) {
    await until(1)
    clock.advance(45_000)
    expect(chat.state.connection).toEqual({ status: 'waiting', retryAt: clock.now() + wait })
    clock.advance(wait)
    expect(chat.state.connection.status).toBe('connecting')
  }
})

test('connects at once when the browser is online again', async () => {
  const { clock, chat, streams, until } = await handmade()
  const { online } = page()
  onTestFinished(chat.subscribe(() => undefined))
  await stateOf(chat, isJoined)
  online()
  streams[0]?.destroy()
  await status(chat, 'waiting')
  online()

  expect(chat.state.connection.status).toBe('connecting')
  await until(2)
  await status(chat, 'live')
  expect(streams).toHaveLength(2)
  expect(clock.rests).toEqual([45_000])
})

test('connects at once when the page is shown, and lets go only of a page that stays hidden', async () => {
  const { clock, chat, streams, until } = await handmade()
  const { show } = page()
  onTestFinished(chat.subscribe(() => undefined))
  await stateOf(chat, isJoined)
  show('hidden')
  clock.advance(29_999)
  show('visible')
  clock.advance(10_000)
  expect(chat.state.connection.status).toBe('live')
  show('hidden')
  clock.advance(30_000)
  expect(chat.state.connection).toEqual({ status: 'paused' })
  expect(clock.rests).toEqual([])

  show('visible')
  await until(2)
  await status(chat, 'live')
  streams[1]?.destroy()
  await status(chat, 'waiting')
  show('visible')
  await until(3)
  await status(chat, 'live')
})

test('lets go of a page that is hidden from its beginning, also after the browser was online again', async () => {
  const { clock, chat, streams, until } = await handmade()
  const { show, online } = page()
  show('hidden')
  onTestFinished(chat.subscribe(() => undefined))
  await stateOf(chat, isJoined)
  clock.advance(30_000)
  expect(chat.state.connection).toEqual({ status: 'paused' })
  online()
  expect(chat.state.connection).toEqual({ status: 'paused' })
  show('visible')
  await until(2)
  await status(chat, 'live')
  expect(streams).toHaveLength(2)
})

test('tells the listeners that there are at a change, whatever they do at it', async () => {
  const { chat } = await handmade()
  const told: string[] = []
  let leave = chat.subscribe(() => undefined)
  const again = () => {
    told.push('again')
    leave()
    leave = chat.subscribe(again)
  }
  leave()
  leave = chat.subscribe(again)
  onTestFinished(() => leave())
  const leaver = chat.subscribe(() => {
    told.push('leaver')
    leaver()
    gone()
  })
  const gone = chat.subscribe(() => told.push('gone'))
  await stateOf(chat, isJoined)
  expect(told.filter((each) => each !== 'again')).toEqual(['leaver'])
})

test('waits longer after each failure, up to 30 seconds, and briefly again after 10 seconds of life', async () => {
  longWaits()
  const { clock, chat, streams, until } = await handmade()
  onTestFinished(chat.subscribe(() => undefined))
  const waits: number[] = []
  for (let n = 1; n <= 8; n += 1) {
    await until(n)
    await stateOf(chat, isJoined)
    if (n === 8) clock.advance(10_000)
    streams[n - 1]?.destroy()
    const { connection } = await status(chat, 'waiting')
    waits.push((connection.retryAt ?? 0) - clock.now())
    clock.advance(30_000)
  }
  // The server asks for a second at first.
  expect(waits).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 1_000])
})

test.for([
  [{ 'retry-after': '7' }, '', 7_000],
  [{}, JSON.stringify({ code: 'database-busy', detail: 'x', retryAfterMs: 9_000 }), 9_000],
  [{ 'retry-after': '9000000000' }, '', 2 ** 31 - 1],
] as const)('waits as long as a refusal says: %j %s', async ([headers, body, wait]) => {
  const { clock, chat } = await handmade({
    refusal: (response) => response.writeHead(503, headers).end(body),
  })
  onTestFinished(chat.subscribe(() => undefined))
  const { connection, error } = await status(chat, 'waiting')
  expect((connection.retryAt ?? 0) - clock.now()).toBe(wait)
  expect(error?.status).toBe(503)
})

test.for([401, 403, 404])('gives a stream up at %i', async (code) => {
  const { clock, chat } = await handmade({ refusal: (response) => response.writeHead(code).end() })
  onTestFinished(chat.subscribe(() => undefined))
  const state = await stateOf(chat, ({ error }) => error !== undefined)
  expect([state.connection.status, state.error?.status]).toEqual(['closed', code])
  expect(clock.rests).toEqual([])
})

test('gives a stream up that the server ends for good', async () => {
  const { clock, chat, streams } = await handmade()
  onTestFinished(chat.subscribe(() => undefined))
  await stateOf(chat, isJoined)
  streams[0]?.end('event: end\ndata: {"reason":"deleted","reconnect":false}\n\n')
  await status(chat, 'closed')
  expect(clock.rests).toEqual([])
})

test('connects at once after a rotation, and leaves nothing behind when nobody reads', async () => {
  const { clock, chat, streams, until } = await handmade()
  const unsubscribe = chat.subscribe(() => undefined)
  await stateOf(chat, isJoined)
  streams[0]?.end('event: end\ndata: {"reason":"rotate","reconnect":true}\n\n')
  const { connection } = await status(chat, 'waiting')
  expect(connection.retryAt).toBe(clock.now())
  clock.advance(0)
  await until(2)
  await status(chat, 'live')
  const left = new Promise((resolve) => streams[1]?.on('close', resolve))
  unsubscribe()
  await left
  expect(chat.state.connection).toEqual({ status: 'closed' })
  expect(clock.rests).toEqual([])
})

test('does not connect in a circle when what comes does not fit together', async () => {
  longWaits()
  const { clock, chat, streams, until } = await handmade()
  onTestFinished(chat.subscribe(() => undefined))
  await stateOf(chat, isJoined)
  const turn = { id: 't', replyId: 'r', phase: 'receiving', message: { id: 'm', parts: [] } }
  const state = { conversation: { id: ID, head: null }, head: null, turn }
  const unfit = `event: state\ndata: ${JSON.stringify({ ...state, reply: { messageId: 'r', unchanged: true } })}\n\n`
  const waits: number[] = []
  for (let n = 1; n <= 3; n += 1) {
    streams[n - 1]?.write(unfit)
    const { connection } = await status(chat, 'waiting')
    const wait = (connection.retryAt ?? 0) - clock.now()
    waits.push(wait)
    clock.advance(wait)
    await until(n + 1)
    await status(chat, 'live')
  }
  expect(waits).toEqual([0, 2_000, 4_000])
})
