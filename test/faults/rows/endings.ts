/** The ends of streams: proper, broken and false ones. */
import {
  bytes,
  chatStream,
  cut,
  end,
  flood,
  halfClose,
  hang,
  head,
  inOrder,
  reset,
  send,
} from '../../../src/testing.ts'
import { snapshotReader } from '../../support/reading.ts'
import { type Fault, failure, success } from '../fault.ts'
import { call, called, done, said, sse, stop, thought, usage } from '../wire.ts'

const counted = { inputTokens: 7, outputTokens: 3 }

export const endings: readonly Fault[] = [
  {
    name: 'does everything right',
    upstream: chatStream(['Once', ' upon'], { usage: { prompt_tokens: 7, completion_tokens: 3 } }),
    expected: success('Once upon', counted),
  },
  {
    name: 'leaves its body open after [DONE]',
    upstream: inOrder(send(said('Once') + stop + done), hang()),
    expected: success('Once'),
  },
  {
    name: 'floods its body after [DONE]',
    upstream: inOrder(send(said('Once') + stop + done), flood('x'.repeat(16_384))),
    expected: success('Once'),
  },
  {
    name: 'sends text after [DONE]',
    upstream: inOrder(send(said('Once') + stop + done, said('!')), end()),
    expected: success('Once'),
  },
  {
    name: 'sends text in one write with [DONE], after it',
    upstream: inOrder(send(said('Once') + stop + done + said('!') + sse({ error: 'no' })), end()),
    expected: success('Once'),
  },
  {
    name: 'sends [DONE] twice',
    upstream: inOrder(send(said('Once') + stop + done + done), end()),
    expected: success('Once'),
  },
  {
    name: 'resets the connection after [DONE]',
    upstream: inOrder(send(said('Once') + stop, done), cut()),
    expected: success('Once'),
  },
  {
    name: 'says why it stopped, and ends without [DONE]',
    upstream: inOrder(send(said('Once') + stop), end()),
    expected: success('Once'),
  },
  {
    name: 'says why it stopped, and leaves its body open',
    upstream: inOrder(send(said('Once') + stop), hang()),
    expected: success('Once'),
  },
  {
    name: 'says why it stopped, and breaks off',
    upstream: inOrder(send(said('Once') + stop), cut()),
    expected: success('Once'),
  },
  {
    name: 'reports usage after the finish reason, and leaves its body open',
    upstream: inOrder(send(said('Once') + stop, usage), hang()),
    expected: success('Once', counted),
  },
  {
    name: 'reports usage before the finish reason',
    upstream: inOrder(send(said('Once') + usage + stop + done), end()),
    expected: success('Once', counted),
  },
  {
    name: 'says [DONE] and never why it stopped',
    upstream: inOrder(send(said('Once') + done), end()),
    expected: { outcome: 'done', text: 'Once' },
  },
  {
    name: 'gives empty finish reasons all the way',
    upstream: inOrder(
      send(sse({ choices: [{ delta: { content: 'Once' }, finish_reason: '' }] }) + done),
      end(),
    ),
    expected: { outcome: 'done', text: 'Once' },
  },
  {
    name: 'gives a finish reason that nobody knows',
    upstream: inOrder(
      send(said('Once') + sse({ choices: [{ delta: {}, finish_reason: 'tired' }] }) + done),
      end(),
    ),
    expected: success('Once', { finishReason: 'other' }),
  },
  {
    name: 'stops because the reply was long enough',
    upstream: chatStream(['Once'], { finishReason: 'length' }),
    expected: success('Once', { finishReason: 'length' }),
  },
  {
    name: 'stops without a word',
    upstream: inOrder(send(stop + done), end()),
    expected: success(''),
  },
  {
    name: 'says [DONE] and nothing else',
    upstream: inOrder(send(done), end()),
    expected: failure('empty-response'),
  },
  {
    name: 'sends empty deltas and [DONE]',
    upstream: inOrder(send(said('').repeat(10) + done), end()),
    expected: failure('empty-response'),
  },
  {
    name: 'ends in the middle of the reply as if that were all',
    upstream: inOrder(send(said('Once') + said(' upon')), end()),
    expected: failure('stream-truncated', { text: 'Once upon' }),
  },
  {
    name: 'ends in the middle of an event',
    upstream: inOrder(send(said('Once') + said(' upon').slice(0, -30)), end()),
    expected: failure('stream-truncated', { text: 'Once' }),
  },
  {
    name: 'ends while it thinks',
    upstream: inOrder(send(thought('Hm')), end()),
    expected: failure('stream-truncated', { reasoning: 'Hm' }),
  },
  {
    name: 'ends in the middle of a tool call',
    upstream: inOrder(send(call(0, 'weather', '{"city":"Os')), end()),
    expected: failure('stream-truncated', {
      toolCalls: [{ name: 'weather', inputText: '{"city":"Os' }],
    }),
  },
  {
    name: 'ends after a whole tool call, and says nothing more',
    upstream: inOrder(
      send(
        call(0, 'weather', '{"city":"Os') + called({ index: 0, function: { arguments: 'lo"}' } }),
      ),
      end(),
    ),
    expected: {
      outcome: 'done',
      text: '',
      toolCalls: [{ name: 'weather', inputText: '{"city":"Oslo"}' }],
    },
  },
  {
    name: 'says that it stopped before it begins',
    upstream: inOrder(send(stop + said('Once') + said(' upon') + stop + done), end()),
    expected: success('Once upon'),
  },
  {
    name: 'says that it stopped, goes on, and breaks off',
    upstream: inOrder(send(said('Once') + stop + said(' upon')), cut()),
    expected: failure('connection-lost', { text: 'Once upon' }),
  },
  {
    name: 'says that it stopped for a tool, and asks for none',
    upstream: inOrder(
      send(sse({ choices: [{ delta: {}, finish_reason: 'tool_calls' }] }) + done),
      end(),
    ),
    expected: failure('invalid-response', { says: /no call of a tool/ }),
  },
  {
    name: 'asks for a custom tool',
    upstream: inOrder(
      send(
        called({
          index: 0,
          id: 'c',
          type: 'custom',
          custom: { name: 'search', input: 'plain text' },
        }) +
          stop +
          done,
      ),
      end(),
    ),
    expected: success('', {
      finishReason: 'tool-calls',
      toolCalls: [{ name: 'search', inputText: 'plain text' }],
    }),
  },
  {
    name: 'closes the connection in the middle of the reply',
    upstream: inOrder(send(said('Once')), cut()),
    expected: failure('connection-lost', { text: 'Once' }),
  },
  {
    name: 'closes the connection in the middle of an event',
    upstream: inOrder(send(said('Once') + 'data: {"cho'), cut()),
    expected: failure('connection-lost', { text: 'Once' }),
  },
  {
    name: 'half closes the connection in the middle of the reply',
    upstream: inOrder(send(said('Once')), halfClose()),
    expected: failure('connection-lost', { text: 'Once' }),
  },
  {
    name: 'resets the connection once text was shown',
    upstream: async (exchange) => {
      exchange.write(said('Once'))
      await exchange.closed
    },
    meanwhile: async ({ turn, provider }) => {
      await snapshotReader(turn).next()
      provider.requests[0]?.request.socket.resetAndDestroy()
    },
    expected: failure('connection-lost', { text: 'Once' }),
  },
  {
    name: 'resets the connection after its headers',
    upstream: async (exchange) => {
      exchange.open()
      await exchange.closed
    },
    meanwhile: async ({ started, provider }) => {
      await started()
      provider.requests[0]?.request.socket.resetAndDestroy()
    },
    expected: failure('connection-lost'),
  },
  {
    name: 'closes the connection after its headers',
    upstream: inOrder(head(200, { 'content-type': 'text/event-stream' }), send(': hi\n\n'), cut()),
    expected: failure('connection-lost'),
  },
  {
    name: 'promises more bytes than it sends',
    upstream: inOrder(head(200, { 'content-length': '5000' }), send(said('Once')), cut()),
    expected: failure('connection-lost', { text: 'Once' }),
  },
  {
    name: 'sends more bytes than it promised',
    upstream: inOrder(
      head(200, { 'content-length': String(Buffer.byteLength(said('Once'))) }),
      send(said('Once') + said(' upon') + done),
      cut(),
    ),
    expected: failure('stream-truncated', { text: 'Once' }),
  },
  {
    name: 'frames its chunks wrongly',
    upstream: inOrder(
      bytes(
        `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${said('Once').length.toString(16)}\r\n${said('Once')}\r\nZZZ\r\n`,
      ),
      hang(),
    ),
    expected: failure('connection-lost', { text: 'Once' }),
  },
  {
    name: 'ends its body by closing, as HTTP/1.0 did',
    upstream: inOrder(
      bytes(
        `HTTP/1.0 200 OK\r\ncontent-type: text/event-stream\r\n\r\n${said('Once')}${stop}${done}`,
      ),
      cut(),
    ),
    expected: success('Once'),
  },
  {
    name: 'leaves out the last chunk after [DONE]',
    upstream: inOrder(send(said('Once') + done), cut()),
    expected: { outcome: 'done', text: 'Once' },
  },
  {
    name: 'resets the connection before it answers',
    upstream: reset(),
    expected: failure('connection-failed', { says: /closed the connection without an answer/ }),
  },
  {
    name: 'closes the connection before it answers',
    upstream: cut(),
    expected: failure('connection-failed', { says: /closed the connection without an answer/ }),
  },
  {
    name: 'half closes the connection before it answers',
    upstream: halfClose(),
    expected: failure('connection-failed'),
  },
  {
    name: 'closes the connection in the middle of its headers',
    upstream: inOrder(bytes('HTTP/1.1 200 OK\r\ncontent-type: te'), cut()),
    expected: failure('connection-failed'),
  },
]
