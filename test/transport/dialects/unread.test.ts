/** Calls and content of other kinds, which must not make an empty reply that looks complete. */
import { describe, expect, test } from 'vitest'
import {
  ended as stopReason,
  block,
  started,
  stopped,
  thinkingBlock,
} from '../../support/messages-events.ts'
import { ended, responseEvent } from '../../support/response-events.ts'
import { chunk } from '../../support/scripts.ts'
import type { ChunkDelta } from '../../support/scripts.ts'
import { called, calls, DONE, bare, fin, inMessages, inResponses, whole } from './replies.ts'

const added = (item: object): object =>
  responseEvent('response.output_item.added', { output_index: 0, item })
const done = (item: object): object =>
  responseEvent('response.output_item.done', { output_index: 0, item })

describe('content of chat completions', () => {
  const answer = (message: object): object => ({ choices: [{ message, finish_reason: 'stop' }] })
  /** The same content in a stream and in an answer. */
  const both = async (message: ChunkDelta) => [
    await bare(chunk(message), fin(), DONE),
    await whole('chat-completions', answer(message)),
  ]

  test('of spoken words is their text', async () => {
    const audio = { id: 'a1', data: 'UklGRg==', transcript: 'Hello world', expires_at: 1 }
    const streamed = await bare(
      ...[{ id: 'a1' }, { transcript: 'Hello' }, { data: 'UklG' }, { transcript: ' world' }].map(
        (piece) => chunk({ audio: piece }),
      ),
      fin(),
      DONE,
    )

    for (const asked of [streamed, ...(await both({ content: null, audio }))]) {
      expect(asked.error).toBeUndefined()
      expect(asked.text).toBe('Hello world')
    }
  })

  test('in the older format of completions is text', async () => {
    const choices = ['Hello', ' world'].map((text) => ({ choices: [{ index: 0, text }] }))
    const asked = await bare(...choices, fin(), DONE)

    expect(asked.text).toBe('Hello world')

    const repeated = await bare(
      chunk({ content: 'Hello' }),
      { choices: [{ index: 0, text: 'Hello', finish_reason: 'stop' }] },
      DONE,
    )
    expect(repeated.text).toBe('Hello')
  })

  test.each([
    ['audio', { audio: { data: 'UklGRg==' } }],
    ['audio', { content: [{ type: 'audio', audio: { data: 'UklGRg==' } }] }],
    ['video', { content: [{ type: 'video', video: 'https://video.example/1' }] }],
    ['images', { images: [{ image_url: { url: 'javascript:alert(1)' } }] }],
    ['image', { image: { url: 'data:text/html,<p>' } }],
  ])('of the kind %s in %j makes no reply that is empty', async (kind, message) => {
    for (const asked of await both(message)) {
      expect(asked.error?.code).toBe('invalid-response')
      expect(asked.error?.message).toContain(kind)
    }
    for (const asked of await both({ ...message, reasoning_content: 'Hm.', refusal: 'No.' })) {
      expect(asked.error).toBeUndefined()
      expect([asked.text, asked.reasoning]).toEqual(['No.', 'Hm.'])
    }
  })

  test.each([
    [{ content: '' }],
    [{ content: [] }],
    [{ content: [{ type: 'text' }] }],
    [{ content: [{ type: 'redacted_thinking' }] }],
    [{ content: [{}] }],
    [{ audio: { id: 'a1' }, images: [] }],
  ])('that holds nothing is a reply without parts: %j', async (message) => {
    for (const asked of await both(message)) {
      expect(asked.error).toBeUndefined()
      expect(asked.calls).toEqual(['started', 'finished'])
    }
  })
})

