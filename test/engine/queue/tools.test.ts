/** Tools of queued turns: what is kept of them, over a restart too, and which turns may be joined. */
import { expect, test } from 'vitest'
import type { EngineOptions } from '../../../src/index.ts'
import { testDatabase, testEngine } from '../../support/engine.ts'
import { outcomeOf } from '../../support/waiting.ts'
import { calling } from '../tools/tool-chat.ts'
import { busyChat } from './chat.ts'

const tools: EngineOptions['tools'] = {
  now: { execute: () => 'noon' },
  where: { execute: () => 'here' },
}
const client = { ask: { description: 'Asks the user.', inputSchema: { type: 'object' } } }

/** The names of the tools in a request. */
function offered(body: unknown): readonly string[] | undefined {
  const { tools: given } = body as { tools?: { function: { name: string } }[] }
  return given?.map((tool) => tool.function.name)
}

/** Closes the engine, and opens its database with the same tools. */
async function restarted(
  { provider, engine }: Awaited<ReturnType<typeof busyChat>>,
  database: string,
) {
  await engine.close()
  const again = await testEngine({ database, tools })
  await again.putEndpoint('online', { url: provider.url, apiKey: 'k', model: 'm' })
  return again
}

test('a queued turn runs the tools that its send named, and its choice holds', async () => {
  const { provider, engine, id, gate } = await busyChat({ tools })
  const turn = await engine.send(id, 'the time?', { tools: ['now'], toolChoice: { tool: 'now' } })
  provider.next(calling({ name: 'now' }))
  gate.open()

  expect((await turn.reply).message.parts).toMatchObject([
    { type: 'tool-call', toolName: 'now' },
    { type: 'tool-result', output: 'noon' },
    { type: 'text' },
  ])
  const { body } = provider.requests[1] as (typeof provider.requests)[number]
  expect(offered(body)).toEqual(['now'])
  expect(body).toMatchObject({ tool_choice: { type: 'function', function: { name: 'now' } } })
  expect(await engine.listCalls(turn.id)).toMatchObject([{ toolName: 'now', state: 'finished' }])
})

test('a queued turn keeps its names, its choice and definitions over a restart', async () => {
  const database = await testDatabase()
  const chat = await busyChat({ database, tools })
  const { provider, engine, id } = chat
  const named = await engine.send(id, 'one', {
    tools: ['where'],
    toolChoice: 'required',
    parallelToolCalls: false,
    limits: { steps: 2 },
  })
  const defined = await engine.send(id, 'two', { tools: client })
  const again = await restarted(chat, database)
  provider.next(calling({ name: 'where' }))
  const turns = [await again.attachTurn(named.id), await again.attachTurn(defined.id)]
  await again.resumeQueue(id)
  for (const turn of turns) await turn.reply

  const [, first, last, second] = provider.requests.map(({ body }) => body)
  expect(offered(first)).toEqual(['where'])
  expect(first).toMatchObject({ tool_choice: 'required', parallel_tool_calls: false })
  expect(last).toMatchObject({ tool_choice: 'none' })
  expect(offered(second)).toEqual(['ask'])
})

test('a queued turn with tools of its own fails after a restart, and says why', async () => {
  const database = await testDatabase()
  const chat = await busyChat({ database, tools })
  const { engine, id } = chat
  const turn = await engine.send(id, 'one', { tools: { mine: { execute: () => 1 } } })
  const again = await restarted(chat, database)
  const attached = await again.attachTurn(turn.id)
  await again.resumeQueue(id)

  expect(await outcomeOf(attached.reply)).toMatchObject({ error: { code: 'invalid-option' } })
  expect(chat.provider.requests).toHaveLength(1)
})

test('an unknown tool is refused when the turn is queued', async () => {
  const { engine, id, gate } = await busyChat({ tools })
  const sent = await outcomeOf(engine.send(id, 'one', { tools: ['nothing'] }))

  expect(sent).toMatchObject({ error: { code: 'invalid-option' } })
  expect(await engine.listQueue(id)).toEqual([])
  gate.open()
})

test.each([
  ['the same names', { tools: ['now'] }, { tools: ['now'] }, ['merged', 'merged']],
  ['other names', { tools: ['now'] }, { tools: ['where'] }, ['queued', 'merged']],
  ['the same definitions', { tools: client }, { tools: client }, ['merged', 'merged']],
  ['another choice', {}, { toolChoice: 'required' as const }, ['queued', 'merged']],
  ['functions', {}, { tools: { mine: { execute: () => 1 } } }, ['queued', 'queued']],
  ['a context', {}, { toolContext: {} }, ['queued', 'queued']],
  ['a function for its steps', {}, { prepareStep: () => ({}) }, ['queued', 'queued']],
])('sends with %s share a queued turn where nothing tells them apart', async (...row) => {
  const [, first, second, placed] = row
  const { engine, id, gate } = await busyChat({ tools, sendPolicy: 'merge' })
  await engine.send(id, 'one', first)

  const sent = [await engine.send(id, 'two', second), await engine.send(id, 'three', second)]
  expect(sent.map((turn) => turn.placed)).toEqual(placed)
  gate.open()
})
