/**
 * Whatever steps a turn had and however it ended: each of its calls has one result, and the history is
 * one that every dialect's servers accept.
 */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { errorReply } from '../../../src/testing.ts'
import { reply } from '../../../src/testing/reply.ts'
import type { Dialect, Message, Tool } from '../../../src/index.ts'
import { violations as chatViolations } from '../../support/chat-rules.ts'
import { testProvider } from '../../support/engine.ts'
import type { Provider, Script } from '../../support/provider.ts'
import { violations as responsesViolations } from '../../support/responses-rules.ts'
import { outcomeOf, ticks } from '../../support/waiting.ts'
import { violations as messagesViolations } from '../../transport/dialects/messages/rules.ts'
import { anything, bodyOf, calling, done, resultsOf, toolChat } from './tool-chat.ts'

const RULES: Readonly<Record<Dialect, (body: never) => readonly string[]>> = {
  'chat-completions': chatViolations,
  responses: responsesViolations,
  messages: messagesViolations,
}
const DIALECTS = Object.keys(RULES) as Dialect[]

const TOOLS: Readonly<Record<string, Tool>> = {
  ok: { inputSchema: anything, execute: () => 'fine' },
  bad: { inputSchema: anything, execute: () => Promise.reject(new Error('no')) },
  strict: { inputSchema: { type: 'object', required: ['n'] }, execute: () => 'fine' },
  late: { inputSchema: anything, timeoutMs: 2, execute: () => new Promise(() => {}) },
}

/** A step whose last call never ends, so that the turn can be cancelled while it runs. */
const HANGING: Readonly<Record<string, Tool>> = {
  hang: { inputSchema: anything, execute: () => new Promise(() => {}) },
}

const call = fc.record({
  id: fc.constantFrom('a', 'b', 'a~2'),
  name: fc.constantFrom('ok', 'bad', 'strict', 'late', 'unknown'),
  arguments: fc.constantFrom('{}', '{"n":1}'),
})
const step = fc.record({
  text: fc.constantFrom('', 'Let me see.'),
  reasoning: fc.constantFrom([], ['hm']),
  calls: fc.array(call, { minLength: 1, maxLength: 3 }),
})
/** How the turn ends after its steps. */
const ending = fc.constantFrom('words', 'cut', 'refused', 'cancelled', 'no calls left')

type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

function scriptOf({ text, reasoning, calls }: Step): Script {
  return reply(text, { reasoning, toolCalls: calls })
}

/** A reply whose connection breaks amid the arguments of a call. */
const cut: Script = (exchange) =>
  reply('Half', {
    toolCalls: [{ id: 'a', name: 'ok', arguments: ['{"n":', '1}'] }],
    gate: async (n) => {
      if (n !== 2) return
      await ticks(10)
      exchange.response.destroy()
    },
  })(exchange)

function expectAccepted(provider: Provider): void {
  for (const { path, body } of provider.requests) {
    const dialect = DIALECTS.find((each) => path.endsWith(each.replace('-', '/'))) as Dialect
    expect(RULES[dialect](body as never), JSON.stringify(body)).toEqual([])
  }
}

/** In the same turn, the thinking of each step goes back signed, before its calls. */
function expectThinking(provider: Provider, steps: readonly Step[]): void {
  const last = bodyOf(provider, steps.length)['messages'] as { role: string; content: object[] }[]
  const said = last.filter(({ role }) => role === 'assistant')
  for (const [n, { reasoning }] of steps.entries()) {
    const thinking = { type: 'thinking', thinking: 'hm', signature: 'sig-1' }
    if (reasoning.length > 0) expect(said[n]?.content[0]).toEqual(thinking)
  }
}

