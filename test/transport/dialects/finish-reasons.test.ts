/** Why a model stopped, in the words of all providers, in all dialects. */
import { describe, expect, test } from 'vitest'
import type { Dialect } from '../../../src/protocol/endpoint.ts'
import type { FinishReason } from '../../../src/protocol/message.ts'
import { ended, started, stopped, textBlock, written } from '../../support/messages-events.ts'
import { startProvider } from '../../support/provider.ts'
import { responseEvent } from '../../support/response-events.ts'
import { chunk, json } from '../../support/scripts.ts'
import { reply, targetAt } from '../asking.ts'
import type { AskedReply } from '../asking.ts'

/** One line for each word, or more for how it was met. */
const WORDS: Readonly<Record<FinishReason, readonly string[]>> = {
  stop: [
    'stop',
    'STOP',
    'Stop',
    'end_turn',
    'endTurn',
    'END-TURN',
    'stop_sequence',
    'STOP_SEQUENCE',
    'stop_criteria_met',
    'eos_token',
    'EOS',
    'COMPLETE',
    'completed',
    'FINISH',
    'finished',
    'done',
    'endoftext',
    'normal',
    'FinishReason.STOP',
    'FINISH_REASON_STOP',
    'stop: "###"',
    'stop:\n\n',
    'stop (eos)',
    'stop_sequence "User:"',
    'eos_token=2',
    'eos_token_id',
    'EOS_TOKEN_REACHED',
    'stop_token_ids',
    'stopping_criteria',
    'endOfTurnToken',
    'matched_stop: 151645',
    ' stop ',
  ],
  length: [
    'length',
    'LENGTH',
    'max_tokens',
    'MAX_TOKENS',
    'maxTokens',
    'max_output_tokens',
    'model_length',
    'model_context_window_exceeded',
    'ERROR_LIMIT',
    'limit',
    'length: 4096',
    'length (max_new_tokens)',
    'FINISH_REASON_MAX_TOKENS',
    'max_total_tokens_exceeded',
    'max_seq_len',
    'MAX_MODEL_LEN',
    'exceeded_max_len',
    'total_length',
    'output_length_limit',
  ],
  'tool-calls': [
    'tool_calls',
    'TOOL_CALL',
    'tool_use',
    'toolUse',
    'function_call',
    'tool_calls: 2',
  ],
  'content-filter': [
    'content_filter',
    'ContentFilter',
    'content_filtered',
    'SAFETY',
    'RECITATION',
    'BLOCKLIST',
    'PROHIBITED_CONTENT',
    'SPII',
    'IMAGE_SAFETY',
    'guardrail_intervened',
    'refusal',
    'ERROR_TOXIC',
    'sensitive',
    'content_filter: hate (high)',
    'finish_reason_safety',
    'output_safety_stop',
    'blocked_by_content_filter',
    'data_inspection_failed',
    'PII',
    'jailbreak',
  ],
  paused: ['pause_turn'],
  other: [
    'other',
    'OTHER',
    'LANGUAGE',
    'MALFORMED_FUNCTION_CALL',
    'UNEXPECTED_TOOL_CALL',
    'malformed_tool_use',
    'insufficient_system_resource',
    'network_error',
    'abort',
    'USER_CANCEL',
    'timeout',
    'load',
    'unload',
    'a word of tomorrow',
    'constructor',
    '__proto__',
    'stopgap',
    'x'.repeat(100_000),
  ],
}

const LINES = Object.entries(WORDS).flatMap(([reason, words]) =>
  words.map((word) => [word.slice(0, 40), word, reason as FinishReason] as const),
)

async function asked(dialect: Dialect, answer: readonly object[] | object): Promise<AskedReply> {
  await using provider = await startProvider()
  provider.next(
    Array.isArray(answer)
      ? (exchange) => {
          exchange.write(...answer.map(written))
          exchange.response.end()
        }
      : json(answer),
  )
  const target = targetAt(provider.url, { dialect })
  return await reply('', { target, stream: Array.isArray(answer) })
}

const chat = (reason: unknown): object[] => [
  chunk({ content: 'Hi' }),
  chunk({}, { finish_reason: reason }),
]
const messages = (reason: string | null): object[] => [
  started(),
  ...textBlock(0, 'Hi'),
  ended(reason),
  stopped,
]

describe.each(LINES)('%s', (_, word, reason) => {
  test(`is ${reason} in every dialect, streamed or not`, async () => {
    const choice = { message: { content: 'Hi' }, finish_reason: word }
    const content = [{ type: 'text', text: 'Hi' }]
    const [streamed, whole, ofMessages, message] = await Promise.all([
      asked('chat-completions', chat(word)),
      asked('chat-completions', { choices: [choice] }),
      asked('messages', messages(word)),
      asked('messages', { content, stop_reason: word }),
    ])

    for (const { end, error, text } of [streamed, whole, ofMessages, message]) {
      expect({ error, text, reason: end?.finishReason }).toEqual({ text: 'Hi', reason })
    }
  })

  test('is no natural end of a response that is incomplete', async () => {
    const { end } = await asked('responses', [
      responseEvent('response.output_text.delta', { output_index: 0, delta: 'Hi' }),
      responseEvent('response.incomplete', {
        response: { status: 'incomplete', incomplete_details: { reason: word } },
      }),
    ])

    const isNatural = reason === 'stop' || reason === 'tool-calls'
    expect(end?.finishReason).toBe(isNatural ? 'other' : reason)
  })
})

test.each(['error', 'ERROR', 'Error: out of memory', 'failed'])(
  'a reply that ends with %s has failed, with its text',
  async (word) => {
    const streamed = await asked('chat-completions', chat(word))
    const ofMessages = await asked('messages', messages(word))
    const message = await asked('messages', {
      content: [{ type: 'text', text: 'Hi' }],
      stop_reason: word,
    })

    for (const { error, text } of [streamed, ofMessages, message]) {
      expect(text).toBe('Hi')
      expect(error).toMatchObject({ code: 'provider-error' })
      expect(error?.message).toContain('The model failed')
    }
  },
)

test.each([null, '', 'null', 'None', 'FINISH_REASON_UNSPECIFIED', 7, {}, []])(
  'a chunk with the finish reason %j does not end the reply',
  async (reason) => {
    const { text, end } = await asked('chat-completions', [
      chunk({ content: 'a' }, { finish_reason: reason }),
      chunk({ content: 'b' }, { finish_reason: reason }),
      chunk({}, { finish_reason: 'stop' }),
    ])
    const cut = await asked('chat-completions', [
      chunk({ content: 'a' }, { finish_reason: reason }),
    ])

    expect([text, end?.finishReason]).toEqual(['ab', 'stop'])
    expect(cut.error?.code).toBe('stream-truncated')
  },
)
