/** Connections that are never made, or break before a request is sent. */
import { refusingUrl, send, inOrder, end } from '../../../src/testing.ts'
import { type Fault, failure, success } from '../fault.ts'
import { done, said, stop } from '../wire.ts'

export const connections: readonly Fault[] = [
  {
    name: 'does not listen',
    url: () => refusingUrl(),
    expected: failure('connection-failed', { requests: 0, says: /Nothing listens at http/ }),
  },
  {
    name: 'does not listen at any address of its name',
    url: async () => (await refusingUrl()).replace('127.0.0.1', 'localhost'),
    expected: failure('connection-failed', { requests: 0, says: /Nothing listens at http/ }),
  },
  ...(['reset', 'close', 'reset-at-request'] as const).map((welcome): Fault => ({
    name: `welcomes connections with a ${welcome}`,
    arrange: ({ provider }) => provider.welcome(welcome),
    expected: failure('connection-failed', { requests: 0, says: /closed the connection|EPIPE/ }),
  })),
  {
    name: 'speaks no TLS where it is asked to',
    url: ({ provider }) => provider.url.replace('http:', 'https:'),
    expected: failure('connection-failed', { requests: 0, says: /TLS/ }),
  },
  {
    name: 'closes after each answer',
    upstream: inOrder(
      ({ response }) => void response.setHeader('connection', 'close'),
      send(said('Once') + stop + done),
      end(),
    ),
    expected: success('Once'),
  },
]