test.each(DIALECTS)(
  'the history of any turn in %s is accepted in each dialect',
  async (dialect) => {
    const scenario = fc.record({ steps: fc.array(step, { minLength: 1, maxLength: 3 }), ending })
    await fc.assert(
      fc.asyncProperty(scenario, async ({ steps, ending: end }) => {
        const { provider, engine, id } = await toolChat(
          {
            tools: { ...TOOLS, ...HANGING },
            logger: { debug() {}, info() {}, warn() {}, error() {} },
            timeouts: { toolCloseMs: 0 },
            ...(end === 'no calls left' && { limits: { steps: steps.length } }),
          },
          dialect,
        )
        const others = await testProvider()
        for (const other of DIALECTS) {
          await engine.putEndpoint(other, { url: others.url, model: 'other', dialect: other })
        }
        provider.next(...steps.map(scriptOf))
        if (end === 'words') provider.next(done)
        if (end === 'cut') provider.next(cut)
        if (end === 'refused') provider.next(errorReply(400, 'no'))
        if (end === 'cancelled') provider.next(calling({ name: 'ok', id: 'a' }, { name: 'hang' }))
        const turn = await engine.send(id, 'hi')
        if (end === 'cancelled') {
          const running = steps.length + 1
          const settled = Promise.withResolvers<void>()
          let begun = 0
          turn.events.subscribe((event) => {
            if (event.type === 'step.finished') begun += 1
            if (event.type === 'tool.finished' && begun === running) settled.resolve()
          })
          await settled.promise
          await turn.cancel()
        }
        await outcomeOf(turn.reply)

        const [, stored] = await engine.listMessages(id)
        const { parts } = stored as Message
        const records = await engine.listCalls(turn.id)
        const made = parts.filter((part) => part.type === 'tool-call')
        const finished = made.filter(({ input }) => input !== undefined)
        expect(new Set(made.map(({ toolCallId }) => toolCallId)).size).toBe(made.length)
        expect(records.map(({ toolCallId }) => toolCallId)).toEqual(
          finished.map(({ toolCallId }) => toolCallId),
        )
        for (const { toolCallId, code } of records) {
          const results = resultsOf({ parts }).filter((each) => each.toolCallId === toolCallId)
          expect(results.map((each) => each.code)).toEqual([code])
        }
        expect(resultsOf({ parts })).toHaveLength(records.length)
        if (dialect === 'messages' && end === 'words') expectThinking(provider, steps)

        await (
          await engine.send(id, 'and now?')
        ).reply
        for (const other of DIALECTS) {
          await (
            await engine.send(id, `and in ${other}?`, { endpoint: other })
          ).reply
        }
        expectAccepted(provider)
        expectAccepted(others)
        await engine.close()
      }),
      { numRuns: 20 },
    )
  },
  60_000,
)

test.each(DIALECTS)('an id that stands twice in one step of %s is two calls', async (dialect) => {
  const got: unknown[] = []
  const { provider, engine, id } = await toolChat(
    { tools: { note: { inputSchema: anything, execute: (input) => got.push(input) } } },
    dialect,
  )
  provider.next(
    calling({ name: 'note', id: 'a', input: { n: 1 } }, { name: 'note', id: 'a', input: { n: 2 } }),
    done,
  )
  const { message } = await (await engine.send(id, 'hi')).reply

  const made = message.parts.filter((part) => part.type === 'tool-call')
  expect(got).toEqual([{ n: 1 }, { n: 2 }])
  expect(new Set(made.map(({ toolCallId }) => toolCallId)).size).toBe(2)
  expect(resultsOf(message).map(({ toolCallId }) => toolCallId)).toEqual(
    made.map(({ toolCallId }) => toolCallId),
  )
  expectAccepted(provider)
})

test('an id that looks like the number of a repeated one is a call of its own', async () => {
  const got: unknown[] = []
  const { provider, engine, id } = await toolChat({
    tools: { note: { inputSchema: anything, execute: (input) => got.push(input) } },
  })
  provider.next(
    calling({ name: 'note', id: 'a', input: { n: 1 } }),
    calling({ name: 'note', id: 'a', input: { n: 2 } }, { name: 'note', id: 'a~2' }),
    calling({ name: 'note', id: 'a~2' }, { name: 'note', id: 'a', input: { n: 3 } }),
    done,
  )
  const { message } = await (await engine.send(id, 'hi')).reply

  const made = message.parts.filter((part) => part.type === 'tool-call')
  expect(got).toHaveLength(5)
  expect(new Set(made.map(({ toolCallId }) => toolCallId)).size).toBe(5)
  expect(new Set(resultsOf(message).map(({ toolCallId }) => toolCallId)).size).toBe(5)
  expectAccepted(provider)
})
