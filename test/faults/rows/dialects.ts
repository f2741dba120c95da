/** Faults in the Responses and Messages formats, which have their own ways to end a stream. */
import {
  cut,
  end,
  errorReply,
  flood,
  hang,
  inOrder,
  json,
  messagesAnswer,
  messagesEvents,
  responsesAnswer,
  responsesEvents,
  send,
  sse,
} from '../../../src/testing.ts'
import type { StreamEvent } from '../../../src/testing.ts'
import { type Expected, type Fault, failure, success } from '../fault.ts'

const FORMATS = {
  responses: {
    whole: responsesEvents(['Once', ' upon']),
    half: responsesEvents(['Once', ' upon'], { status: null }).slice(0, 5),
    answer: responsesAnswer('Once upon'),
    unknown: sse({ type: 'response.later.invention', x: 1 }, 'response.later.invention'),
    error: sse({ type: 'error', code: 'no_way', message: 'no way', param: null }, 'error'),
    providerCode: 'no_way',
    usage: {},
  },
  messages: {
    whole: messagesEvents(['Once', ' upon']),
    half: messagesEvents(['Once', ' upon'], { stopReason: null, stop: false }).slice(0, 4),
    answer: messagesAnswer('Once upon'),
    unknown: sse({ type: 'later_invention', x: 1 }, 'later_invention'),
    error: sse({ type: 'error', error: { type: 'no_way', message: 'no way' } }, 'error'),
    providerCode: 'no_way',
    usage: { inputTokens: 9 },
  },
} as const

const joined = (events: readonly StreamEvent[]): string => events.map(({ text }) => text).join('')

export const dialects: readonly Fault[] = (['responses', 'messages'] as const).flatMap(
  (dialect): readonly Fault[] => {
    const { whole, half, answer, unknown, error, providerCode, usage } = FORMATS[dialect]
    const outputTokens = dialect === 'messages' ? 2 : undefined
    const all = success('Once upon', {
      ...usage,
      ...(outputTokens !== undefined && { outputTokens }),
    })
    const one = success('Once upon', {
      ...usage,
      ...(outputTokens !== undefined && { outputTokens: 1 }),
    })
    // The usage at the beginning of a message is kept.
    const begun = dialect === 'messages' ? { inputTokens: 9, outputTokens: 1 } : {}
    const row = (name: string, upstream: Fault['upstream'], expected: Expected): Fault => ({
      name: `${name} in ${dialect}`,
      dialect,
      upstream,
      expected,
    })
    return [
      row('does everything right', inOrder(send(joined(whole)), end()), all),
      row('leaves its body open after the end', inOrder(send(joined(whole)), hang()), all),
      row(
        'floods its body after the end',
        inOrder(send(joined(whole)), flood('x'.repeat(9999))),
        all,
      ),
      row('breaks off after the end', inOrder(send(joined(whole)), cut()), all),
      row(
        'goes on with text after the end',
        inOrder(send(joined(whole) + joined(half)), end()),
        all,
      ),
      row('says [DONE] after the end', inOrder(send(joined(whole) + sse('[DONE]')), end()), all),
      row(
        'sends events that nobody knows',
        inOrder(
          send(unknown + joined(whole).replaceAll('\n\nevent', `\n\n${unknown}event`)),
          end(),
        ),
        all,
      ),
      row('does not stream though it was asked to', json(answer), one),
      row(
        'ends in the middle of the reply',
        inOrder(send(joined(half)), end()),
        failure('stream-truncated', { text: /^Once/, ...begun }),
      ),
      row(
        'breaks off in the middle of the reply',
        inOrder(send(joined(half)), cut()),
        failure('connection-lost', { text: /^Once/, ...begun }),
      ),
      row(
        'reports an error in the middle of the reply',
        inOrder(send(joined(half) + error), end()),
        failure('provider-error', { text: /^Once/, says: /no way/, providerCode, ...begun }),
      ),
      row(
        'reports an error and leaves its body open',
        inOrder(send(error), hang()),
        failure('provider-error', { says: /no way/, providerCode }),
      ),
      row(
        'is overloaded',
        errorReply(529, 'Overloaded', { type: 'overloaded_error', retryAfter: 2 }),
        failure('overloaded', {
          status: 529,
          retryAfterMs: 2000,
          providerCode: 'overloaded_error',
        }),
      ),
      row(
        'answers with nothing',
        inOrder(({ response }) => void response.end()),
        failure('empty-response'),
      ),
    ]
  },
)
