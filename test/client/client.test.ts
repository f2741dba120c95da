/** `colloquy/client`, over real sockets. */
import { createServer, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { type Chat, type ChatState, ClientError, createClient } from '../../src/client.ts'
import { chatReply, steps } from '../../src/testing.ts'
import { listening, originOf, testHost } from '../http/web-host.ts'

const headers = () => ({ 'x-user': 'ada' })

async function stateOf(chat: Chat, fits: (state: ChatState) => boolean): Promise<ChatState> {
  for await (const state of chat.states()) if (fits(state)) return state
  throw new Error('The states ended.')
}

const isLive = ({ connection, conversation }: ChatState) =>
  connection.status === 'live' && conversation !== undefined

const isIdle = ({ turn, reply, messages }: ChatState) =>
  turn === undefined && reply === undefined && messages.length > 0

test('shows a reply as it grows, then the stored line', async () => {
  const host = await testHost()
  const { gate, step } = steps()
  host.provider.next(chatReply(['Once', ' upon'], { gate }))
  const client = createClient({ baseUrl: host.url, headers })
  const { id } = await client.conversations.create({ title: 'Stories' })
  const chat = client.conversation(id)
  onTestFinished(chat.subscribe(() => undefined))
  const accepted = await chat.send('hi', { clientId: 'c1' })
  step(1)
  const growing = await stateOf(chat, ({ reply }) => reply?.text === 'Once')
  expect(growing.messages.map(({ text }) => text)).toEqual(['hi'])
  expect(growing.reply?.messageId).toBe(accepted.replyId)
  expect(chat.state).toBe(chat.state)
  step(1)
  const done = await stateOf(chat, isIdle)
  expect(done.messages.map(({ text }) => text)).toEqual(['hi', 'Once upon'])
  expect(done.messages[0]).toBe(growing.messages[0])
  expect(done.reply).toBe(undefined)
  expect(done.connection.status).toBe('live')
})

test('goes on where it was when its connection is cut', async () => {
  const host = await testHost()
  const { gate, step } = steps()
  const long = 'x'.repeat(20_000)
  host.provider.next(chatReply([long, ' upon', ' a time'], { gate }))
  const client = createClient({ baseUrl: host.url, headers })
  const chat = client.conversation(await host.conversation())
  onTestFinished(chat.subscribe(() => undefined))
  await stateOf(chat, ({ connection }) => connection.status === 'live')
  await chat.send('hi')
  step(1)
  await stateOf(chat, ({ reply }) => reply?.text === long)
  host.server.closeAllConnections()
  await stateOf(chat, ({ connection }) => connection.status === 'waiting')
  step(2)
  const done = await stateOf(chat, isIdle)
  expect(done.messages.at(-1)?.text).toBe(`${long} upon a time`)
})

test('repeats a lost POST under one key', async () => {
  const host = await testHost()
  host.provider.always(chatReply(['ok']))
  const id = await host.conversation()
  let lost = 0
  const client = createClient({
    baseUrl: host.url,
    headers,
    fetch: async (url, request) => {
      const response = await fetch(url, request)
      if (request?.method !== 'POST' || lost++ > 0) return response
      await response.arrayBuffer()
      throw new TypeError('The answer was lost.')
    },
  })
  const { turn } = await client.conversation(id).send('hi')
  await (
    await host.engine.attachTurn(turn.id)
  ).reply
  expect(lost).toBe(2)
  expect(await host.engine.listMessages(id)).toHaveLength(2)
})

test('tells refusals as coded errors, and does not repeat them', async () => {
  const host = await testHost()
  const client = createClient({ baseUrl: host.url, headers })
  const refused = await client
    .conversation('no-such-conversation')
    .send('hi')
    .catch((error: unknown) => error)
  expect(refused).toBeInstanceOf(ClientError)
  expect(refused).toMatchObject({ code: 'conversation-not-found', status: 404 })
  const nobody = createClient({ baseUrl: 'http://127.0.0.1:1' })
  await expect(nobody.conversations.list()).rejects.toMatchObject({
    code: 'connection-failed',
    status: 0,
  })
})

test('tells all listeners, also after one of them threw', async () => {
  const host = await testHost()
  const client = createClient({ baseUrl: host.url, headers })
  const uncaught: unknown[] = []
  const { queueMicrotask: queue } = globalThis
  const microtask = vi.spyOn(globalThis, 'queueMicrotask').mockImplementation((fn) =>
    queue(() => {
      try {
        fn()
      } catch (error) {
        uncaught.push(error)
      }
    }),
  )
  onTestFinished(() => microtask.mockRestore())
  const chat = client.conversation(await host.conversation())
  const mine = new Error('of the page')
  const told = Promise.withResolvers<void>()
  onTestFinished(
    chat.subscribe(() => {
      throw mine
    }),
  )
  onTestFinished(chat.subscribe(() => chat.state.connection.status === 'live' && told.resolve()))
  await told.promise
  expect(uncaught).toContain(mine)
})

test('shows an error of its own headers, and sends nothing', async () => {
  const host = await testHost()
  const mine = new Error('no token')
  const client = createClient({
    baseUrl: host.url,
    headers: () => {
      throw mine
    },
  })
  const chat = client.conversation('some-conversation')
  await expect(chat.send('hi')).rejects.toBe(mine)
  const { error } = await stateOf(chat, (state) => state.error !== undefined)
  expect(error?.cause).toBe(mine)
})

test('ends at a refusal that a repeat cannot change', async () => {
  const host = await testHost()
  const client = createClient({ baseUrl: host.url })
  const state = await stateOf(
    client.conversation(await host.conversation()),
    ({ error }) => error !== undefined,
  )
  expect(state.connection).toEqual({ status: 'closed' })
  expect(state.error).toMatchObject({ code: 'unauthorized', status: 401 })
})

test('leaving the states stops no turn, and closes the connection', async () => {
  const host = await testHost()
  const { gate, step } = steps()
  host.provider.next(chatReply(['Once', ' upon'], { gate }))
  const client = createClient({ baseUrl: host.url, headers })
  const id = await host.conversation()
  const chat = client.conversation(id)
  await chat.send('hi')
  step(1)
  await stateOf(chat, ({ reply }) => reply?.text === 'Once')
  expect(chat.state.connection.status).toBe('closed')
  expect(host.engine.runningTurn(id)?.phase).toBe('receiving')
  const receipt = await chat.stop()
  expect(receipt).toMatchObject({ outcome: 'cancelled', partialChars: 4 })
})

test('tells the list by the connection of the open conversation', async () => {
  const host = await testHost()
  let streams = 0
  host.server.on('request', ({ url }) => (streams += /events/.test(url ?? '') ? 1 : 0))
  const client = createClient({ baseUrl: host.url, headers })
  const chat = client.conversation(await host.conversation())
  onTestFinished(chat.subscribe(() => undefined))
  await stateOf(chat, isLive)
  const created = new Promise((resolve) => {
    onTestFinished(
      client.conversations.subscribe(
        ({ type, data }) => type === 'conversation.changed' && resolve(data),
      ),
    )
  })
  const other = await host.conversation()
  expect(await created).toMatchObject({ change: 'created', conversationId: other })
  expect(streams).toBe(1)
})

test('tells the list also after the open conversation was deleted', async () => {
  const host = await testHost()
  const client = createClient({ baseUrl: host.url, headers })
  const chat = client.conversation(await host.conversation())
  onTestFinished(chat.subscribe(() => undefined))
  let created: (data: unknown) => void = () => undefined
  let listed: () => void = () => undefined
  const list = new Promise<void>((resolve) => (listed = resolve))
  const news = new Promise((resolve) => (created = resolve))
  await stateOf(chat, isLive)
  onTestFinished(
    client.conversations.subscribe(({ type, data }) => {
      if (type === 'list') listed()
      if ((data as { readonly change?: string }).change === 'created') created(data)
    }),
  )
  await host.engine.as('ada').deleteConversation(chat.id)
  await stateOf(chat, ({ connection }) => connection.status === 'closed')
  await list
  const other = await host.conversation()
  expect(await news).toMatchObject({ conversationId: other })
})

test('shows what was said without a gap while the line is loaded, and no branch beside another', async () => {
  const host = await testHost()
  const { gate, step } = steps()
  host.provider.next(chatReply(['before']), chatReply(['Once', ' upon'], { gate }))
  const view = host.engine.as('ada')
  const { id } = await view.startConversation()
  await (
    await view.send(id, 'first')
  ).reply
  const turn = await view.send(id, 'hi')
  step(1)
  const loads = Promise.withResolvers<void>()
  const client = createClient({
    baseUrl: host.url,
    headers,
    fetch: async (url, request) => {
      const response = await fetch(url, request)
      if ((url as string).endsWith('/messages') && request?.method === 'GET') await loads.promise
      return response
    },
  })
  const chat = client.conversation(id)
  const said: string[][] = []
  const note = () => {
    const { messages, turn: running, reply } = chat.state
    if (running === undefined && messages.length === 0) return
    const question = running?.message
    const isIn = messages.some((message) => message.id === question?.id)
    said.push([
      ...messages.map(({ text }) => text),
      ...(question !== undefined && !isIn ? [question.text] : []),
      ...(reply === undefined ? [] : [reply.text]),
    ])
  }
  onTestFinished(chat.subscribe(note))
  await stateOf(chat, ({ reply }) => reply?.text === 'Once')
  step(1)
  await turn.reply
  await stateOf(chat, isIdle)
  expect(said.filter((each) => !/^hi,?(Once)?( upon)?$/.test(each.join()))).toEqual([])
  host.provider.next(chatReply(['Another']))
  await (
    await view.regenerate(turn.replyId)
  ).reply
  await stateOf(chat, ({ messages }) => messages.at(-1)?.text === 'Another')
  expect(chat.state.messages.map(({ text }) => text)).toEqual(['hi', 'Another'])
  loads.resolve()
  const { messages } = await stateOf(chat, (state) => state.messages.length === 4)
  expect(messages.map(({ text }) => text)).toEqual(['first', 'before', 'hi', 'Another'])
})

test('stops the turn that it shows, and not the one after it', async () => {
  const host = await testHost()
  const { gate, step } = steps()
  host.provider.next(chatReply(['Once', ' upon'], { gate }), chatReply(['Next', ' one'], { gate }))
  let lost = 0
  const client = createClient({
    baseUrl: host.url,
    headers,
    fetch: async (url, request) => {
      const response = await fetch(url, request)
      if (!(url as string).endsWith('/stop') || lost++ > 0) return response
      // The answer is lost, and the next turn runs before the stop is repeated.
      await host.engine.as('ada').send(chat.id, 'another')
      throw new TypeError('The answer was lost.')
    },
  })
  const chat = client.conversation(await host.conversation())
  onTestFinished(chat.subscribe(() => undefined))
  await stateOf(chat, isLive)
  await chat.send('hi')
  step(1)
  await stateOf(chat, ({ reply }) => reply?.text === 'Once')
  expect(await chat.stop()).toMatchObject({ outcome: 'not-running' })
  step(2)
  const { messages } = await stateOf(chat, (state) => isIdle(state) && state.messages.length === 4)
  expect(messages.map(({ text }) => text)).toEqual(['hi', 'Once', 'another', 'Next one'])
})

test('shows what tools do that have no result yet, also to who comes later', async () => {
  let report: (value: unknown) => void = () => undefined
  let finish: (value: unknown) => void = () => undefined
  const look = {
    inputSchema: { type: 'object' },
    execute: (_input: unknown, context: { readonly progress: (value: unknown) => void }) => {
      report = context.progress
      return new Promise<unknown>((resolve) => (finish = resolve))
    },
  }
  const host = await testHost({}, { tools: { look } })
  const call = { id: 'c1', name: 'look', arguments: '{}' }
  host.provider.next(chatReply([''], { toolCalls: [call] }), chatReply(['Seen.']))
  const client = createClient({ baseUrl: host.url, headers })
  const chat = client.conversation(await host.conversation())
  onTestFinished(chat.subscribe(() => undefined))
  await stateOf(chat, isLive)
  await chat.send('hi')
  const runs = ({ tools }: ChatState) => tools?.[0]?.state === 'started'
  const started = await stateOf(chat, runs)
  expect(started.tools).toMatchObject([{ toolCallId: 'c1', toolName: 'look' }])
  expect(started.calls).toBe(undefined)
  report('half')
  const half = ({ tools }: ChatState) => tools?.[0]?.progress === 'half'
  await stateOf(chat, half)
  const late = createClient({ baseUrl: host.url, headers }).conversation(chat.id)
  onTestFinished(late.subscribe(() => undefined))
  expect((await stateOf(late, half)).tools).toMatchObject([{ toolCallId: 'c1', state: 'started' }])
  finish('all')
  for (const each of [chat, late]) {
    const { tools, messages } = await stateOf(each, isIdle)
    expect(tools).toBe(undefined)
    expect(messages.at(-1)?.text).toBe('Seen.')
  }
})

test('shows a load that its own headers keep from being asked as an error', async () => {
  const host = await testHost()
  const mine = new Error('no token')
  let asked = 0
  const client = createClient({
    baseUrl: host.url,
    headers: () => {
      asked += 1
      if (asked === 2) throw mine
      return headers()
    },
  })
  const id = await host.conversation()
  await host.ask(`/conversations/${id}/messages`, { json: { input: 'hi' } })
  const chat = client.conversation(id)
  onTestFinished(chat.subscribe(() => undefined))
  const { error } = await stateOf(chat, (state) => state.error !== undefined)
  expect(error?.cause).toBe(mine)
  expect((await stateOf(chat, isIdle)).messages).toHaveLength(2)
})

test('asks for a conversation below its own path, whatever its id', async () => {
  const paths: string[] = []
  const client = createClient({
    fetch: (url) => {
      paths.push(url as string)
      return Promise.resolve(Response.json({ messages: [] }))
    },
  })
  const id = '../models?x=/#a b'
  await client.conversation(id).send('hi')
  await client.conversation(id).branches('m')
  await client.conversations.get(id)
  await client.conversations.update(id, { title: 'x' })
  const path = '/api/conversations/..%2Fmodels%3Fx%3D%2F%23a%20b'
  expect(paths).toEqual([`${path}/messages`, `${path}/messages/m/branches`, path, path])
})

describe('when something else than the handler answers', () => {
  async function answering(answer: (response: ServerResponse) => void) {
    let count = 0
    const server = await listening(
      createServer((_request, response) => {
        count += 1
        answer(response)
      }),
    )
    return { client: createClient({ baseUrl: originOf(server) }), asked: () => count }
  }

  test('says so, and repeats nothing', async () => {
    const { client, asked } = await answering((response) => {
      response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Sign in</h1>')
    })
    const chat = client.conversation('some-conversation')
    const refused = { code: 'internal', status: 200, message: /baseUrl/ }
    const expected = { ...refused, message: expect.stringMatching(refused.message) }
    await expect(chat.send('hi')).rejects.toMatchObject(expected)
    await expect(client.conversations.list()).rejects.toMatchObject(expected)
    expect(asked()).toBe(2)
    const statuses: string[] = []
    onTestFinished(chat.subscribe(() => statuses.push(chat.state.connection.status)))
    const { error } = await stateOf(chat, (state) => state.connection.status === 'waiting')
    expect(error).toMatchObject(expected)
    expect(statuses).not.toContain('live')
  })

  test('waits no longer than 30 seconds to repeat a POST, and reads a wait as a date', async () => {
    for (const wait of ['31', new Date(Date.now() + 3_600_000).toUTCString()]) {
      const { client, asked } = await answering((response) => {
        response.writeHead(503, { 'retry-after': wait }).end('busy')
      })
      const error = await client
        .conversation('some-conversation')
        .send('hi')
        .catch((reason: unknown) => reason)
      expect(error).toMatchObject({ status: 503 })
      expect((error as ClientError).retryAfterMs).toBeGreaterThan(30_000)
      expect(asked()).toBe(1)
    }
  })
})

test('lets its connection go while the page is hidden, and catches up when it is shown', async () => {
  const host = await testHost()
  const document = Object.assign(new EventTarget(), { visibilityState: 'visible' })
  vi.stubGlobal('document', document)
  onTestFinished(() => void vi.unstubAllGlobals())
  const timers: { fn: () => void; ms: number }[] = []
  const clock = {
    now: () => Date.now(),
    setTimeout: (fn: () => void, ms: number) =>
      ms === 30_000 ? timers.push({ fn, ms }) : setTimeout(fn, ms),
    clearTimeout: (id: unknown) => clearTimeout(id as NodeJS.Timeout),
  }
  const client = createClient({ baseUrl: host.url, headers, clock })
  const chat = client.conversation(await host.conversation())
  onTestFinished(chat.subscribe(() => undefined))
  await stateOf(chat, ({ connection }) => connection.status === 'live')
  document.visibilityState = 'hidden'
  document.dispatchEvent(new Event('visibilitychange'))
  timers[0]?.fn()
  expect(chat.state.connection).toEqual({ status: 'paused' })
  await host.ask(`/conversations/${chat.id}/messages`, { json: { input: 'hi' } })
  document.visibilityState = 'visible'
  document.dispatchEvent(new Event('visibilitychange'))
  const state = await stateOf(chat, ({ messages }) => messages.length === 2)
  expect(state.messages.map(({ text }) => text)).toEqual(['hi', 'Hello'])
})

test('waits as long as the server says', async () => {
  const waits: number[] = []
  const server = await listening(
    createServer((_request, response) => {
      response.writeHead(503, { 'content-type': 'application/problem+json' })
      response.end(JSON.stringify({ code: 'engine-closed', detail: 'x', retryAfterMs: 7_000 }))
    }),
  )
  const client = createClient({ baseUrl: originOf(server) })
  const chat = client.conversation('some-conversation')
  onTestFinished(chat.subscribe(() => undefined))
  const { connection, error } = await stateOf(
    chat,
    (state) => state.connection.status === 'waiting',
  )
  waits.push((connection.retryAt ?? 0) - Date.now())
  expect(waits[0]).toBeGreaterThan(5_000)
  expect(error?.code).toBe('engine-closed')
})

test('has at most 7 kB, minified and gzipped, and needs nothing of Node', async () => {
  const { outputFiles } = await build({
    entryPoints: [join(import.meta.dirname, '../../src/client.ts')],
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    write: false,
  })
  const bytes = gzipSync(outputFiles[0]?.contents ?? '').length
  expect(bytes).toBeGreaterThan(2_000)
  expect(bytes).toBeLessThanOrEqual(7 * 1_024)
})
