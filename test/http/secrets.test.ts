/** Nothing that a browser must not see is in any byte that the handler sends. */
import { expect, test } from 'vitest'
import { hang } from '../../src/testing.ts'
import { canaries, canariesIn } from '../support/canaries.ts'
import { cuttingProxy } from '../support/cutting-proxy.ts'
import { closedGate, json, streamed } from '../support/scripts.ts'
import { calling } from '../engine/tools/tool-chat.ts'
import { everyRoute } from './every-route.ts'
import { init, loggerInto, testHost } from './web-host.ts'
import { StreamReader } from './stream-reader.ts'

/** Opaque data, raw figures and words of a provider, and names and places of the host. */
const HIDDEN = [
  'canary-opaque',
  'canary-usage',
  'canary-words',
  'canary-endpoint',
  'canary-metadata',
]

test('sends no key, header, opaque data, raw usage or word of a provider on any route or stream', async () => {
  const log: string[] = []
  const host = await testHost(
    {},
    {
      logger: loggerInto(log),
      // A reply that fails is asked for twice.
      retry: { maxAttempts: 2, maxDelayMs: 1 },
      tools: {
        fails: {
          execute: () => {
            throw new Error(`it broke`)
          },
        },
      },
    },
  )
  const sent: Buffer[] = []
  const proxy = await cuttingProxy(host.origin, (bytes) => {
    sent.push(bytes)
    return bytes
  })
  const url = `${proxy.origin}/api`
  const ask = (path: string, request: Parameters<typeof init>[0]) =>
    fetch(url + path, init({ ...request, headers: { connection: 'close' } }))
  await host.engine.putEndpoint('canary-endpoint', {
    url: host.provider.url,
    apiKey: canaries.key,
    headers: { 'x-canary': canaries.header },
    model: 'm',
  })
  const options = { endpoint: 'canary-endpoint', metadata: { secret: 'canary-metadata' } }
  const view = host.engine.as('ada')
  const { id } = await view.startConversation({
    ...options,
    messages: [
      { role: 'user', content: 'before' },
      {
        role: 'assistant',
        content: [{ type: 'reasoning', text: 'thought', providerData: { of: 'canary-opaque' } }],
      },
    ],
  })
  const list = await StreamReader.open(`${url}/events`, init({}))
  const events = await StreamReader.open(`${url}/conversations/${id}/events`, init({}))
  await events.event('state')
  const usage = { prompt_tokens: 9, completion_tokens: 3, detail: 'canary-usage' }
  const words = { error: { message: `canary-words ${canaries.key} ${canaries.header}` } }
  const turnOptions = { headers: { 'x-send': canaries.sendHeader }, metadata: options.metadata }
  const turns = [
    [streamed(['Once'], { usage })],
    [calling({ name: 'fails' }), streamed(['It failed.'], { usage })],
    [json(words, { status: 503 }), json(words, { status: 503 })],
    [json(words, { status: 400 })],
    [json({ ...words, type: 'error' }, { status: 200 })],
  ]
  for (const scripts of turns) {
    for (const script of scripts) host.provider.next(script)
    const input = [{ type: 'text' as const, text: 'hi', providerData: { of: 'canary-opaque' } }]
    const turn = await view.send(id, input, turnOptions)
    await turn.reply.catch(() => undefined)
  }
  const gate = closedGate()
  host.provider.next(streamed(['Half'], { gate: gate.opened }))
  host.provider.always(hang())
  const running = await view.send(id, 'still running', turnOptions)
  const late = await StreamReader.open(
    `${url}/events?conversation=${id}`,
    init({ headers: { connection: 'close' } }),
  )
  await late.event('state')
  const ids = { conversation: id, message: running.userMessage.id, turn: running.id }
  const last = ['POST /conversations/:id/stop', 'DELETE /conversations/:id']
  const routes = everyRoute(ids).toSorted((a, b) => last.indexOf(a.route) - last.indexOf(b.route))
  for (const { path, method, json: body } of routes) {
    const response = await ask(path, { method, ...(body !== undefined && { json: body }) })
    if (response.headers.get('content-type')?.includes('event-stream') === true) {
      await response.body?.cancel()
    } else await response.text()
  }
  await Promise.all([events.end(), late.end()])
  gate.open()

  const bytes = Buffer.concat(sent)
  expect(bytes.length).toBeGreaterThan(20_000)
  const types = events.events.map(({ event }) => event)
  for (const type of ['turn.retrying', 'turn.failed', 'turn.done', 'tool.finished', 'end']) {
    expect(types).toContain(type)
  }
  expect(list.events.length).toBeGreaterThan(5)
  expect(bytes.toString()).toContain('still running')
  expect(canariesIn(bytes)).toEqual([])
  expect(HIDDEN.filter((each) => bytes.includes(each))).toEqual([])
  // The logs of the handler have no text of a message, and no secret.
  expect(canariesIn(host.log.join('\n'))).toEqual([])
  expect(host.log.join('\n')).not.toContain('still running')
})
