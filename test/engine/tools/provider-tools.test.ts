/** Tools that the provider runs itself: kept, shown, sent back to their maker alone, never run. */
import { copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { errorReply } from '../../../src/testing.ts'
import type { Dialect, Engine, Part } from '../../../src/index.ts'
import { BuiltReply } from '../../support/built-reply.ts'
import { testDirectory, testEngine, testProvider } from '../../support/engine.ts'
import * as wire from '../../support/messages-events.ts'
import type { Provider, Script } from '../../support/provider.ts'
import { ended, responseEvent } from '../../support/response-events.ts'
import { violations as responsesViolations } from '../../support/responses-rules.ts'
import { outcomeOf } from '../../support/waiting.ts'
import { violations } from '../../transport/dialects/messages/rules.ts'
import { bodyOf, done, toolChat } from './tool-chat.ts'

const SEARCH = { type: 'web_search_20250305', name: 'web_search' }
const providerTools = [SEARCH]

const use = (id: string) => ({
  type: 'server_tool_use',
  id,
  name: 'web_search',
  input: { query: 'actors' },
})
const found = (id: string) => ({
  type: 'web_search_tool_result',
  tool_use_id: id,
  content: [{ type: 'web_search_result', title: 'Actors', encrypted_content: 'opaque' }],
})

/** The events of a call of a server tool, whose input comes in two fragments. */
function called(index: number, id: string): object[] {
  const fragments = ['{"query":', '"actors"}'].map(wire.inputDelta)
  return wire.block(index, { ...use(id), input: {} }, ...fragments)
}

const resultOf = (index: number, id: string) => wire.block(index, found(id))
const searched = (id: string): Script =>
  wire.message([
    ...wire.textBlock(0, 'Let me see.'),
    ...called(1, id),
    ...resultOf(2, id),
    ...wire.textBlock(3, 'Found.'),
  ])
const paused = (...blocks: readonly object[]): Script => wire.message(blocks, 'pause_turn')

/** What the nth request sends of the assistant, from 0. */
function sentBack(provider: Provider, n: number): unknown {
  const sent = bodyOf(provider, n)['messages'] as { role: string; content: unknown }[]
  return sent.filter(({ role }) => role === 'assistant').map(({ content }) => content)
}

const kinds = ({ parts }: { readonly parts: readonly Part[] }) => parts.map(({ type }) => type)

describe('Messages', () => {
  test('a search is kept where it was, and goes back as it came', async () => {
    const { provider, engine, id } = await toolChat({}, 'messages')
    provider.next(searched('s1'), done)
    const { message } = await (await engine.send(id, 'hi', { providerTools })).reply
    await (
      await engine.send(id, 'and now?', { providerTools })
    ).reply

    expect(kinds(message)).toEqual(['text', 'provider-tool', 'provider-tool', 'text'])
    expect(message.text).toBe('Let me see.Found.')
    expect(sentBack(provider, 1)).toEqual([
      [
        { type: 'text', text: 'Let me see.' },
        use('s1'),
        found('s1'),
        { type: 'text', text: 'Found.' },
      ],
    ])
    expect(violations(bodyOf(provider, 1) as never)).toEqual([])
    expect(await engine.listCalls(message.turnId)).toEqual([])
  })

  test('a paused reply goes on in the same turn, from where it stopped', async () => {
    const { provider, engine, id } = await toolChat({}, 'messages')
    const built = new BuiltReply()
    engine.events(id).subscribe((event) => built.take(event))
    provider.next(
      paused(...wire.textBlock(0, 'Let me see.'), ...called(1, 's1')),
      wire.message([...resultOf(0, 's1'), ...wire.textBlock(1, 'Found.')]),
    )
    const turn = await engine.send(id, 'hi', { providerTools })
    const { message } = await turn.reply

    expect(message).toMatchObject({ status: 'complete', finishReason: 'stop' })
    expect(kinds(message)).toEqual(['text', 'provider-tool', 'provider-tool', 'text'])
    expect(sentBack(provider, 1)).toEqual([[{ type: 'text', text: 'Let me see.' }, use('s1')]])
    expect(message.usage).toMatchObject({ inputTokens: 18, outputTokens: 8 })
    expect(await engine.listSteps(turn.id)).toMatchObject([
      { step: 1, status: 'tools', finishReason: 'paused' },
      { step: 2, status: 'done', finishReason: 'stop' },
    ])
    expect(built.parts).toEqual(message.parts)
  })

  test('a provider that pauses for ever is asked to go on five times', async () => {
    const { provider, engine, id } = await toolChat({}, 'messages')
    const again = (n: number) => paused(...wire.textBlock(0, `${n}`))
    provider.next(...[1, 2, 3, 4, 5, 6, 7].map(again))
    const { message, turn } = await (await engine.send(id, 'hi')).reply

    expect(provider.requests).toHaveLength(6)
    expect(turn.status).toBe('done')
    expect(message).toMatchObject({ text: '123456', finishReason: 'paused' })
  })

  test('limits.steps counts the requests that go on with a paused reply', async () => {
    const { provider, engine, id } = await toolChat({ limits: { steps: 2 } }, 'messages')
    provider.next(paused(), paused(...wire.textBlock(0, 'a')), done)
    const { message } = await (await engine.send(id, 'hi')).reply

    expect(provider.requests).toHaveLength(2)
    expect(message).toMatchObject({ text: 'a', finishReason: 'paused' })
  })

  test('the provider that paused is asked to go on, though it was a fallback', async () => {
    const { provider, engine, id } = await toolChat({}, 'messages')
    const other = await testProvider()
    await engine.putEndpoint('second', { url: other.url, model: 'm', dialect: 'messages' })
    await engine.putEndpoint('online', {
      url: provider.url,
      model: 'm',
      dialect: 'messages',
      fallbacks: [{ endpoint: 'second' }],
    })
    provider.next(errorReply(500, 'down'))
    other.next(paused(...called(0, 's1')), wire.message(resultOf(0, 's1')))
    await (
      await engine.send(id, 'hi', { providerTools })
    ).reply

    expect(provider.requests).toHaveLength(1)
    expect(sentBack(other, 1)).toEqual([[use('s1')]])
  })

  test('no tool of the host runs for a tool of the provider of the same name', async () => {
    let runs = 0
    const { provider, engine, id } = await toolChat(
      { tools: { web_search: { execute: () => (runs += 1) } } },
      'messages',
    )
    provider.next(searched('s1'))
    await (
      await engine.send(id, 'hi', { providerTools })
    ).reply

    expect(runs).toBe(0)
    expect(provider.requests).toHaveLength(1)
  })

  test('a call that waits for the results of the host keeps its place until its own result', async () => {
    const { provider, engine, id } = await toolChat(
      { tools: { look: { execute: () => 'seen' } } },
      'messages',
    )
    provider.next(
      wire.message([...called(0, 's1'), ...wire.toolBlock(1, 'c1', 'look', '{}')], 'tool_use'),
      wire.message([...resultOf(0, 's1'), ...wire.textBlock(1, 'Both.')]),
      done,
    )
    await (
      await engine.send(id, 'hi', { providerTools })
    ).reply
    await (
      await engine.send(id, 'and now?', { providerTools })
    ).reply

    const call = { type: 'tool_use', id: 'c1', name: 'look', input: {} }
    expect(sentBack(provider, 1)).toEqual([[use('s1'), call]])
    expect(sentBack(provider, 2)).toEqual([
      [use('s1'), call],
      [found('s1'), { type: 'text', text: 'Both.' }],
    ])
    for (const n of [1, 2]) expect(violations(bodyOf(provider, n) as never)).toEqual([])
  })

  test('a call without a result is not sent again once the user has written', async () => {
    const { provider, engine, id } = await toolChat({}, 'messages')
    provider.next(
      wire.events(wire.started(), ...wire.textBlock(0, 'Hm.'), ...called(1, 's1')),
      done,
    )
    await outcomeOf((await engine.send(id, 'hi', { providerTools })).reply)
    await (
      await engine.send(id, 'and now?')
    ).reply

    expect(sentBack(provider, 1)).toEqual([[{ type: 'text', text: 'Hm.' }]])
    expect(violations(bodyOf(provider, 1) as never)).toEqual([])
  })

  test('a server that refuses an open call is asked without it, and then without any', async () => {
    const { provider, engine, id } = await toolChat({}, 'messages')
    provider.next(
      paused(...called(0, 's1'), ...resultOf(1, 's1'), ...called(2, 's2')),
      errorReply(
        400,
        'messages.1: `web_search` tool use with id `srvtoolu_1` was found without a corresponding `web_search_tool_result` block',
      ),
      errorReply(400, 'messages.1.content.0: unknown block server_tool_use'),
      wire.message(wire.textBlock(0, 'Found.')),
    )
    const { message } = await (await engine.send(id, 'hi', { providerTools })).reply

    expect([1, 2, 3].map((n) => sentBack(provider, n))).toEqual([
      [[use('s1'), found('s1'), use('s2')]],
      [[use('s1'), found('s1')]],
      [],
    ])
    expect(message.text).toBe('Found.')
  })
})

describe('Responses', () => {
  const reasoning = { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 'opaque' }
  const search = {
    type: 'web_search_call',
    id: 'ws_1',
    status: 'completed',
    action: { type: 'search', query: 'actors' },
  }
  const answer = {
    type: 'message',
    id: 'msg_1',
    role: 'assistant',
    status: 'completed',
    content: [{ type: 'output_text', text: 'Found.', annotations: [] }],
  }

  const withoutId = (item: object) =>
    Object.fromEntries(Object.entries(item).filter(([field]) => field !== 'id'))

  /** All items in the events of a stream, and again in the final response. */
  const responded =
    (...items: readonly { readonly type: string }[]): Script =>
    (exchange) => {
      const told = items.flatMap((item, output_index) => [
        responseEvent('response.output_item.added', {
          output_index,
          item: { ...item, status: 'in_progress', encrypted_content: undefined },
        }),
        responseEvent('response.output_item.done', { output_index, item }),
      ])
      exchange.write(...[...told, ended('completed', { output: items })].map(wire.written))
      exchange.response.end()
    }

  test('a search goes back without its id, with the reasoning that led to it', async () => {
    const { provider, engine, id } = await toolChat({}, 'responses')
    provider.next(responded(reasoning, search, answer), done)
    const { message } = await (
      await engine.send(id, 'hi', { providerTools: [{ type: 'web_search' }] })
    ).reply
    await (
      await engine.send(id, 'and now?')
    ).reply

    expect(kinds(message)).toEqual(['reasoning', 'provider-tool', 'text'])
    expect(bodyOf(provider, 1)['input']).toEqual([
      { role: 'user', content: 'hi' },
      reasoning,
      withoutId(search),
      { role: 'assistant', content: 'Found.' },
      { role: 'user', content: 'and now?' },
    ])
    expect(responsesViolations(bodyOf(provider, 1) as never)).toEqual([])
  })

  test.each([
    ['file_search', { type: 'file_search_call', id: 'fs', queries: ['a'], results: null }],
    ['code_interpreter', { type: 'code_interpreter_call', id: 'ci', code: '1', container_id: 'c' }],
    ['mcp_list_tools', { type: 'mcp_list_tools', id: 'ml', server_label: 's', tools: [] }],
    ['ask', { type: 'mcp_call', id: 'mc', name: 'ask', server_label: 's', arguments: '{}' }],
  ])('%s is kept and goes back', async (toolName, item) => {
    const { provider, engine, id } = await toolChat({}, 'responses')
    provider.next(responded(item, answer), done)
    const { message } = await (await engine.send(id, 'hi')).reply
    await (
      await engine.send(id, 'and now?')
    ).reply

    expect(message.parts[0]).toMatchObject({ type: 'provider-tool', toolName })
    expect(bodyOf(provider, 1)['input']).toContainEqual(withoutId(item))
  })

  test('a server that refuses its own items is asked without them and their reasoning', async () => {
    const { provider, engine, id } = await toolChat({}, 'responses')
    provider.next(
      responded(reasoning, search, answer),
      errorReply(400, "Invalid value: 'web_search_call'."),
      done,
    )
    await (
      await engine.send(id, 'hi')
    ).reply
    await (
      await engine.send(id, 'and now?')
    ).reply

    expect(bodyOf(provider, 2)['input']).toEqual([
      { role: 'user', content: 'hi' },
      { role: 'assistant', content: 'Found.' },
      { role: 'user', content: 'and now?' },
    ])
  })
})

test.each(['chat-completions', 'responses', 'messages'] satisfies Dialect[])(
  'another model in %s gets nothing of what a provider ran',
  async (dialect) => {
    const { provider, engine, id } = await toolChat({}, 'messages')
    const other = await testProvider()
    await engine.putEndpoint('other', { url: other.url, model: 'n', dialect })
    provider.next(searched('s1'))
    other.next(done)
    await (
      await engine.send(id, 'hi', { providerTools })
    ).reply
    await (
      await engine.send(id, 'and now?', { endpoint: 'other' })
    ).reply

    const body = JSON.stringify(other.requests[0]?.body)
    expect(body).toContain('Let me see.Found.')
    expect(body).not.toMatch(/web_search|opaque|provider-tool|s1/)
  },
)

test('a crash in the step after a pause keeps what the provider ran', async () => {
  const folder = await testDirectory()
  const provider = await testProvider()
  const open = async (name: string): Promise<Engine> => {
    const engine = await testEngine({ database: join(folder, name), checkpointMs: Infinity })
    await engine.putEndpoint('online', { url: provider.url, model: 'm', dialect: 'messages' })
    return engine
  }
  const engine = await open('first.db')
  const { id } = await engine.startConversation()
  const second = Promise.withResolvers<void>()
  provider.next(paused(...called(0, 's1'), ...resultOf(1, 's1')), async ({ closed }) => {
    second.resolve()
    await closed
  })
  await engine.send(id, 'hi', { providerTools })
  await second.promise
  for (const end of ['', '-wal']) {
    await copyFile(join(folder, `first.db${end}`), join(folder, `second.db${end}`))
  }
  const after = await open('second.db')

  const reply = (await after.listMessages(id)).at(-1)
  expect(reply).toMatchObject({ status: 'interrupted' })
  expect(reply?.parts).toMatchObject([
    { type: 'provider-tool', providerData: { block: use('s1') } },
    { type: 'provider-tool', providerData: { block: found('s1') } },
  ])
  await engine.close()
})
