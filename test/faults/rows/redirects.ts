/** Redirects: followed within the origin. Neither key nor prompt goes to another origin. */
import {
  chatStream,
  errorReply,
  flood,
  hang,
  head,
  inOrder,
  redirect,
} from '../../../src/testing.ts'
import type { Script } from '../../../src/testing.ts'
import { type Fault, failure, success } from '../fault.ts'

const hop = redirect('/elsewhere')
const answer = chatStream(['Once'])

function refused(name: string, location: string | undefined, status = 307): Fault {
  return {
    name: `redirects ${name}`,
    upstream: redirect(location, status),
    expected: failure('redirect-refused', { status }),
  }
}

/** A redirect to a server that exists and must not be asked. */
function tempted(name: string, status: number, change: (origin: string) => string): Fault {
  return {
    name: `redirects ${name} with ${status}`,
    arrange: ({ provider, other }) =>
      provider.always(redirect(change(`${other.url}/chat/completions`), status)),
    expected: failure('redirect-refused', { status }),
  }
}

function followed(name: string, upstream: readonly Script[], requests: number): Fault {
  return {
    name: `redirects ${name}`,
    upstream,
    meanwhile: async ({ provider }) => {
      const last = await provider.request(requests - 1)
      const first = await provider.request(0)
      if (last.text !== first.text) throw new Error('The request changed on its way.')
    },
    expected: success('Once', { requests }),
  }
}

export const redirects: readonly Fault[] = [
  followed('within its origin with 307', [redirect('/v2?x=1', 307), answer], 2),
  followed('within its origin with 308', [redirect('/v2', 308), answer], 2),
  followed('to a relative path', [redirect('../v2/chat', 307), answer], 2),
  followed('to itself once', [redirect('', 307), answer], 2),
  followed('five times', [hop, hop, hop, hop, hop, answer], 6),
  followed(
    'with a body that never ends',
    [inOrder(head(307, { location: '/v2' }), flood('x'.repeat(1024))), answer],
    2,
  ),
  followed(
    'and leaves the body open',
    [inOrder(head(307, { location: '/v2' }), hang()), answer],
    2,
  ),
  {
    name: 'redirects without end',
    upstream: hop,
    expected: failure('redirect-refused', { status: 307, requests: 6 }),
  },
  {
    name: 'redirects, and then refuses',
    upstream: [hop, errorReply(401, 'no way')],
    expected: failure('bad-key', {
      status: 401,
      requests: 2,
      providerCode: 'invalid_request_error',
    }),
  },
  refused('without saying where', undefined),
  refused('to nowhere', 'http://'),
  refused('to what is no address', '//['),
  refused('to a file', 'file:///etc/passwd'),
  refused('to a script', 'javascript:alert(1)'),
  refused('to data', 'data:text/event-stream,data: {}'),
  refused('to another port', 'http://127.0.0.1:1/v1'),
  refused('to another host', 'http://model.invalid/v1'),
  refused('to metadata of a cloud', 'http://169.254.169.254/latest'),
  ...[300, 301, 302, 303, 304, 305, 399].map((status) =>
    refused(`within its origin with ${status}, which changes the request`, '/v2', status),
  ),
  ...[301, 302, 303, 307, 308].map((status) => tempted('to another server', status, (to) => to)),
  tempted('to another server, leaving out the scheme', 307, (to) => to.replace('http:', '')),
  tempted('to another server, by another name', 307, (to) => to.replace('127.0.0.1', 'localhost')),
  tempted('to another server, with a name and a password', 307, (to) => to.replace('//', '//a:b@')),
  {
    name: 'redirects to TLS on its own port',
    arrange: ({ provider }) => provider.always(redirect(provider.url.replace('http:', 'https:'))),
    expected: failure('redirect-refused', { status: 307 }),
  },
  {
    name: 'redirects away at the second hop',
    arrange: ({ provider, other }) => {
      provider.next(hop)
      provider.always(redirect(other.url))
    },
    expected: failure('redirect-refused', { status: 307, requests: 2 }),
  },
]