describe('content of a message of Responses', () => {
  const message = (...content: object[]): object => ({ type: 'message', id: 'm1', content })

  test('of spoken words is their text', async () => {
    const item = message({ type: 'output_audio', transcript: 'Hello', data: 'UklGRg==' })
    const asked = await inResponses(
      added(message()),
      done(item),
      ended('completed', { output: [item] }),
    )

    expect(asked.error).toBeUndefined()
    expect(asked.text).toBe('Hello')
  })

  test('of an unknown kind makes no reply that is empty', async () => {
    const hologram = { type: 'hologram', data: 'AA' }
    const alone = message(hologram)
    const told = message(hologram, { type: 'output_text', text: 'Hello' })
    const asked = await inResponses(
      added(message()),
      done(alone),
      ended('completed', { output: [alone] }),
    )

    expect(asked.error?.code).toBe('invalid-response')
    expect(asked.error?.message).toContain('hologram')
    expect(
      (await inResponses(added(message()), done(told), ended('completed', { output: [told] })))
        .text,
    ).toBe('Hello')
  })
})

describe('a custom tool', () => {
  const entry = {
    index: 0,
    id: 'c1',
    type: 'custom',
    custom: { name: 'search', input: 'plain text' },
  }

  test('is a call with its text, in a stream and in an answer', async () => {
    for (const asked of [
      await bare(calls(entry), fin('tool_calls'), DONE),
      await whole('chat-completions', {
        choices: [{ message: { tool_calls: [entry] }, finish_reason: 'tool_calls' }],
      }),
    ]) {
      expect(asked.error).toBeUndefined()
      expect(asked.toolCalls).toMatchObject([{ id: 'c1', name: 'search', arguments: 'plain text' }])
      expect(asked.end?.finishReason).toBe('tool-calls')
    }
  })

  test('may have its text in pieces, with braces that mean nothing', async () => {
    const pieces = ['', '{}', '{"a":1}', '{"a":1} }{']
    const asked = await bare(
      calls({ index: 0, id: 'c1', type: 'custom', custom: { name: 'code', input: '' } }),
      ...pieces.map((input) => calls({ index: 0, custom: { input } })),
      fin('tool_calls'),
      DONE,
    )

    expect(called(asked)).toEqual([['code', pieces.join('')]])
  })

  test('may have no text at all', async () => {
    const asked = await bare(
      calls({ id: 'c1', type: 'custom', custom: { name: 'code', input: '' } }),
      fin('tool_calls'),
      DONE,
    )

    expect(called(asked)).toEqual([['code', '']])
  })

  test.each([
    ['in pieces', true, true],
    ['in its item only', false, true],
    ['in the final response only', false, false],
  ])('is a call in Responses too: %s', async (_, isStreamed, hasItem) => {
    const item = { type: 'custom_tool_call', id: 'i1', call_id: 'c1', name: 'sql', input: '' }
    const full = { ...item, input: 'select {}{}' }
    const place = { output_index: 0, item_id: 'i1' }
    const asked = await inResponses(
      ...(isStreamed
        ? [
            added(item),
            responseEvent('response.custom_tool_call_input.delta', { ...place, delta: 'select {' }),
            responseEvent('response.custom_tool_call_input.delta', { ...place, delta: '}{}' }),
            responseEvent('response.custom_tool_call_input.done', { ...place, input: full.input }),
          ]
        : []),
      ...(hasItem ? [done(full)] : []),
      ended('completed', { output: [full] }),
    )

    expect(asked.error).toBeUndefined()
    expect(asked.toolCalls).toMatchObject([{ id: 'c1', name: 'sql', arguments: 'select {}{}' }])
    expect(asked.end?.finishReason).toBe('tool-calls')
  })
})

