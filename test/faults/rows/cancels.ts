/** Cancels at each stage of a request that has a fault. */
import { createGzip, constants } from 'node:zlib'
import {
  chunk,
  closedGate,
  endless,
  flood,
  hang,
  head,
  inOrder,
  keepAlive,
  redirect,
  send,
  until,
} from '../../../src/testing.ts'
import { snapshotReader } from '../../support/reading.ts'
import { shown } from '../../support/waiting.ts'
import type { Receipt } from '../../../src/index.ts'
import type { Fault, Scene } from '../fault.ts'
import { called, call, said, stop } from '../wire.ts'

const cut = (from: Receipt['from']) =>
  ({ outcome: 'cancelled', from, upstreamAborted: true }) as const

const onceAsked = async ({ provider, cancel }: Scene, n = 0): Promise<void> => {
  await provider.request(n)
  await cancel()
}

const onceShown = async ({ turn, cancel }: Scene): Promise<void> => {
  await snapshotReader(turn).next()
  await cancel()
}

const answered = closedGate()

export const cancels: readonly Fault[] = [
  {
    name: 'is cancelled before it is asked',
    upstream: hang(),
    meanwhile: ({ cancel }) => cancel(),
    expected: {
      outcome: 'cancelled',
      requests: [0, 1],
      receipt: { outcome: 'cancelled', from: 'requesting', partialChars: 0 },
    },
  },
  {
    name: 'is cancelled before it answers',
    upstream: hang(),
    meanwhile: onceAsked,
    expected: { outcome: 'cancelled', receipt: cut('requesting') },
  },
  {
    name: 'is cancelled behind a redirect',
    upstream: [redirect('/v2'), hang()],
    meanwhile: (scene) => onceAsked(scene, 1),
    expected: { outcome: 'cancelled', requests: 2, receipt: cut('requesting') },
  },
  {
    name: 'is cancelled while it says why it refuses',
    upstream: inOrder(head(500), send('{"error":'), () => answered.open(), hang()),
    meanwhile: async ({ cancel }) => {
      await answered.opened
      await cancel()
    },
    expected: { outcome: 'cancelled', receipt: cut('requesting') },
  },
  {
    name: 'is cancelled after its headers',
    upstream: inOrder(head(200), hang()),
    meanwhile: async ({ started, cancel }) => {
      await started()
      await cancel()
    },
    expected: { outcome: 'cancelled', receipt: cut('awaiting') },
  },
  {
    name: 'is cancelled while it sends comments',
    upstream: keepAlive(1),
    meanwhile: async ({ started, cancel }) => {
      await started()
      await cancel()
    },
    expected: { outcome: 'cancelled', receipt: cut('awaiting') },
  },
  {
    name: 'is cancelled after a delta',
    upstream: inOrder(send(said('Once')), hang()),
    meanwhile: onceShown,
    expected: {
      outcome: 'cancelled',
      text: 'Once',
      receipt: { ...cut('receiving'), partialChars: 4 },
    },
  },
  {
    name: 'is cancelled in the middle of an event',
    upstream: inOrder(send(said('Once') + said(' upon').slice(0, -9)), hang()),
    meanwhile: onceShown,
    expected: { outcome: 'cancelled', text: 'Once', receipt: cut('receiving') },
  },
  {
    name: 'is cancelled in the middle of a tool call',
    upstream: inOrder(send(call(0, 'weather', '{"city":')), hang()),
    meanwhile: onceShown,
    expected: {
      outcome: 'cancelled',
      toolCalls: [{ name: 'weather', inputText: '{"city":' }],
      receipt: cut('receiving'),
    },
  },
  {
    name: 'is cancelled while it talks without end',
    upstream: endless('word '),
    meanwhile: onceShown,
    expected: { outcome: 'cancelled', text: /^(word )+$/, receipt: cut('receiving') },
  },
  {
    name: 'is cancelled while it floods',
    upstream: flood(said('word ').repeat(20)),
    meanwhile: onceShown,
    expected: { outcome: 'cancelled', text: /^word /, receipt: cut('receiving') },
  },
  {
    name: 'is cancelled while it compresses',
    upstream: async (exchange) => {
      const gzip = createGzip()
      exchange.response.writeHead(200, { 'content-encoding': 'gzip' })
      gzip.pipe(exchange.response)
      gzip.write(said('Once'))
      gzip.flush(constants.Z_SYNC_FLUSH)
      await exchange.closed
      gzip.destroy()
    },
    meanwhile: onceShown,
    expected: { outcome: 'cancelled', text: 'Once', receipt: cut('receiving') },
  },
  {
    name: 'is cancelled while its usage is waited for',
    upstream: inOrder(send(said('Once') + stop), hang()),
    meanwhile: onceShown,
    expected: {
      outcome: 'cancelled',
      text: 'Once',
      receipt: cut('receiving'),
    },
  },
  {
    name: 'is cancelled twice at once',
    upstream: inOrder(send(said('Once')), hang()),
    meanwhile: async (scene) => {
      await shown(scene.turn, 4)
      await Promise.all([scene.cancel(), scene.turn.cancel()])
    },
    expected: { outcome: 'cancelled', text: 'Once', receipt: { outcome: 'cancelled' } },
  },
  {
    name: 'is cancelled when the reply is there already',
    upstream: async (exchange) => {
      exchange.done(chunk({ content: 'Once' }), chunk({}, { finish_reason: 'stop' }))
      await exchange.closed
    },
    meanwhile: async ({ turn, cancel }) => {
      await turn.reply
      await cancel()
    },
    expected: {
      outcome: 'done',
      text: 'Once',
      finishReason: 'stop',
      receipt: { outcome: 'already-done', upstreamAborted: false },
    },
  },
  {
    name: 'is cancelled when it has failed already',
    upstream: inOrder(
      head(500),
      until(() => undefined),
      ({ response }) => void response.end(),
    ),
    meanwhile: async ({ turn, cancel }) => {
      await turn.reply.catch(() => undefined)
      await cancel()
    },
    expected: {
      outcome: 'failed',
      code: 'provider-error',
      status: 500,
      receipt: { outcome: 'already-done', upstreamAborted: false },
    },
  },
  {
    name: 'is cancelled while it calls without a name',
    upstream: inOrder(send(called({ index: 0, id: 'x', function: { arguments: '{' } })), hang()),
    meanwhile: async ({ started, cancel }) => {
      await started()
      await cancel()
    },
    expected: { outcome: 'cancelled', receipt: cut('awaiting') },
  },
]
