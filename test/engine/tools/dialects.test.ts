/** Steps in the three dialects: every request is one that the strictest server accepts. */
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { reply } from '../../../src/testing/reply.ts'
import type { Dialect, Tool } from '../../../src/index.ts'
import { violations as chatViolations } from '../../support/chat-rules.ts'
import { violations as responsesViolations } from '../../support/responses-rules.ts'
import { violations as messagesViolations } from '../../transport/dialects/messages/rules.ts'
import { anything, bodyOf, calling, done, resultsOf, toolChat } from './tool-chat.ts'

const RULES: Readonly<Record<Dialect, (body: never) => readonly string[]>> = {
  'chat-completions': chatViolations,
  responses: responsesViolations,
  messages: messagesViolations,
}
const DIALECTS = Object.keys(RULES) as Dialect[]
const PNG = 'data:image/png;base64,iVBORw0KGgo='

const picture: Tool = {
  execute: () => 'a picture',
  toModel: () => [
    { type: 'text', text: 'See:' },
    { type: 'file', mediaType: 'image/png', url: PNG },
  ],
}

describe.each(DIALECTS)('%s', (dialect) => {
  test('sends the choice of tools, and tools of the provider as they are', async () => {
    const { provider, engine, id } = await toolChat(
      { tools: { it: { execute: () => 1 } }, limits: { steps: 3 } },
      dialect,
    )
    provider.next(calling({ name: 'it' }), calling({ name: 'it' }), done)
    const own = { type: 'web_search_20250305', name: 'web_search' }
    await (
      await engine.send(id, 'hi', {
        toolChoice: { tool: 'it' },
        parallelToolCalls: false,
        providerTools: [own],
      })
    ).reply
    const choices = [0, 1, 2].map((n) => bodyOf(provider, n)['tool_choice'])
    expect(choices).toEqual(
      {
        'chat-completions': [{ type: 'function', function: { name: 'it' } }, undefined, 'none'],
        responses: [{ type: 'function', name: 'it' }, undefined, 'none'],
        messages: [
          { type: 'tool', name: 'it', disable_parallel_tool_use: true },
          { type: 'auto', disable_parallel_tool_use: true },
          { type: 'none' },
        ],
      }[dialect],
    )
    expect((bodyOf(provider, 0)['tools'] as unknown[]).at(-1)).toEqual(own)
    if (dialect !== 'messages') expect(bodyOf(provider, 0)['parallel_tool_calls']).toBe(false)
  })

  test('sends files of results', async () => {
    const { provider, engine, id } = await toolChat({ tools: { picture } }, dialect)
    provider.next(calling({ name: 'picture' }), done)
    const { message } = await (await engine.send(id, 'hi')).reply
    expect(resultsOf(message)[0]).toMatchObject({ output: 'a picture' })
    const body = bodyOf(provider, 1)
    const sent = (body['messages'] ?? body['input']) as Record<string, unknown>[]
    const end = sent.slice(dialect === 'messages' ? -1 : dialect === 'responses' ? -1 : -2)
    expect(end).toEqual(
      {
        'chat-completions': [
          { role: 'tool', tool_call_id: 'a', content: 'See:' },
          {
            role: 'user',
            content: [
              { type: 'text', text: 'Files from the result of picture (call a):' },
              { type: 'image_url', image_url: { url: PNG } },
            ],
          },
        ],
        responses: [
          {
            type: 'function_call_output',
            call_id: 'a',
            output: [
              { type: 'input_text', text: 'See:' },
              { type: 'input_image', image_url: PNG, detail: 'auto' },
            ],
          },
        ],
        messages: [
          {
            role: 'user',
            content: [
              {
                type: 'tool_result',
                tool_use_id: 'a',
                content: [
                  { type: 'text', text: 'See:' },
                  {
                    type: 'image',
                    source: { type: 'base64', media_type: 'image/png', data: 'iVBORw0KGgo=' },
                  },
                ],
              },
            ],
          },
        ],
      }[dialect],
    )
  })

  test('accepts the history of any steps, with repeated ids, failures and cuts', async () => {
    const step = fc.record({
      text: fc.constantFrom('', 'Let me see.'),
      reasoning: fc.constantFrom([], ['hm']),
      calls: fc.array(
        fc.record({
          id: fc.constantFrom('a', 'b', 'c'),
          name: fc.constantFrom('ok', 'bad', 'unknown'),
          // The scripted provider of Messages makes blocks of the arguments, so they are JSON there.
          arguments: fc.constantFrom(
            ...(dialect === 'messages' ? ['{}', '{"x":1}'] : ['{}', '{"x":1}', '{"x":', 'prose']),
          ),
        }),
        { minLength: 1, maxLength: 3 },
      ),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 3 }), async (steps) => {
        const { provider, engine, id } = await toolChat(
          {
            tools: {
              ok: { inputSchema: anything, execute: () => 'fine' },
              bad: {
                inputSchema: anything,
                execute: () => {
                  throw new Error('no')
                },
              },
            },
          },
          dialect,
        )
        const scripts = steps.map(({ text, reasoning, calls }) => {
          const seen = new Map(calls.map((each) => [each.id, each]))
          return reply(text, { reasoning, toolCalls: [...seen.values()] })
        })
        provider.next(...scripts, done, done)
        const first = await (await engine.send(id, 'hi')).reply
        await (
          await engine.send(id, 'and now?')
        ).reply
        for (const { body } of provider.requests) {
          expect(RULES[dialect](body as never), JSON.stringify(body)).toEqual([])
        }
        const calls = first.message.parts.filter((part) => part.type === 'tool-call')
        expect(new Set(calls.map(({ toolCallId }) => toolCallId)).size).toBe(calls.length)
        expect(resultsOf(first.message)).toHaveLength(calls.length)
        await engine.close()
      }),
      { numRuns: 25 },
    )
  })
})
