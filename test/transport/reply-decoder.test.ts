/** Events whose data is a comment. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Dialect } from '../../src/protocol/endpoint.ts'
import { chatEvents, messagesEvents, responsesEvents } from '../../src/testing.ts'
import { chatCompletions } from '../../src/transport/dialects/chat/read.ts'
import type { WireDialect } from '../../src/transport/dialects/dialect.ts'
import { messages } from '../../src/transport/dialects/messages/read.ts'
import { responses } from '../../src/transport/dialects/responses/read.ts'
import { startProvider } from '../support/provider.ts'
import { raw } from '../support/scripts.ts'
import { reply, targetAt } from './asking.ts'
import { decoded } from './decoding-twice.ts'

/** Events that are comments, each as it is written. */
const COMMENTS = [
  'data: : keepalive\n\n',
  'data: : OPENROUTER PROCESSING\n\n',
  'data: :\n\n',
  'data::\n\n',
  'data:   : {"not": "read"}\n\n',
  'data: : one\ndata: : two\n\n',
  'event: message\ndata: : ping 12:30\n\n',
  'data: ping\n\n',
  'data: keep-alive\n\n',
  'event: heartbeat\ndata: heartbeat\n\n',
  'data: KEEPALIVE \n\n',
  'event: keepalive\ndata: 12:30\n\n',
]

const STREAMS: readonly (readonly [Dialect, WireDialect, readonly string[]])[] = [
  ['chat-completions', chatCompletions, chatEvents(['Once', ' upon']).map(({ text }) => text)],
  ['messages', messages, messagesEvents(['Once', ' upon']).map(({ text }) => text)],
  ['responses', responses, responsesEvents(['Once', ' upon']).map(({ text }) => text)],
]

describe.each(STREAMS)('in %s', (dialect, wire, events) => {
  test.each(COMMENTS)('%j is ignored before, between and after events', async (comment) => {
    await using provider = await startProvider()
    provider.next(raw([comment, events.join(comment), comment]))

    const asked = await reply('', { target: targetAt(provider.url, { dialect }) })

    expect(asked.error).toBeUndefined()
    expect(asked.text).toBe('Once upon')
    expect(asked.end?.finishReason).toBe('stop')
  })

  test('comments anywhere change nothing', () => {
    const plain = decoded([Buffer.from(events.join(''))], { dialect: wire })

    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom(...COMMENTS), fc.nat(events.length)), { maxLength: 8 }),
        (comments) => {
          const all = [...events]
          for (const [comment, at] of comments) all.splice(at, 0, comment)
          const read = decoded([Buffer.from(all.join(''))], { dialect: wire })

          expect(read).toEqual(plain)
        },
      ),
    )
  })

  test('a comment in the same event as data is left out of it', () => {
    const commented = events.map((event) => event.replace('data:', 'data: : keepalive\ndata:'))

    expect(decoded([Buffer.from(commented.join(''))], { dialect: wire })).toEqual(
      decoded([Buffer.from(events.join(''))], { dialect: wire }),
    )
  })
})

test('a stream of comments alone is an answer with nothing in it', () => {
  expect(decoded([Buffer.from(COMMENTS.join(''))]).outcome).toMatchObject({
    code: 'empty-response',
  })
})

test.each(['data: no comment\n\n', 'data: pingpong\n\n', 'data: keep it alive\n\n'])(
  '%j is still no event that can be read',
  (event) => {
    expect(decoded([Buffer.from(event + event)]).outcome).toMatchObject({
      code: 'invalid-response',
    })
  },
)

test('an error event whose data is text is still the error', () => {
  expect(decoded([Buffer.from('event: error\ndata: no way\n\n')]).outcome).toMatchObject({
    code: 'provider-error',
    message: expect.stringContaining('no way') as string,
  })
})