describe('a call of an unknown kind', () => {
  test('is read if it has a name', async () => {
    const mcp = { name: 'look', arguments: '{"a":1}' }
    const asked = await bare(calls({ id: 'a', type: 'mcp', mcp }), fin('tool_calls'), DONE)

    expect(called(asked)).toEqual([['look', '{"a":1}']])
  })

  const shiny = { index: 0, type: 'shiny', shiny: { query: 'x' } }

  test.each([
    ['with an id', { ...shiny, id: 's1' }],
    ['without an id', shiny],
    ['without anything', { type: 'shiny' }],
  ])('fails a reply that would be empty: %s', async (_, entry) => {
    for (const reason of ['tool_calls', 'stop']) {
      const streamed = await bare(calls(entry), fin(reason), DONE)
      const answer = { choices: [{ message: { tool_calls: [entry] }, finish_reason: reason }] }
      for (const asked of [streamed, await whole('chat-completions', answer)]) {
        expect(asked.error?.code).toBe('invalid-response')
        expect(asked.error?.message).toContain('shiny')
      }
    }
  })

  test('fails a reply that has reasoning only, and leaves text as it is', async () => {
    const thought = chunk({ reasoning_content: 'Hm.' })
    const thinking = await bare(thought, calls(shiny), fin('tool_calls'), DONE)
    expect(thinking.error?.code).toBe('invalid-response')
    expect(thinking.reasoning).toBe('Hm.')

    const saying = await bare(chunk({ content: 'So' }), calls(shiny), fin('stop'), DONE)
    expect(saying.error).toBeUndefined()
    expect(saying.text).toBe('So')
  })

  test('shows no long type in the error', async () => {
    const asked = await bare(calls({ type: 'x'.repeat(9_000) }), fin('stop'), DONE)

    expect(asked.error?.code).toBe('invalid-response')
    expect(asked.error?.message.length).toBeLessThan(300)
  })
})

test('fails a reply that stopped for calls of which none came', async () => {
  const answer = { choices: [{ message: { content: '' }, finish_reason: 'tool_calls' }] }
  for (const asked of [
    await bare(fin('tool_calls'), DONE),
    await bare(calls({}), fin('function_call'), DONE),
    await whole('chat-completions', answer),
    await inMessages(started(), stopReason('tool_use'), stopped),
  ]) {
    expect(asked.error?.code).toBe('invalid-response')
  }
  expect((await bare(fin('stop'), DONE)).error).toBeUndefined()
})

describe('an item of Responses', () => {
  const reasoning = { type: 'reasoning', summary: [{ type: 'summary_text', text: 'Hm.' }] }

  test.each(['local_shell_call', 'computer_call', 'mcp_approval_request', 'shiny'])(
    'that asks for something else fails an empty reply: %s',
    async (type) => {
      const item = { type, id: 'i1', action: {} }
      for (const asked of [
        await inResponses(added(item), done(item), ended('completed', { output: [item] })),
        await inResponses(ended('completed', { output: [reasoning, item] })),
        await whole('responses', { object: 'response', status: 'completed', output: [item] }),
      ]) {
        expect(asked.error?.code).toBe('invalid-response')
        expect(asked.error?.message).toContain(type)
      }
    },
  )

  test.each(['web_search_call', 'code_interpreter_call', 'mcp_call'])(
    'that ran at the provider leaves the reply as it is: %s',
    async (type) => {
      expect(
        (await inResponses(done({ type, id: 'i1' }), ended('completed'))).error,
      ).toBeUndefined()
    },
  )
})

describe('a block of Messages', () => {
  test.each(['shiny', 'bash_tool_use', 'computer_use'])(
    'of an unknown kind fails an empty reply: %s',
    async (type) => {
      const unknown = block(1, { type, id: 's', name: 'x', input: {} })
      const thinking = thinkingBlock(0, 'sig', 'Hm.')
      const asked = await inMessages(started(), ...thinking, ...unknown, stopReason(), stopped)

      expect(asked.error?.code).toBe('invalid-response')
      expect(asked.error?.message).toContain(type)
    },
  )

  test.each(['server_tool_use', 'mcp_tool_use', 'web_search_tool_result'])(
    'that ran at the provider leaves the reply as it is: %s',
    async (type) => {
      const asked = await inMessages(started(), ...block(0, { type }), stopReason(), stopped)

      expect(asked.error).toBeUndefined()
    },
  )
})
